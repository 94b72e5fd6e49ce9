"""Models from PyTorch: they say what plain NumPy, and PyTorch where it is installed, make of the
same arrays.
"""

import importlib.util

import numpy as np
import pytest
from export_support import (
    ACTIVATIONS,
    TOLERANCE,
    WORDS,
    learnt_factors_model,
    linear,
    normalize,
    random_norm,
    random_state,
    rows,
    sigmoid,
    softmax,
)
from safetensors.numpy import save_file

import fastmlp
from fastmlp.errors import FastMLPError, ModelFileError, UsageError
from fastmlp.export.activations import BY_TORCH_CLASS
from fastmlp.export.torch.module import OWN_LAYERS

HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(
    not HAS_TORCH, reason="PyTorch is not installed (the extra bench has it)"
)


def plain(state, x, activation="relu"):
    """The outputs of linear layers 0, 2, 4, … with an activation between."""
    names = [name.removesuffix(".weight") for name in state if name.endswith(".weight")]
    for name in names:
        x = linear(x, state, name)
        x = ACTIVATIONS[activation](x) if name != names[-1] else x
    return x


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation):
    state = random_state([5, 9, 7, 3], seed=2)
    model = fastmlp.from_torch(
        state, activation=WORDS.get(activation, activation), task="regression"
    )
    x = rows(100, 5)
    assert np.allclose(model.predict(x), plain(state, x, activation), **TOLERANCE)


def test_learnt_factors_and_clamped_outputs(tmp_path):
    """Scaling, shares and limits become what they were, from a state_dict."""
    model = learnt_factors_model(tmp_path)
    again = fastmlp.from_torch(model.to_torch(), activation="selu,signed_log", task="regression")
    x = rows(100, 4) * 3
    scale = np.abs(model.predict(x)).max(axis=0)
    assert np.allclose(again.predict(x) / scale, model.predict(x) / scale, atol=2e-5)
    assert again.network.architecture.activation_mix
    np.testing.assert_allclose(again.targets.limits, model.targets.limits, rtol=1e-6)
    assert again.network.architecture.input_scale
    one = {name: array for name, array in model.to_torch().items() if name != "3.mix"}
    first_pure = fastmlp.from_torch(one, activation="selu,signed_log", task="regression")
    shares = first_pure.network.named_parameters()
    assert (shares["mixed_activation_0.mix"].values == 1).all()
    assert (shares["mixed_activation_1.mix"].values != 1).any()


@pytest.mark.parametrize(
    ("scalings", "input_scale"),
    [
        ([([2.0, 3.0], [1.0, 0.0])], False),
        ([([2.0, 3.0], [0.0, 0.0])], False),
        ([([2.0, -3.0], [0.0, 0.0])], True),
        ([([2.0, 3.0], [1.0, 0.0]), ([0.5, 0.0], [0.0, 0.0])], True),
        ([([2.0, 3.0], [1.0, 0.0]), ([0.5, 4.0], [0.0, 5.0])], False),
        ([([2.0, 3.0], [0.0, 0.0]), ([-1.0, 4.0], [0.0, 0.0]), ([3.0, 3.0], [0.0, 0.0])], True),
    ],
)
def test_scalings_become_that_of_the_features_and_learnt_factors(scalings, input_scale):
    state, x = random_state([2, 5, 1]), rows(30, 2)
    named = [{"scale": np.array(s), "shift": np.array(b)} for s, b in scalings]
    before = {f"a{n}.{key}": v for n, each in enumerate(named) for key, v in each.items()}
    model = fastmlp.from_torch(before | state, activation="relu", task="regression")
    assert model.network.architecture.input_scale == input_scale
    scaled = x.astype(np.float64)
    for each in named:
        scaled = scaled * each["scale"] + each["shift"]
    assert np.allclose(model.predict(x), plain(state, scaled)[:, 0], rtol=1e-5, atol=1e-5)


def test_a_scaling_without_a_place_is_refused():
    ones = {"a.scale": np.ones(2), "a.shift": np.zeros(2)}
    wrong = {"b.scale": np.array([1.0, -1.0]), "b.shift": np.ones(2)}
    with pytest.raises(UsageError, match="has no place in an MLP"):
        fastmlp.from_torch(
            ones | wrong | random_state([2, 5, 1]), activation="relu", task="regression"
        )


