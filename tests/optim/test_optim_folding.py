"""Updates folded into the gradient's product equal the plain, and stay in their optimizer."""

import numpy as np
import pytest
from oracles.networks import build

from fastmlp.nn.losses import parse_loss
from fastmlp.optim.optimizers import OPTIMIZERS, Regularization, make_optimizer

STEPS = 100


def prepare(network, optimizer, fold, **how):
    optimizer.bind(
        network.backend, network.store, network.counters, Regularization(**how), fold=fold
    )
    optimizer.set_learning_rates(np.linspace(0.1, 0.01, STEPS))
    network.counters.start_epoch(0)
    return optimizer


def run(network, optimizer, steps=STEPS):
    """Train on the same random rows."""
    random = np.random.default_rng(2)
    loss = parse_loss("auto", task="classification", outputs=3)
    loss.bind(network.backend, network.dtype, 16, 3)
    for _ in range(steps):
        x = random.standard_normal((16, 4)).astype(network.dtype)
        labels, weights = random.integers(0, 3, 16).astype(np.int32), np.ones(16, network.dtype)
        optimizer.begin_update(16)
        network.backward(loss.backward(network.forward(x, True), labels, weights))
        optimizer.update()
    return {name: parameter.values.copy() for name, parameter in network.named_parameters().items()}


def trained(backend, dtype, name, fold, **how):
    network = build(backend, dtype, hidden=(9, 5), batch_norm="hidden")
    return run(network, prepare(network, make_optimizer(name), fold, **how))


HOWS = {
    "plain": {},
    "decay": {"weight_decay": 0.3},
    "l2": {"l2": 0.3},
    "both": {"l2": 0.1, "weight_decay": 0.2},
}


@pytest.mark.parametrize("how", sorted(HOWS))
@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov"])
def test_folded_updates_equal_plain_ones(backend, dtype, name, how):
    folded, plain = (trained(backend, dtype, name, fold, **HOWS[how]) for fold in (True, False))
    tolerance = (
        {"rtol": 1e-3, "atol": 1e-4} if dtype == np.float32 else {"rtol": 1e-9, "atol": 1e-11}
    )
    for each, values in plain.items():
        np.testing.assert_allclose(folded[each], values, err_msg=each, **tolerance)


@pytest.mark.parametrize("name", ["sgd", "momentum"])
@pytest.mark.parametrize(
    ("how", "folds"),
    [
        ({}, True),
        ({"weight_decay": 0.1}, True),
        ({"l1": 0.1}, False),
        ({"clip_norm": 1.0}, False),
        ({"clip_value": 1.0}, False),
    ],
)
def test_what_needs_the_gradient_is_not_folded(backend, name, how, folds):
    network = build(backend)
    assert prepare(network, make_optimizer(name), True, **how).folds == folds


@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - {"sgd", "momentum"}))
def test_rules_that_cannot_fold(backend, name):
    network = build(backend)
    assert not prepare(network, make_optimizer(name), True).folds


@pytest.mark.parametrize("first", ["sgd", "momentum"])
@pytest.mark.parametrize("second", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("fold", [False, True])
def test_another_optimizer_may_follow(backend, first, second, fold):
    network = build(backend, hidden=(9, 5))
    run(network, prepare(network, make_optimizer(first), True), 3)
    fresh = build(backend, hidden=(9, 5))
    fresh.store.restore(network.store.snapshot())
    expected = run(fresh, prepare(fresh, make_optimizer(second), fold))
    actual = run(network, prepare(network, make_optimizer(second), fold))
    for name, values in expected.items():
        np.testing.assert_array_equal(actual[name], values, err_msg=name)


def test_velocity_of_dead_units_becomes_zero(backend):
    network = build(backend, np.float32, hidden=(9,), activation="relu")
    optimizer = make_optimizer("momentum")
    prepare(network, optimizer, True)
    run(network, optimizer, 3)
    network.named_parameters()["dense_0.bias"].values[
        ...
    ] = -1e4  # every hidden unit is dead from now on
    optimizer.set_learning_rates(np.zeros(1000))
    network.counters.start_epoch(0)
    velocity = network.store.view(
        optimizer.state["velocity"], network.named_parameters()["dense_0.weight"]
    )
    run(network, optimizer, 700)
    assert (np.abs(velocity) >= np.finfo(np.float32).tiny).any()  # 0.9⁷⁰⁰ is 1e-32
    for _ in range(25):  # without a flush, subnormal from about 0.9⁸³⁰ to 0.9⁹⁸⁰
        run(network, optimizer, 10)
        assert ((velocity == 0) | (np.abs(velocity) >= np.finfo(np.float32).tiny)).all()


@pytest.mark.parametrize("fold", [False, True])
def test_padding_stays_zero(backend, dtype, fold):
    network = build(backend, dtype, hidden=(9, 5))
    optimizer = make_optimizer("momentum")
    run(network, prepare(network, optimizer, fold, weight_decay=0.1))
    used = np.zeros(network.store.values.size, bool)
    for parameter in network.store.trained:
        network.store.view(used, parameter)[...] = True
    assert not network.store.values[~used].any()
    assert not optimizer.state["velocity"][~used].any()
