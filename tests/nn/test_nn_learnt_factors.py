"""The learnt scaling, mixed activations and the neural tangent parametrisation: NumPy's forward
pass, their gradients by differences, and what they start from.
"""

import itertools

import numpy as np
import pytest
from oracles.activations import VALUES
from oracles.networks import build

from fastmlp.errors import UsageError
from fastmlp.gradient_check.check import gradcheck
from fastmlp.nn.activations import ACTIVATIONS
from fastmlp.nn.network import Architecture, Network

ALL = {"input_scale": True, "parametrization": "ntk", "activation_mix": True}
PLAIN_NORM = 1 / np.sqrt(1 + 1e-5)  # of running statistics that have not moved


def oracle(network, x, activation="selu", ntk=False, normalized=False):
    """Return the outputs in float64, by the parameters' names alone."""
    named = network.named_parameters().items()
    arrays = {name: parameter.values.astype(np.float64) for name, parameter in named}
    x = x.astype(np.float64) * arrays.get("scale_0.factors", 1.0)
    hidden = len(network.architecture.hidden)
    for layer in range(hidden + 1):
        root = np.sqrt(x.shape[1]) if ntk else 1.0
        x = x @ arrays[f"dense_{layer}.weight"] / root + arrays.get(f"dense_{layer}.bias", 0.0)
        if layer == hidden:
            return x
        x = x * PLAIN_NORM if normalized else x
        mix = arrays.get(f"mixed_activation_{layer}.mix", 1.0)
        x = mix * VALUES[activation](x) + (1 - mix) * x


def unsettled(backend, dtype, **how):
    network, random = build(backend, dtype, hidden=(5, 9), **how), np.random.default_rng(1)
    if how.get("batch_norm", "none") == "none":
        for layer in network.layers:
            layer.unsettle(random)
    else:  # γ and β stay
        for layer in network.layers:
            if layer.kind in ("scale", "mixed_activation"):
                layer.unsettle(random)
    return network


@pytest.mark.parametrize("activation", ["selu", "mish", "relu", "tanh"])
@pytest.mark.parametrize("given", list(itertools.product([False, True], repeat=4)), ids=str)
def test_forward(backend, dtype, random, activation, given):
    scaled, ntk, mixed, normalized = given
    how = {"input_scale": scaled, "activation_mix": mixed, "activation": activation}
    how |= {"parametrization": "ntk" if ntk else "standard"}
    network = unsettled(backend, dtype, batch_norm="hidden" if normalized else "none", **how)
    x = random.standard_normal((7, 4)).astype(dtype)
    word = "hyperbolic_tangent" if activation == "tanh" else activation
    expected = oracle(network, x, word, ntk, normalized)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(network.forward(x, False), expected, tolerance, 10 * tolerance)
    assert network.parameter_count() == network.architecture.parameters


def test_with_everything_at_its_start_nothing_is_changed(backend, random):
    """s = 1 and α = 1 are the plain network."""
    x = random.standard_normal((7, 4))
    plain = build(backend, activation="gelu").forward(x, False).copy()
    more = build(backend, activation="gelu", input_scale=True, activation_mix=True)
    np.testing.assert_array_equal(more.forward(x, False), plain)


def test_ntk_is_the_standard_network_in_other_words(backend, random):
    """W·√n in its place, and W drawn with deviation 1 whatever the width."""
    network = build(backend, hidden=(400, 300), parametrization="ntk", inputs=100)
    weights = [network.named_parameters()[f"dense_{layer}.weight"].values for layer in range(3)]
    for weight in weights:
        assert weight.std() == pytest.approx(1, abs=6 / np.sqrt(weight.size))
    standard = build(backend, hidden=(400, 300), inputs=100)
    for name, parameter in standard.named_parameters().items():
        given = network.named_parameters()[name].values
        parameter.values[...] = given / np.sqrt(len(given)) if "weight" in name else given
    x = random.standard_normal((5, 100))
    np.testing.assert_allclose(network.forward(x, False), standard.forward(x, False), rtol=1e-10)


@pytest.mark.parametrize("place", ["none", "all"])
@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"softmax"}))
def test_gradients(activation, place):
    found = gradcheck(activation=activation, batch_norm=place, dropout="0.2", seed=1, **ALL)
    assert found.passed, found.culprit
    names = {layer.name for layer in found.layers}
    assert "scale_0" in names
    assert ("mixed_activation_0" in names) == (activation != "identity")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 33])
def test_gradients_of_both_types(dtype, rows):
    assert gradcheck(dtype=dtype, rows=rows, hidden="7,1,5", bias_init="he+5", **ALL).passed


