"""The network: its description, its layers, its flat buffers, and its forward pass."""

import numpy as np
import pytest
from oracles.activations import PARAMETERS, VALUES
from oracles.comparison import assert_close
from oracles.networks import build, forward

from fastmlp.errors import UsageError
from fastmlp.nn.activations import ACTIVATIONS, Softmax, parse_activation
from fastmlp.nn.initializers import parse_initializer
from fastmlp.nn.layers import ActivationLayer, BatchNormalization, Dense, Dropout
from fastmlp.nn.network import Architecture
from fastmlp.step.parameters import ALIGNMENT


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


class TestArchitecture:
    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"inputs": 0}, "inputs: a layer's width"),
            ({"outputs": -1}, "outputs: a layer's width"),
            ({"hidden": (5, 0)}, "hidden: a layer's width"),
            ({"hidden": (5.0,)}, "hidden: a layer's width"),
            ({"hidden": (True,)}, "hidden: a layer's width"),
            ({"batch_norm": "hiden"}, "did you mean 'hidden'"),
            ({"batch_norm_decay": 1.0}, "batch_norm_decay"),
            ({"batch_norm_decay": float("nan")}, "batch_norm_decay"),
            ({"dropout": (1.0,)}, "dropout"),
            ({"dropout": (-0.1,)}, "dropout"),
            ({"dropout": (float("nan"),)}, "dropout"),
            ({"hidden": (5, 5, 5), "dropout": (0.1, 0.2)}, "dropout has 2 values for 3 hidden"),
            (
                {"hidden": (5, 5, 5), "activation": "relu,tanh"},
                "activation has 2 values for 3 hidden",
            ),
            ({"hidden": (), "activation": "relu,tanh"}, "activation has 2 values for 0 hidden"),
        ],
    )
    def test_what_makes_no_network_is_refused(self, wrong, message):
        with pytest.raises(UsageError, match=message):
            Architecture(**{"inputs": 3, "outputs": 2, **wrong})

    @pytest.mark.parametrize(
        "word", ["relo", "leaky_relu(1)", "leaky_relu(-0.1)", "elu(0)", "relu(1)", "elu(x)", ""]
    )
    @pytest.mark.parametrize("place", ["activation", "output_activation"])
    def test_unknown_activations_are_refused(self, backend, place, word):
        with pytest.raises(UsageError, match="activation"):
            build(backend, **{place: word})

    def test_one_word_serves_every_layer_and_commas_in_brackets_belong_to_it(self, backend):
        network = build(backend, hidden=(4, 4), activation="leaky_relu(0.1),tanh")
        assert [str(layer.activation) for layer in network.layers] == [
            "leaky_relu(0.1)",
            "tanh",
            "identity",
        ]
        network = build(backend, hidden=(4, 4), activation=" ELU ")
        assert [str(layer.activation) for layer in network.layers] == [
            "elu(1)",
            "elu(1)",
            "identity",
        ]


class TestLayers:
    def test_plain(self, backend):
        assert kinds(build(backend, hidden=(5, 6))) == ["Dense", "Dense", "Dense"]

    def test_all_parts_in_order(self, backend):
        network = build(backend, hidden=(5, 6), batch_norm="all", dropout=(0.5, 0.0))
        block = ["Dense", "BatchNormalization", "ActivationLayer"]
        assert kinds(network) == ["BatchNormalization", *block, "Dropout", *block, "Dense"]
        dense = [layer for layer in network.layers if isinstance(layer, Dense)]
        assert [layer.bias is None for layer in dense] == [True, True, False]

    def test_batch_normalization_of_the_input_alone(self, backend):
        assert kinds(build(backend, batch_norm="input")) == ["BatchNormalization", "Dense", "Dense"]

    def test_identity_needs_no_layer_of_its_own(self, backend):
        assert not any(
            isinstance(layer, ActivationLayer)
            for layer in build(backend, activation="identity").layers
        )

    @pytest.mark.parametrize(
        ("place", "needed"), [("none", [False, True, True]), ("input", [False, True, True, True])]
    )
    def test_the_gradient_below_the_first_parameters_is_spared(self, backend, place, needed):
        network = build(backend, hidden=(5, 6), batch_norm=place)
        needed = needed if place == "none" else [False, True, True, True]
        assert [layer.needs_input_gradient for layer in network.layers] == needed
        network.forward(np.zeros((3, 4)), True)
        assert network.backward(np.ones((3, 3))) is None

    def test_without_bias_there_is_no_activation(self):
        zeros = parse_initializer("zeros")
        with pytest.raises(UsageError, match="without bias applies no activation, and got elu"):
            Dense(2, 3, parse_activation("elu"), zeros, zeros, has_bias=False)

    def test_softmax_is_an_activation(self):
        assert isinstance(parse_activation("softmax"), Softmax)

    @pytest.mark.parametrize("name", sorted(ACTIVATIONS))
    def test_the_text_of_an_activation_means_the_same(self, name):
        activation = parse_activation(name)
        again = parse_activation(str(activation))
        assert (again.name, again.parameter) == (activation.name, activation.parameter)
        assert parse_activation(activation) is activation


