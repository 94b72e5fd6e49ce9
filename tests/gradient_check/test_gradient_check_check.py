"""The gradient check: it passes what is right, names the layer of what is wrong, and leaves kinks
out by its rule.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.errors import UsageError
from fastmlp.gradient_check.check import gradcheck
from fastmlp.gradient_check.differences import STEP, slopes
from fastmlp.gradient_check.results import AGREES, NOT_COMPARED, WRONG
from fastmlp.nn.activations import ACTIVATIONS
from fastmlp.nn.losses import LOSSES


def verdicts(found):
    return {
        f"{layer.name}.{each.symbol}": each.verdict
        for layer in found.layers
        for each in layer.comparisons
    }


@pytest.fixture
def scalar_function_is(monkeypatch):
    """Make the backend take another scalar function than the one that it is asked for."""
    right = CpuBackend.scalar_function

    def change(name, wrong):
        monkeypatch.setattr(
            CpuBackend,
            "scalar_function",
            lambda self, asked: right(self, wrong if asked == name else asked),
        )

    return change


@pytest.fixture
def after(monkeypatch):
    """Do something to an operation's arguments after it ran, or instead of it."""
    right = CpuBackend.launch

    def change(name, harm, instead=False):
        def launch(self, operation, *arguments):
            if operation.name != name or not instead:
                right(self, operation, *arguments)
            if operation.name == name:
                harm(*arguments)

        monkeypatch.setattr(CpuBackend, "launch", launch)

    return change


@pytest.mark.parametrize("place", ["none", "hidden", "input", "all"])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation_agrees(activation, place):
    found = gradcheck(activation=activation, batch_norm=place, dropout="0.2", seed=1)
    assert found.passed, verdicts(found)
    assert found.culprit is None


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weights", ["own", "shared"])
@pytest.mark.parametrize("loss", ["auto", "log_loss", "poisson"])
def test_every_member_agrees(loss, weights, reduction):
    how = {"members": 3, "member_weights": weights, "dropout": "0.2", "l2": 0.1, "rows": 3}
    found = gradcheck(loss=loss, reduction=reduction, **how)
    assert found.passed, verdicts(found)
    names = {each.name for layer in found.layers for each in layer.comparisons}
    last = "dense_2" if weights == "own" else "dense_0"
    assert {f"member_{number}.{last}.weight" for number in range(3)} <= names
    assert ("scale" in names) == (weights == "shared")


def test_a_wrong_scale_is_found(after):
    after("scale_members_backward", lambda dy, x, scale, block, dscale: dscale.__imul__(1.01))
    found = gradcheck(members=2, member_weights="shared")
    assert found.culprit.name == "member_scale_3"


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("loss", [*sorted(LOSSES), "huber(0.3)"])
def test_every_loss_agrees(loss, reduction):
    assert gradcheck(loss=loss, reduction=reduction, l1=0.01, l2=0.1, decay_biases=True).passed


@pytest.mark.parametrize("soft_targets", [False, True])
def test_label_smoothing_agrees(soft_targets):
    assert gradcheck(label_smoothing=0.1, soft_targets=soft_targets).passed


@pytest.mark.parametrize(
    "how", [{"hidden": "none"}, {"rows": 1}, {"inputs": 1, "outputs": 1}, {"hidden": [17, 1, 9]}]
)
def test_edge_sizes_agree(how):
    assert gradcheck(**how).passed


@pytest.mark.parametrize("encoding", ["plain", "piecewise(4)", "periodic(5)"])
@pytest.mark.parametrize("embed_above", [None, 1, 5])
def test_encodings_and_embeddings_agree(encoding, embed_above):
    how = {"number_encoding": encoding, "input_activation": "smooth_clip(2)", "embedding_width": 3}
    found = gradcheck(embed_above=embed_above, batch_norm="input", seed=2, **how)
    assert found.passed, verdicts(found)
    names = {layer.name for layer in found.layers}
    assert ("embedding_0" in names) == (embed_above is not None)
    assert {"plain": "dense_0", "piecewise(4)": "piecewise_0"}.get(encoding, "periodic_0") in names


def test_float32_is_measured_against_float64():
    found = gradcheck(
        dtype="float32", activation="gelu", batch_norm="hidden", dropout="0.3", l2=0.1
    )
    assert found.passed
    assert found.tolerance == pytest.approx(np.finfo(np.float32).eps ** (1 / 3))
    assert max(each.error for each in found.comparisons) > 1e-8  # float32 did compute it


