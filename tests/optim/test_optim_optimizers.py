"""Optimizers over fifty updates against NumPy, array by array: schedules, penalties, decay,
clipping, padding.

Gradients are written here, so nothing is folded into the matrix products; test_optim_folding.py
does that.
"""

import numpy as np
import pytest
from oracles import optimizers as oracle
from oracles.networks import build

from fastmlp.errors import UsageError
from fastmlp.optim.optimizers import OPTIMIZERS, Regularization, make_optimizer
from fastmlp.optim.rules import RULES
from fastmlp.optim.schedules import parse_schedule
from fastmlp.step.counters import Counters
from fastmlp.step.parameters import Parameter, ParameterStore
from fastmlp.step.scheduled import Scheduled

UPDATES = 50
REGULARIZATIONS = {
    "plain": {},
    "penalties": {"l1": 0.02, "l2": 0.05},
    "decay": {"weight_decay": 0.1},
    "clipped by norm": {"clip_norm": 2.0},
    "clipped by value": {"clip_value": 0.4},
    "all": {"l1": 0.02, "l2": 0.05, "weight_decay": 0.1, "clip_norm": 3.0, "clip_value": 0.9},
}


def train(backend, dtype, optimizer, *, decay_biases=False, **how):
    """Move a network by given gradients; return it, its start, the gradients, the rates."""
    network = build(backend, dtype, hidden=(5, 9), batch_norm="input", decay_biases=decay_biases)
    optimizer.bind(backend, network.store, network.counters, Regularization(**how), fold=False)
    parameters = {
        name: p for name, p in network.named_parameters().items() if p.gradient is not None
    }
    start = {name: p.values.copy() for name, p in parameters.items()}
    random = np.random.default_rng(6)
    gradients = [
        {
            name: random.standard_normal(p.shape).astype(dtype) * scale
            for name, p in parameters.items()
        }
        for scale in random.choice([0.01, 0.3, 2.0], UPDATES)
    ]
    rates = parse_schedule("cosine(0.1)", 0.02, UPDATES, 1, warmup=5).learning_rates(0, UPDATES)
    optimizer.set_learning_rates(rates)
    network.counters.start_epoch(0)
    for step in gradients:
        for name, gradient in step.items():
            parameters[name].gradient[...] = gradient
        optimizer.begin_update(1)
        optimizer.update()
    assert network.counters.update == UPDATES
    return network, start, gradients, rates


@pytest.mark.parametrize("how", sorted(REGULARIZATIONS))
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fifty_updates(backend, dtype, name, how):
    regularization = REGULARIZATIONS[how]
    network, start, gradients, rates = train(backend, dtype, make_optimizer(name), **regularization)
    decays = [each for each in start if each.endswith("weight")]
    expected = oracle.train(oracle.RULES[name], start, gradients, rates, decays, **regularization)
    tolerance = (
        {"rtol": 1e-4, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-12}
    )
    for each, values in expected.items():
        np.testing.assert_allclose(
            network.named_parameters()[each].values, values, err_msg=each, **tolerance
        )
        assert np.abs(values - start[each]).max() > 1e-3


@pytest.mark.parametrize("how", ["penalties", "decay", "all"])
def test_biases_decay_when_asked(backend, how):
    regularization = REGULARIZATIONS[how]
    network, start, gradients, rates = train(
        backend, np.float64, make_optimizer("adam"), decay_biases=True, **regularization
    )
    expected = oracle.train(
        oracle.RULES["adam"], start, gradients, rates, list(start), **regularization
    )
    for each, values in expected.items():
        np.testing.assert_allclose(
            network.named_parameters()[each].values, values, rtol=1e-10, atol=1e-12
        )