def test_a_folded_update_of_ntk_equals_the_plain(backend):
    from fastmlp.optim.optimizers import Regularization, make_optimizer

    moved = []
    for fold in (False, True):
        network = build(backend, **ALL, activation="selu")
        optimizer, random = make_optimizer("momentum"), np.random.default_rng(5)
        optimizer.bind(backend, network.store, network.counters, Regularization(), fold)
        optimizer.set_learning_rates(np.full(20, 0.05))
        network.counters.start_epoch(0)
        for _ in range(20):
            x, upstream = random.standard_normal((16, 4)), random.standard_normal((16, 3))
            optimizer.begin_update(16)
            network.forward(x, True)
            network.backward(upstream)
            optimizer.update()
        moved.append(network.store.values.copy())
    np.testing.assert_allclose(*moved, rtol=1e-9, atol=1e-12)


def test_each_has_its_rate(backend):
    network = build(backend, **ALL)
    factors = {name: each.rate_factor for name, each in network.named_parameters().items()}
    assert factors == {
        "scale_0.factors": 6.0,
        "dense_0.weight": 1.0,
        "dense_0.bias": 0.1,
        "mixed_activation_0.mix": 0.1,
        "dense_1.weight": 1.0,
        "dense_1.bias": 0.1,
    }


def test_identity_has_nothing_to_mix(backend):
    network = build(backend, hidden=(5, 6, 7), activation="identity,selu,identity", **ALL)
    assert network.layer_names() == [
        "scale_0", "dense_0", "dense_1", "mixed_activation_0", "dense_2", "dense_3",
    ]  # fmt: skip
    assert network.parameter_count() == network.architecture.parameters


def test_softmax_cannot_be_mixed(backend):
    with pytest.raises(UsageError, match="activation_mix weighs f"):
        build(backend, activation="softmax", activation_mix=True)


def test_an_unknown_parametrization_is_refused():
    with pytest.raises(UsageError, match="parametrization"):
        Architecture(inputs=2, outputs=1, parametrization="ntc")


def test_what_a_network_has_is_said():
    words = Architecture(inputs=2, outputs=1, hidden=(3,), **ALL).additions
    assert words == ["input scale", "activation mix"]


class TestBiasesThatLookAtData:
    def test_each_unit_switches_amid_the_rows(self, backend, random):
        rows = random.standard_normal((200, 4)) + 5  # all on one side of a unit without bias
        network = Network(
            Architecture(4, 3, (50, 40), bias_init="he+5"), backend, np.dtype(np.float64), 3
        )
        network.bind(200)
        network.initialize(rows)
        signal = rows
        for layer in range(2):
            weight, bias = (
                network.named_parameters()[f"dense_{layer}.{name}"].values
                for name in ("weight", "bias")
            )
            z = signal @ weight
            assert ((-bias > z.min(axis=0)) & (-bias < z.max(axis=0))).all()
            signal = np.maximum(z + bias, 0)

    def test_it_is_a_mean_of_five_rows(self):
        from fastmlp.nn.initializers import switching_biases

        class Draws:
            def integers(self, low, high, size):
                assert (low, high, size) == (0, 3, (5, 2))
                return np.array([[0, 2], [1, 2], [2, 2], [0, 0], [1, 1]])

            def dirichlet(self, alpha, size):
                assert (list(alpha), size) == ([1] * 5, 2)
                return np.array([[0.1, 0.2, 0.3, 0.4, 0.0], [0.5, 0.0, 0.25, 0.25, 0.0]])

        z = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
        expected = [-(0.1 * 1 + 0.2 * 2 + 0.3 * 4 + 0.4 * 1), -(0.75 * 40 + 0.25 * 10)]
        np.testing.assert_allclose(switching_biases(z, Draws()), expected)

    def test_the_same_seed_gives_the_same(self, backend, random):
        rows, drawn = random.standard_normal((16, 4)), []
        for seed in (3, 3, 4):
            network = Network(Architecture(4, 3, (5,), bias_init="he+5"), backend, np.float64, seed)
            network.bind(16)
            network.initialize(rows)
            drawn.append(network.store.values.copy())
        np.testing.assert_array_equal(drawn[0], drawn[1])
        assert (drawn[0] != drawn[2]).any()

    def test_without_rows_it_is_refused(self, backend):
        with pytest.raises(UsageError, match="he\\+5 looks at training rows"):
            build(backend, bias_init="he+5")

    def test_weights_do_not_look_at_data(self, backend):
        with pytest.raises(UsageError, match="he\\+5 is for biases"):
            build(backend, init="he+5")