def test_clamped_classes_are_refused():
    state = random_state([5, 9, 3]) | {"3.low": np.zeros(3), "3.high": np.ones(3)}
    with pytest.raises(UsageError, match="clamped, which goes with regression"):
        fastmlp.from_torch(state, activation="relu", classes=["a", "b", "c"])


def test_classes_and_their_probabilities():
    state = random_state([5, 9, 3])
    model = fastmlp.from_torch(state, activation="relu", classes=["a", "b", "c"])
    x = rows(50, 5)
    shares = softmax(plain(state, x))
    assert np.allclose(model.predict_outputs(x), shares, **TOLERANCE)
    assert np.array_equal(model.predict(x), np.array(["a", "b", "c"])[shares.argmax(axis=1)])


@pytest.mark.parametrize("classes", [["rose", "iris", "aster"], [2, 0, 1], [2.5, 0.5, -1.0]])
def test_classes_in_any_order(classes):
    state = random_state([4, 3])
    x = rows(50, 4)
    model = fastmlp.from_torch(state, classes=classes)
    shares = softmax(plain(state, x))
    assert model.classes == sorted(classes)
    assert np.array_equal(model.predict(x), np.array(classes)[shares.argmax(axis=1)])
    assert np.allclose(model.predict_outputs(x), shares[:, np.argsort(classes)], **TOLERANCE)


@pytest.mark.parametrize("classes", [[False, True], ["yes", "no"], None])
def test_a_single_logit(classes):
    state = random_state([4, 6, 1])
    x = rows(50, 4)
    model = fastmlp.from_torch(state, activation="tanh", classes=classes, task="classification")
    share = sigmoid(plain(state, x, "tanh"))[:, 0]
    named = np.array([0, 1] if classes is None else classes)
    assert np.array_equal(model.predict(x), named[(share > 0.5).astype(int)])
    assert np.allclose(
        model.predict_outputs(x)[:, list(model.classes).index(named[1].item())], share, **TOLERANCE
    )


def test_several_labels_a_row():
    state = random_state([4, 6, 5])
    x = rows(50, 4)
    model = fastmlp.from_torch(state, activation="relu", task="multilabel")
    assert np.allclose(model.predict_outputs(x), sigmoid(plain(state, x)), **TOLERANCE)