@pytest.mark.parametrize(
    ("name", "numbers", "rule"),
    [
        ("momentum", {"momentum": 0.5}, lambda: oracle.Momentum(0.5)),
        ("nesterov", {"momentum": 0.99}, lambda: oracle.Momentum(0.99, nesterov=True)),
        ("momentum", {"momentum": 0.0}, oracle.SGD),
        ("rmsprop", {"rho": 0.5, "epsilon": 0.1}, lambda: oracle.RMSProp(0.5, 0.1)),
        ("adagrad", {"epsilon": 0.1}, lambda: oracle.Adagrad(0.1)),
        (
            "adam",
            {"beta1": 0.5, "beta2": 0.9, "epsilon": 0.01},
            lambda: oracle.Adam(0.5, 0.9, 0.01),
        ),
        ("adam", {"beta1": 0.0, "beta2": 0.0}, lambda: oracle.Adam(0.0, 0.0)),
    ],
)
def test_numbers_of_the_rules(backend, name, numbers, rule):
    network, start, gradients, rates = train(backend, np.float64, make_optimizer(name, **numbers))
    for each, values in oracle.train(rule, start, gradients, rates, []).items():
        np.testing.assert_allclose(
            network.named_parameters()[each].values, values, rtol=1e-10, atol=1e-12
        )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_padding_stays_zero(backend, dtype, name):
    optimizer = make_optimizer(name)
    network, *_ = train(backend, dtype, optimizer, decay_biases=True, **REGULARIZATIONS["all"])
    store = network.store
    padding = np.ones(store.values.size, bool)
    for parameter in network.named_parameters().values():
        if parameter.gradient is not None:
            start = (
                parameter.values.ctypes.data - store.values.ctypes.data
            ) // store.values.itemsize
            padding[start : start + parameter.size] = False
    assert padding.sum() > 10
    for array in (store.values, *optimizer.state.values()):
        assert not array[padding].any()
        assert array[~padding].all()


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name not in ("sgd", "adagrad")])
def test_moments_of_dead_units_become_zero_not_subnormal(backend, name):
    network = build(backend, np.float32)
    optimizer = make_optimizer(name, beta2=0.9)
    optimizer.bind(backend, network.store, network.counters, Regularization(), fold=False)
    optimizer.set_learning_rates(np.full(1200, 1e-3))
    network.store.gradient[...] = 1e-3
    for step in range(1200):
        optimizer.begin_update(1)
        optimizer.update()
        network.store.gradient[...] = 0
        for moment in optimizer.state.values():
            assert ((moment == 0) | (np.abs(moment) >= np.finfo(np.float32).tiny)).all(), step
    for moment in optimizer.state.values():
        assert not moment.any()
    assert np.isfinite(network.store.values).all()


def test_every_update_takes_its_own_rate(backend):
    network, optimizer = build(backend), make_optimizer("sgd")
    optimizer.bind(backend, network.store, network.counters, Regularization(), fold=False)
    for epoch, rates in enumerate(([0.5, 0.25, 0.125], [4.0, 2.0, 1.0])):
        optimizer.set_learning_rates(np.array(rates))
        network.counters.start_epoch(3 * epoch)
        for rate in rates:
            before = network.store.values.copy()
            network.store.gradient[...] = 1.0
            optimizer.begin_update(1)
            optimizer.update()
            np.testing.assert_allclose(before - network.store.values, rate)
    assert network.counters.update == 6


def test_a_table_of_the_same_length_reaches_a_recorded_program(backend):
    network, optimizer = build(backend), make_optimizer("sgd")
    optimizer.bind(backend, network.store, network.counters, Regularization(), fold=False)
    optimizer.set_learning_rates(np.array([1.0, 1.0]))
    with backend.record() as program:
        optimizer.begin_update(1)
        optimizer.update()
    optimizer.set_learning_rates(np.array([0.5, 0.25]))
    before = network.store.values.copy()
    network.store.gradient[...] = 1.0
    program.replay(2)
    np.testing.assert_allclose(before - network.store.values, 0.75)


def test_state_is_named_and_starts_at_zero(backend, dtype):
    network = build(backend, dtype)
    slots = {}
    for name in OPTIMIZERS:
        optimizer = make_optimizer(name)
        optimizer.bind(backend, network.store, network.counters, Regularization(), fold=False)
        slots[name] = tuple(optimizer.state)
        for array in optimizer.state.values():
            assert array.shape == network.store.values.shape
            assert array.dtype == dtype
            assert not array.any()
    assert slots["sgd"] == ()
    assert slots["momentum"] == slots["nesterov"] == ("velocity",)
    assert slots["adam"] == slots["adamw"] == ("first_moment", "second_moment")


def test_defaults_exist_for_every_optimizer():
    assert set(RULES) == set(OPTIMIZERS) == set(oracle.RULES)
    assert all(rule.learning_rate > 0 for rule in RULES.values())
    assert {name: rule.weight_decay for name, rule in RULES.items() if rule.weight_decay} == {
        "adamw": 0.01
    }


@pytest.mark.parametrize(
    ("name", "numbers", "message"),
    [
        ("adamm", {}, "did you mean 'adam'"),
        ("", {}, "optimizer"),
        ("momentum", {"momentum": 1.0}, "momentum"),
        ("nesterov", {"momentum": -0.1}, "momentum"),
        ("momentum", {"momentum": float("nan")}, "momentum"),
        ("adam", {"beta1": 1.0}, "beta1"),
        ("adam", {"beta2": -1}, "beta2"),
        ("adam", {"epsilon": 0.0}, "epsilon"),
        ("rmsprop", {"rho": 1.5}, "rho"),
        ("rmsprop", {"epsilon": float("inf")}, "epsilon"),
        ("adagrad", {"epsilon": -1e-8}, "epsilon"),
    ],
)
def test_numbers_out_of_range_are_refused(name, numbers, message):
    with pytest.raises(UsageError, match=message):
        make_optimizer(name, **numbers)