def test_layers_come_from_the_output_to_the_input():
    found = gradcheck(hidden=[5, 3], batch_norm="all", dropout="0.2")
    assert [layer.name for layer in found.layers] == [
        "loss", "dense_2", "dropout_1", "activation_1", "batch_normalization_2", "dense_1",
        "dropout_0", "activation_0", "batch_normalization_1", "dense_0", "batch_normalization_0",
    ]  # fmt: skip
    shapes = {
        f"{layer.name}.{each.symbol}": each.shape
        for layer in found.layers
        for each in layer.comparisons
    }
    assert shapes["loss.dz"] == (8, 3)
    assert shapes["dense_1.dW"] == (5, 3)
    assert shapes["dense_2.db"] == (3,)
    assert shapes["batch_normalization_1.dγ"] == shapes["batch_normalization_1.dβ"] == (5,)
    assert shapes["batch_normalization_0.dx"] == (8, 4)
    assert "dense_1.db" not in shapes


def test_the_same_seed_finds_the_same():
    assert gradcheck(seed=3).to_dict() == gradcheck(seed=3).to_dict()
    assert gradcheck(seed=3).loss != gradcheck(seed=4).loss


def test_the_derivatives_shown_are_those_of_the_place():
    """Closed form: without hidden layers under mse, dW = xᵀ·dz and dx = dz·Wᵀ; the sum of each
    column of dz is db.
    """
    found = gradcheck(hidden="none", loss="mse", seed=2)
    by_name = {each.symbol: each for each in found.comparisons}
    for each in by_name.values():
        assert each.backward == pytest.approx(each.differences, rel=1e-6)
        assert all(
            0 <= index < length for index, length in zip(each.place, each.shape, strict=True)
        )
    assert {each.looked_at for each in found.comparisons} == {24, 12, 3, 32}


@pytest.mark.parametrize(
    ("activation", "wrong", "culprit"),
    [("tanh", "sigmoid_derivative", "dense_1"), ("sigmoid", "identity_derivative", "dense_1")],
)
def test_a_wrong_activation_derivative_is_found(scalar_function_is, activation, wrong, culprit):
    kernel = {"tanh": "hyperbolic_tangent"}.get(activation, activation)
    scalar_function_is(f"{kernel}_derivative", wrong)
    found = gradcheck(activation=activation)
    assert not found.passed
    assert found.culprit.name == culprit
    assert {verdicts(found)[f"dense_2.{symbol}"] for symbol in ("dW", "db", "dx")} == {AGREES}
    assert {verdicts(found)[f"dense_1.{symbol}"] for symbol in ("dW", "db", "dx")} == {WRONG}


def test_one_wrong_activation_of_several_is_named(scalar_function_is):
    scalar_function_is("silu_derivative", "gelu_derivative")
    found = gradcheck(hidden="5,4,3", activation="silu,tanh,gelu")
    assert [layer.name for layer in found.layers if layer.is_wrong] == ["dense_0"]


def test_a_wrong_loss_is_found(scalar_function_is):
    scalar_function_is("squared_error_derivative", "huber_derivative")
    assert gradcheck(loss="mse").culprit.name == "loss"


def test_a_dropout_that_forgets_its_mask_is_found(after):
    after("dropout_backward", lambda *arguments: None, instead=True)
    found = gradcheck(dropout="0.4,0")
    assert found.culprit.name == "dropout_0"


def test_a_batch_normalization_that_forgets_its_mean_is_found(after):
    def forget(dy, normalized, gamma, inverse_deviation, dgamma, dbeta, dx):
        dx[...] = gamma * inverse_deviation * (dy - normalized * dgamma / len(dy))

    after("batch_normalization_backward", forget)
    found = gradcheck(batch_norm="input", hidden="4")
    assert found.culprit.name == "batch_normalization_0"
    wrong = {name for name, verdict in verdicts(found).items() if verdict == WRONG}
    assert wrong == {"batch_normalization_0.dx"}


def test_a_forgotten_penalty_is_found(after):
    after("add_penalty", lambda *arguments: None, instead=True)
    found = gradcheck(l2=0.1)
    assert {name for name, verdict in verdicts(found).items() if verdict == WRONG} == {
        "dense_0.dW", "dense_1.dW", "dense_2.dW",
    }  # fmt: skip


def test_one_wrong_number_of_many_is_found_and_shown(after):
    def spoil(upstream, a):
        upstream[2, 1] += 1e-5

    after("softmax_backward", spoil)
    found = gradcheck(output_activation="softmax", loss="mse", hidden="none")
    assert found.culprit.name == "dense_0"
    assert {name for name, verdict in verdicts(found).items() if verdict == WRONG} == {
        "dense_0.dW", "dense_0.db", "dense_0.dx",
    }  # fmt: skip
    [dx] = [each for each in found.culprit.comparisons if each.symbol == "dx"]
    assert dx.place[0] == 2