class TestParameters:
    @pytest.fixture
    def network(self, backend, dtype):
        return build(backend, dtype, hidden=(5, 33), batch_norm="all")

    def test_names_and_shapes(self, network):
        shapes = {
            name: parameter.values.shape for name, parameter in network.named_parameters().items()
        }
        norms = {
            f"batch_normalization_{i}.{name}": (width,)
            for i, width in enumerate((4, 5, 33))
            for name in ("gamma", "beta", "running_mean", "running_variance")
        }
        dense = {
            "dense_0.weight": (4, 5),
            "dense_1.weight": (5, 33),
            "dense_2.weight": (33, 3),
            "dense_2.bias": (3,),
        }
        assert shapes == norms | dense
        assert network.parameter_count() == 20 + 165 + 99 + 3 + 2 * (4 + 5 + 33)

    @pytest.mark.parametrize("hidden", [(), (5,), (5, 33)], ids=str)
    @pytest.mark.parametrize("place", ["none", "hidden", "input", "all"])
    def test_an_architecture_counts_them_before_they_are_there(self, backend, hidden, place):
        network = build(backend, hidden=hidden, batch_norm=place)
        assert network.architecture.parameters == network.parameter_count()
        assert network.architecture.widths == (4, *hidden, 3)
        assert str(network.architecture) == "-".join(map(str, (4, *hidden, 3)))

    def test_layers_are_named_by_kind_and_number(self, backend):
        network = build(backend, hidden=(5, 6), batch_norm="hidden", dropout=(0.0, 0.1))
        block = ("dense", "batch_normalization", "activation")
        first, second = ([f"{kind}_{number}" for kind in block] for number in (0, 1))
        assert network.layer_names() == [*first, *second, "dropout_0", "dense_2"]

    def test_views_share_the_flat_buffers_without_overlap(self, network):
        store = network.store
        store.values[...] = store.gradient[...] = store.statistics[...] = 0
        for number, parameter in enumerate(network.named_parameters().values(), 1):
            assert not parameter.values.any()
            parameter.values[...] = number
            assert parameter.values.ctypes.data % 64 == 0
            if parameter.gradient is not None:
                assert not parameter.gradient.any()
                parameter.gradient[...] = number
        trained = sum(p.size for layer in network.layers for p in layer.trained())
        assert np.count_nonzero(store.values) == np.count_nonzero(store.gradient) == trained
        assert np.count_nonzero(store.statistics) == 2 * (4 + 5 + 33)
        np.testing.assert_array_equal(store.values, store.gradient)

    @pytest.mark.parametrize("everything", [False, True])
    def test_segments_part_what_folds(self, backend, everything):
        store = build(backend, hidden=(5,), batch_norm="hidden", decay_biases=everything).store
        matrices, biases, others = (
            (True, True, True),
            (everything, True, False),
            (everything, False, False),
        )
        assert [(each.decays, each.folds, each.is_matrix) for each in store.segments] == [
            matrices,
            biases,
            others,
        ]
        folding = [segment for segment in store.segments if segment.folds]
        for parameter in store.trained:
            start = (
                parameter.values.ctypes.data - store.values.ctypes.data
            ) // store.values.itemsize
            inside = any(segment.start <= start < segment.stop for segment in folding)
            assert inside == (parameter.name in ("weight", "bias"))

    @pytest.mark.parametrize("everything", [False, True])
    def test_segments_part_what_decays(self, backend, everything):
        network = build(backend, hidden=(5,), decay_biases=everything)
        store = network.store
        assert [(s.start % ALIGNMENT, s.decays) for s in store.segments] == [
            (0, True),
            (0, everything),
        ]
        assert all(segment.folds for segment in store.segments)
        assert store.segments[0].start == 0
        assert store.segments[-1].stop == store.values.size
        for name, parameter in network.named_parameters().items():
            start = (
                parameter.values.ctypes.data - store.values.ctypes.data
            ) // store.values.itemsize
            inside = next(s for s in store.segments if s.start <= start < s.stop)
            assert inside.decays == (everything or name.endswith("weight"))
            assert start + parameter.size <= inside.stop

    def test_snapshot_and_restore(self, network):
        snapshot = network.store.snapshot()
        before = [array.copy() for array in snapshot]
        network.store.values[...] += 1
        network.store.statistics[...] += 1
        network.store.restore(snapshot)
        np.testing.assert_array_equal(network.store.values, before[0])
        np.testing.assert_array_equal(network.store.statistics, before[1])
        np.testing.assert_array_equal(snapshot[0], before[0])

    def test_binding_again_keeps_the_parameters(self, network):
        before = network.store.values.copy()
        network.bind(64)
        np.testing.assert_array_equal(network.store.values, before)
        assert network.forward(np.zeros((64, 4), network.dtype), False).shape == (64, 3)