@pytest.mark.parametrize("name", ["l1", "l2", "weight_decay", "clip_norm", "clip_value"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), 0.0])
def test_regularization_out_of_range_is_refused(name, value):
    if value == 0.0 and not name.startswith("clip"):
        assert getattr(Regularization(**{name: value}), name) == 0
        return
    with pytest.raises(UsageError, match=name):
        Regularization(**{name: value})


FACTORS = {"weight": 1.0, "slow": 0.1, "bias": 1.0, "fast": 6.0, "also_fast": 6.0}


def parameters_with_factors():
    """Return parameters of odd sizes, of which some have a learning rate of their own."""
    shapes = {"weight": (5, 7), "slow": (3, 3), "bias": (7,), "fast": (17,), "also_fast": (2,)}
    return [
        Parameter(name, shape, len(shape) == 2, folds=True, rate_factor=FACTORS[name])
        for name, shape in shapes.items()
    ]


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_factors_of_the_rate(backend, dtype, name, fold):
    """Each array moves as if it had its own learning rate, in its weight decay too."""
    parameters, counters = parameters_with_factors(), Counters(backend)
    store = ParameterStore(backend, dtype, parameters, [])
    random, optimizer = np.random.default_rng(8), make_optimizer(name)
    optimizer.bind(backend, store, counters, Regularization(weight_decay=0.1), fold)
    start = {each.name: random.standard_normal(each.shape).astype(dtype) for each in parameters}
    for each in parameters:
        each.values[...] = start[each.name]
    rates = np.linspace(0.02, 0.01, UPDATES)
    optimizer.set_learning_rates(rates)
    gradients = []
    for _ in rates:
        optimizer.begin_update(1)
        gradients.append(
            {p.name: random.standard_normal(p.shape).astype(dtype) for p in parameters}
        )
        for each in parameters:
            alpha, beta, target, move = each.sink
            target[...] = alpha * gradients[-1][each.name] + beta * target
            if move is not None:
                decayed = target + dtype.type(move.decay) * each.values
                each.values[...] -= (move.learning_rate * decayed).astype(dtype)
        optimizer.update()
    decays = [each.name for each in parameters if each.decays]
    expected = oracle.train(
        oracle.RULES[name], start, gradients, rates, decays, weight_decay=0.1, factors=FACTORS
    )
    tolerance = {"rtol": 1e-4, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-10}
    for each in parameters:
        np.testing.assert_allclose(each.values, expected[each.name], err_msg=each.name, **tolerance)


@pytest.mark.parametrize("how", ["decay", "all"])
@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_scheduled_decay(backend, dtype, name, fold, how):
    """Each update decays by a share of its own; as the oracle's, one update at a time."""
    network, optimizer = build(backend, dtype, hidden=(5, 9)), make_optimizer(name)
    share = Scheduled(backend, backend.zeros((1,), np.float64), UPDATES)
    regularization = REGULARIZATIONS[how]
    place = network.store, network.counters, Regularization(**regularization)
    optimizer.bind(backend, *place, fold, share)
    parameters = network.named_parameters()
    values = {each: p.values.astype(np.float64) for each, p in parameters.items()}
    rates, shares = np.linspace(0.02, 0.01, UPDATES), np.linspace(1, 0, UPDATES)
    optimizer.set_learning_rates(rates)
    share.set_table(shares)
    network.counters.start_epoch(0)
    random, rules = np.random.default_rng(3), {each: oracle.RULES[name]() for each in parameters}
    for rate, part in zip(rates, shares, strict=True):
        step = {each: random.standard_normal(p.shape) for each, p in parameters.items()}
        optimizer.begin_update(1)
        share.take(network.counters.values)
        for each, parameter in parameters.items():
            alpha, beta, target, move = parameter.sink
            target[...] = alpha * step[each].astype(dtype) + beta * target
            if move is not None:
                parameter.values[...] -= (move.learning_rate * target).astype(dtype)
        optimizer.update()
        own = {"weight_decay": regularization["weight_decay"] * part}
        others = {key: value for key, value in regularization.items() if key != "weight_decay"}
        weights = [each for each in parameters if each.endswith("weight")]
        values = oracle.step(rules, values, step, rate, weights, **own, **others)
    tolerance = {"rtol": 1e-4, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-9}
    for each, parameter in parameters.items():
        np.testing.assert_allclose(parameter.values, values[each], err_msg=each, **tolerance)


def test_without_factors_nothing_is_added_to_an_update(backend):
    network, optimizer = build(backend), make_optimizer("adam")
    optimizer.bind(backend, network.store, network.counters, Regularization())
    optimizer.set_learning_rates(np.ones(1))
    with backend.record() as program:
        optimizer.begin_update(1)
        optimizer.update()
    assert program.operations == ["begin_update", "adam"]