def test_a_derivative_that_is_not_a_number_is_wrong(after):
    after("add_penalty", lambda gradient, *_: gradient.fill(math.nan))
    found = gradcheck(l2=0.1)
    assert found.culprit.name == "dense_2"
    assert found.culprit.comparisons[0].error == math.inf


def test_kinks_are_counted_and_left_out():
    """A unit whose inputs are all dropped has z = b = 0 exactly, where relu bends."""
    found = gradcheck(activation="relu", bias_init="zeros", hidden="2,2", dropout="0.5")
    assert found.passed
    by_name = {
        f"{layer.name}.{each.symbol}": each for layer in found.layers for each in layer.comparisons
    }
    assert by_name["dense_1.db"].verdict == NOT_COMPARED
    assert by_name["dense_1.db"].kinks == 2
    assert by_name["dense_1.db"].place is None
    assert by_name["dense_1.dx"].kinks > 0
    assert by_name["dense_1.dx"].verdict == AGREES
    assert (
        sum(
            each.kinks
            for each in gradcheck(activation="gelu", hidden="2,2", dropout="0.5").comparisons
        )
        == 0
    )


def test_l1_has_a_kink_at_zero():
    found = gradcheck(init="zeros", l1=0.1, loss="mse")
    kinks = {
        f"{layer.name}.{each.symbol}": each.kinks
        for layer in found.layers
        for each in layer.comparisons
    }
    assert kinks["dense_0.dW"] == 20
    assert kinks["dense_0.db"] == 0


def test_where_nothing_was_compared_nothing_passed():
    found = gradcheck(hidden="none")
    nothing = [replace(each, verdict=NOT_COMPARED) for each in found.comparisons]
    assert not replace(found, layers=[replace(found.layers[0], comparisons=nothing)]).passed


def test_elements_are_drawn_where_there_are_many():
    found = gradcheck(inputs=30, hidden="20", elements=10)
    assert {each.looked_at for each in found.comparisons} == {10, 3}
    assert found.passed
    assert gradcheck(inputs=30, hidden="20", elements=0).layers[-1].comparisons[0].looked_at == 600


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"rows": 0}, "rows"),
        ({"inputs": 2.5}, "inputs"),
        ({"elements": -1}, "elements"),
        ({"lr": 0.1}, "lr"),
        ({"hiden": "3"}, "hidden"),
        ({"loss": "hinge"}, "loss"),
        ({"outputs": 1, "loss": "softmax_cross_entropy"}, "log_loss"),
        ({"loss": "mse", "soft_targets": True}, "soft targets"),
        ({"inputs": 10**9}, "too large"),
        ({"rows": 10**9}, "too large"),
        ({"init": "constant(1e30)", "activation": "identity", "hidden": ",".join("3" * 11)}, "nan"),
    ],
)
def test_what_cannot_be_checked_is_refused(how, words):
    with pytest.raises(UsageError, match=words):
        gradcheck(**how)


class TestSlopes:
    """The differences themselves, on functions whose derivative is known."""

    points = np.array([-2.0, -0.3, 0.7, 5.0])

    @pytest.mark.parametrize(
        ("function", "derivative"),
        [
            (np.sin, np.cos),
            (np.exp, np.exp),
            (np.square, lambda x: 2 * x),
            (lambda x: np.sin(300 * x), None),
        ],
    )
    def test_of_smooth_functions(self, function, derivative):
        derivative = derivative or (lambda x: 300 * np.cos(300 * x))
        found = slopes(lambda x: float(function(x).sum()), self.points, np.arange(4))
        assert not found.kinks.any()
        np.testing.assert_allclose(found.values, derivative(self.points), rtol=1e-5)

    def test_of_chosen_elements(self):
        found = slopes(lambda x: float((x**3).sum()), self.points, np.array([3, 0]))
        np.testing.assert_allclose(found.values, [75, 12], rtol=1e-8)

    def test_a_kink_has_none(self):
        found = slopes(lambda x: float(np.abs(x).sum()), np.array([1.0, 0.0, -1.0]), np.arange(3))
        assert found.kinks.tolist() == [False, True, False]

    @pytest.mark.parametrize("distance", [0.3, 0.9])
    def test_a_kink_beside_the_point_is_left_behind(self, distance):
        found = slopes(
            lambda x: float(np.maximum(x, 0).sum()), np.array([distance * STEP]), np.arange(1)
        )
        assert not found.kinks.any()
        np.testing.assert_allclose(found.values, [1], rtol=1e-6)

    def test_of_a_constant(self):
        found = slopes(lambda x: 0.0, self.points, np.arange(4))
        assert not found.values.any()
        assert not found.kinks.any()