def test_what_the_inputs_were_normalised_with():
    state = random_state([3, 6, 2])
    x = rows(50, 3) * 3 + 7
    for mean, deviation in ((7, 3), ([7, 6, 8], [3, 2, 4]), (None, 3), ([7, 7, 6], None)):
        model = fastmlp.from_torch(
            state, activation="relu", task="regression", mean=mean, deviation=deviation
        )
        scaled = (x - np.asarray(0 if mean is None else mean)) / np.asarray(
            1 if deviation is None else deviation
        )
        assert np.allclose(model.predict(x), plain(state, scaled), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("epsilon", [1e-5, 1e-3, 0.0])
def test_batch_normalisation_in_every_hidden_layer_is_kept(epsilon):
    state = random_state([4, 8, 6, 2], batch_norm=True)
    model = fastmlp.from_torch(state, activation="elu(1.5)", task="regression", epsilon=epsilon)
    assert model.network.architecture.batch_norm == "hidden"
    x = rows(50, 4)
    elu = ACTIVATIONS["elu"]
    hidden = elu(normalize(linear(x, state, "0"), state, "1", epsilon))
    hidden = elu(normalize(linear(hidden, state, "3"), state, "4", epsilon))
    assert np.allclose(model.predict(x), linear(hidden, state, "6"), **TOLERANCE)


def test_batch_normalisation_elsewhere_becomes_part_of_the_linear_layers():
    random = np.random.default_rng(5)
    state = random_norm("in", 4, random) | {f"a.{k}": v for k, v in random_state([4, 8]).items()}
    state |= random_norm("norm", 8, random) | {
        f"b.{k}": v for k, v in random_state([8, 6], 1).items()
    }
    state |= {f"c.{k}": v for k, v in random_state([6, 2], 2).items()} | random_norm(
        "out", 2, random
    )
    state = {
        name.replace(".0.", "."): np.asarray(array, np.float32) for name, array in state.items()
    }
    model = fastmlp.from_torch(state, activation="tanh", task="regression")
    assert model.network.architecture.batch_norm == "input"
    x = rows(50, 4)
    hidden = np.tanh(normalize(linear(normalize(x, state, "in"), state, "a"), state, "norm"))
    expected = normalize(linear(np.tanh(linear(hidden, state, "b")), state, "c"), state, "out")
    assert np.allclose(model.predict(x), expected, rtol=1e-5, atol=1e-5)


def test_layers_without_bias_and_float64():
    state = random_state([3, 5, 2], dtype=np.float64, bias=False)
    x = rows(20, 3, dtype=np.float64)
    model = fastmlp.from_torch(state, activation="relu", task="regression")
    assert model.network.dtype == np.float64
    expected = np.maximum(x @ state["0.weight"].T, 0) @ state["2.weight"].T
    assert np.allclose(model.predict(x), expected, rtol=1e-12, atol=1e-12)


def test_it_is_saved_loaded_and_used_from_the_command_line(tmp_path, capsys):
    from fastmlp.cli import main

    state = random_state([3, 8, 8, 2], batch_norm=True)
    model = fastmlp.from_torch(
        state, activation="leaky_relu(0.123456789),silu", classes=["b", "a"], feature_names="xyz"
    )
    model.save(tmp_path)
    again = fastmlp.load(tmp_path)
    x = rows(30, 3)
    assert np.array_equal(again.predict_outputs(x), model.predict_outputs(x))
    assert again.classes == ["a", "b"]
    assert again.features.output_names == ("x", "y", "z")
    np.savez(tmp_path / "new.npz", X=x, y=model.predict(x))
    assert main(["predict", str(tmp_path), str(tmp_path / "new.npz")]) == 0
    assert main(["evaluate", str(tmp_path), str(tmp_path / "new.npz")]) == 0
    assert "accuracy  1.0000" in capsys.readouterr().out
    assert main(["evaluate", str(tmp_path)]) == 2  # its own data are not known
    assert "the network comes from PyTorch" in capsys.readouterr().err


def test_saving_makes_the_folder_or_says_why_not(tmp_path):
    model = fastmlp.from_torch(random_state([3, 2]), task="regression")
    assert (
        model.save(str(tmp_path / "new" / "folder"))
        == tmp_path / "new" / "folder" / "model.safetensors"
    )
    (tmp_path / "file").write_text("")
    with pytest.raises(
        UsageError, match=r"cannot make the folder .*file: File exists; give another"
    ):
        model.save(tmp_path / "file")


def test_a_safetensors_file_whose_layers_are_out_of_order(tmp_path):
    state = random_state([4] * 8 + [2])  # layers 0, 2, … 14: as texts 10 comes before 2
    save_file(dict(sorted(state.items())), tmp_path / "net.safetensors")
    model = fastmlp.from_torch(tmp_path / "net.safetensors", activation="tanh", task="regression")
    x = rows(9, 4)
    assert np.allclose(model.predict(x), plain(state, x, "tanh"), **TOLERANCE)


def test_the_way_there_and_back_without_torch(regression):
    again = fastmlp.from_torch(regression.to_torch(), activation="tanh", task="regression")
    x = rows(40, 4)
    expected = regression.predict(x)
    assert np.allclose(
        again.predict(x), expected, rtol=1e-6, atol=1e-6 * regression.targets.deviation.max()
    )


VECTOR = {f"n.{kind}": np.ones(4) for kind in ("weight", "bias")}
STATISTICS = {f"n.{kind}": np.ones(4) for kind in ("weight", "bias", "running_mean", "running_var")}
OK = random_state([4, 4, 3])


@pytest.mark.parametrize(
    ("state", "words", "message"),
    [
        ({"c.weight": np.ones((3, 1, 5, 5))}, {}, "layer 'c' is a convolution"),
        (
            {"rnn.weight_ih_l0": np.ones((4, 4)), "rnn.weight_hh_l0": np.ones((4, 4))},
            {},
            "is recurrent",
        ),
        ({"a.in_proj_weight": np.ones((12, 4)), "a.in_proj_bias": np.ones(12)}, {}, "is attention"),
        (OK | VECTOR, {}, "is a LayerNorm"),
        ({"p.weight": np.ones(1)}, {}, "PReLU"),
        ({"x.alpha": np.ones(1)}, {}, "has arrays alpha"),
        (
            {"0.weight": np.ones((3, 4)), "2.weight": np.ones((3, 4))},
            {},
            "a linear layer takes 4 columns .* gives 3",
        ),
        ({"0.weight": np.ones((3, 4)), "0.bias": np.ones(4)}, {}, "bias of shape"),
        ({"0.weight": np.full((3, 4), np.nan)}, {}, "not finite"),
        ({"0.weight": np.array([["a"]])}, {}, "are numbers"),
        ({"n.running_mean": np.ones(4)}, {}, "has arrays running_mean"),
        (STATISTICS, {}, "no linear layer"),
        (
            STATISTICS | {f"2{k}": v for k, v in STATISTICS.items()} | OK,
            {},
            "one batch normalisation at most",
        ),
        (
            OK | {f"n.{k}": np.ones(5) for k in ("weight", "bias", "running_mean", "running_var")},
            {},
            "a batch normalisation takes 5 columns .* gives 3",
        ),
        ({}, {}, "state_dict"),
        (OK, {"activation": None}, "does not say which activations"),
        (OK, {"activation": "rleu"}, "did you mean 'relu'"),
        (OK, {"activation": "relu,tanh"}, "2 values for 1 hidden"),
        (OK, {"task": None}, "give task"),
        (OK, {"task": "ranking"}, "task 'ranking' is not known"),
        (OK, {"classes": ["a", "b"]}, "tells 3 classes apart"),
        (OK, {"classes": ["a", "b", "b"]}, "tells 3 classes apart"),
        (OK, {"classes": [None, "b", "c"]}, "all texts"),
        (OK, {"task": "regression", "classes": [1, 2, 3]}, "classes go with classification"),
        (OK, {"deviation": 0}, "greater than 0"),
        (OK, {"mean": [1, 2]}, "a number for each of 4 columns"),
        (OK, {"mean": [1, 2], "deviation": [1, 2, 3]}, "do not fit"),
        (OK, {"mean": "x"}, "must be numbers"),
        (OK, {"feature_names": ["a"]}, "reads 4 columns"),
        (OK, {"device": "tpu"}, "not known"),
        (random_state([4, 1]), {"output_activation": "tanh"}, "a single output"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_over_is_said_in_one_line(state, words, message):
    with pytest.raises(FastMLPError, match=message) as raised:
        fastmlp.from_torch(state, **({"activation": "relu", "task": "classification"} | words))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("source", [None, 3, [1], "no such file.safetensors", __file__])
def test_what_is_no_network(source):
    with pytest.raises((UsageError, ModelFileError), match="state_dict"):
        fastmlp.from_torch(source, activation="relu", task="regression")


@needs_torch
class TestSequential:
    def layers(self):
        from torch import nn

        return nn

    def assert_same(self, network, x=None, final=None, **words):
        import torch

        network.eval()
        x = rows(60, 4) if x is None else x
        with torch.no_grad():
            expected = network(torch.from_numpy(x))
            expected = (final(expected) if final else expected).numpy()
        model = fastmlp.from_torch(network, **words)
        assert np.allclose(model.predict_outputs(x), expected, rtol=1e-6, atol=2e-6)
        return model

    def warmed_up(self, network):
        import torch

        torch.manual_seed(0)
        network.train()
        with torch.no_grad():
            for _ in range(20):
                network(torch.randn(64, 4) * 2 + 1)
        return network

    def test_every_layer_that_is_read(self):
        nn = self.layers()
        given = {"LeakyReLU": (0.3,), "ELU": (0.5,), "Softmax": (1,)}
        kinds = [
            getattr(nn, name)(*given.get(name, ()))
            for name in sorted(BY_TORCH_CLASS.keys() - {*OWN_LAYERS})
        ]
        for kind in kinds:
            self.assert_same(
                nn.Sequential(nn.Linear(4, 9), kind, nn.Linear(9, 2)), task="regression"
            )

    @pytest.mark.parametrize("place", ["before", "behind", "mixed", "everywhere"])
    def test_batch_normalisation(self, place):
        nn = self.layers()
        norms = {
            "before": (0, 1, 0),
            "behind": (0, 0, 1),
            "mixed": (1, 1, 1),
            "everywhere": (1, 1, 0),
        }[place]
        first = [nn.BatchNorm1d(4)] * norms[0]
        inner = [
            *[nn.BatchNorm1d(8, eps=1e-3)] * norms[1],
            nn.Tanh(),
            *[nn.BatchNorm1d(8, affine=False)] * norms[2],
        ]
        network = nn.Sequential(*first, nn.Linear(4, 8), *inner, nn.Dropout(0.5), nn.Linear(8, 3))
        model = self.assert_same(self.warmed_up(network), task="regression")
        word = {"before": "hidden", "behind": "none", "mixed": "all", "everywhere": "all"}[place]
        assert model.network.architecture.batch_norm == word

    @pytest.mark.parametrize("last", ["nothing", "softmax", "log_softmax"])
    def test_the_end_of_a_classifier(self, last):
        nn = self.layers()
        ends = {"nothing": [], "softmax": [nn.Softmax(1)], "log_softmax": [nn.LogSoftmax(1)]}[last]
        final = {
            "nothing": lambda z: z.softmax(1),
            "softmax": None,
            "log_softmax": lambda z: z.exp(),
        }[last]
        network = nn.Sequential(
            nn.Flatten(), nn.Sequential(nn.Linear(4, 6), nn.ReLU()), nn.Linear(6, 3), *ends
        )
        self.assert_same(network, final=final, classes=[0, 1, 2])

    def test_sigmoids(self):
        nn = self.layers()
        network = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid())
        for task in ("multilabel", "regression"):
            self.assert_same(network, task=task)
        self.assert_same(network, classes=["a", "b", "c"])  # one against the rest

    def test_half_precision_and_double(self):
        import torch

        nn = self.layers()
        network = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))
        model = self.assert_same(network.double(), rows(9, 4, dtype=np.float64), task="regression")
        assert model.network.dtype == np.float64
        for kind in (torch.bfloat16, torch.float16):
            halved = network.to(kind)
            model = fastmlp.from_torch(halved, task="regression")
            assert model.network.dtype == np.float32
            self.assert_same(halved.float(), task="regression")

    def test_a_module_of_ones_own_is_read_by_its_state_dict(self):
        nn = self.layers()

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.second = nn.Linear(4, 7), nn.Linear(7, 2)

            def forward(self, x):
                return self.second(self.first(x).tanh())

        self.assert_same(Net(), activation="tanh", task="regression")
        with pytest.raises(UsageError, match="does not say which activations"):
            fastmlp.from_torch(Net(), task="regression")

    @pytest.mark.parametrize(
        ("layer", "message"),
        [
            (lambda nn: nn.Conv1d(1, 1, 1), "'1' is Conv1d"),
            (lambda nn: nn.LayerNorm(4), "LayerNorm"),
            (lambda nn: nn.GELU(approximate="tanh"), "approximate='none'"),
            (lambda nn: nn.Softplus(beta=2), "beta=1"),
            (lambda nn: nn.BatchNorm1d(4, track_running_stats=False), "no running statistics"),
            (lambda nn: nn.LogSoftmax(1), "LogSoftmax"),
            (lambda nn: nn.Softmax(0), "dim=-1"),
            (lambda nn: nn.ReLU6(), "ReLU6"),
            (lambda nn: type("ReLU", (nn.Module,), {})(), "'1' is ReLU, which"),
            (lambda nn: nn.LeakyReLU(1.5), "slope"),
            (lambda nn: nn.Sequential(nn.ReLU(), nn.Tanh()), "an activation follows"),
        ],
    )
    def test_layers_that_an_mlp_does_not_have(self, layer, message):
        nn = self.layers()
        network = nn.Sequential(nn.Linear(4, 4), layer(nn), nn.Linear(4, 2))
        with pytest.raises(UsageError, match=message):
            fastmlp.from_torch(network, task="regression")

    def test_a_layer_that_stands_in_two_places(self):
        nn = self.layers()
        f = nn.Tanh()
        self.assert_same(
            nn.Sequential(nn.Linear(4, 6), f, nn.Linear(6, 6), f, nn.Linear(6, 2)),
            task="regression",
        )

    def test_a_sequential_that_does_more_is_read_by_its_state_dict(self):
        nn = self.layers()

        class Doubled(nn.Sequential):
            def forward(self, x):
                return 2 * super().forward(x)

        with pytest.raises(UsageError, match="does not say which activations"):
            fastmlp.from_torch(
                Doubled(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), task="regression"
            )

    def test_activations_are_not_given_twice(self):
        nn = self.layers()
        with pytest.raises(UsageError, match="brings its own activations"):
            fastmlp.from_torch(nn.Sequential(nn.Linear(4, 2)), task="regression", activation="relu")

    def test_an_empty_one(self):
        with pytest.raises(UsageError, match="no linear layer"):
            fastmlp.from_torch(self.layers().Sequential(), task="regression")