class TestForward:
    @pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"softmax"}))
    @pytest.mark.parametrize("norm", ["none", "hidden"])
    def test_prediction_equals_plain_numpy(self, backend, dtype, random, activation, norm):
        kernel = "hyperbolic_tangent" if activation == "tanh" else activation
        word = f"{activation}({PARAMETERS[kernel]})" if kernel in PARAMETERS else activation
        network = build(backend, dtype, hidden=(5, 9), activation=word, batch_norm=norm)
        for layer in network.layers:
            if isinstance(layer, BatchNormalization):
                layer.running_mean.values[...] = random.standard_normal(layer.width)
                layer.running_variance.values[...] = random.uniform(0.5, 2, layer.width)
        x = random.standard_normal((16, 4)).astype(dtype)
        assert kernel in VALUES
        expected = forward(network, x.astype(np.float64), kernel)
        assert_close(
            network.forward(x, False), expected, units=64, scale=np.abs(expected).max() + 1
        )

    @pytest.mark.parametrize("rows", [1, 3, 16])
    def test_fewer_rows_than_bound_give_the_same_rows(self, backend, dtype, random, rows):
        network = build(
            backend, dtype, hidden=(5, 9), activation="gelu", batch_norm="all", dropout=(0.5,)
        )
        x = random.standard_normal((16, 4)).astype(dtype)
        whole = network.forward(x, False).copy()
        assert_close(
            network.forward(x[:rows], False), whole[:rows].astype(np.float64), units=16, scale=1.0
        )

    def test_prediction_changes_no_statistics(self, backend, random):
        network = build(backend, batch_norm="all", dropout=(0.5,))
        before = network.store.statistics.copy()
        network.forward(random.standard_normal((16, 4)), False)
        np.testing.assert_array_equal(network.store.statistics, before)

    def test_running_statistics_approach_those_of_the_data(self, backend, random):
        network = build(backend, hidden=(), batch_norm="input")
        x = 3 + 2 * random.standard_normal((16, 4))
        for _ in range(400):
            network.forward(x, True)
        parameters = network.named_parameters()
        np.testing.assert_allclose(
            parameters["batch_normalization_0.running_mean"].values, x.mean(axis=0)
        )
        np.testing.assert_allclose(
            parameters["batch_normalization_0.running_variance"].values,
            x.var(axis=0, ddof=1),
            rtol=1e-10,
        )


class TestDropout:
    def layer(self, network):
        return next(layer for layer in network.layers if isinstance(layer, Dropout))

    def masks(self, backend, *, update=1, rows=16, seed=3, units=False):
        """Return which hidden units of a network of ones are kept in training: one mask a layer."""
        network = build(
            backend,
            hidden=(50, 50),
            activation="sigmoid",
            dropout=(0.5,),
            dropout_units=units,
            rows=rows,
            seed=seed,
        )
        network.counters.start_epoch(update)
        dropped, x = [], np.ones((rows, 4))
        for layer in network.layers:
            x = layer.forward(x, True)
            if isinstance(layer, Dropout):
                dropped.append(x != 0)
        return dropped

    def test_layers_updates_and_seeds_have_masks_of_their_own(self, backend):
        first, second = self.masks(backend)
        for other in (second, self.masks(backend, update=2)[0], self.masks(backend, seed=4)[0]):
            assert 0.4 < (first == other).mean() < 0.6
        np.testing.assert_array_equal(first, self.masks(backend)[0])

    def test_rows_that_coincide_have_the_same_mask(self, backend):
        whole, part = self.masks(backend, rows=16), self.masks(backend, rows=5)
        for large, small in zip(whole, part, strict=True):
            np.testing.assert_array_equal(large[:5], small)

    def test_whole_units(self, backend):
        for mask in self.masks(backend, units=True):
            np.testing.assert_array_equal(mask, np.broadcast_to(mask[0], mask.shape))

    def test_the_gradient_passes_where_the_signal_did(self, backend, dtype):
        network = build(backend, dtype, hidden=(50,), activation="sigmoid", dropout=(0.3,))
        layer = self.layer(network)
        x = np.ones((16, 50), dtype)
        y = layer.forward(x, True).copy()
        dx = layer.backward(np.ones((16, 50), dtype))
        np.testing.assert_array_equal(dx, y)
        assert_close(y[y != 0], np.full(np.count_nonzero(y), 1 / 0.7))

    def test_prediction_drops_nothing(self, backend):
        layer = self.layer(build(backend, hidden=(50,), dropout=(0.9,)))
        x = np.ones((16, 50))
        np.testing.assert_array_equal(layer.forward(x, False), x)

    def test_the_mean_signal_is_kept(self, backend):
        layer = self.layer(build(backend, hidden=(1000,), dropout=(0.4,), rows=100))
        y = layer.forward(np.ones((100, 1000)), True)
        assert abs(y.mean() - 1) < 5 * np.sqrt(0.4 / 0.6 / y.size)
