"""Each update rule of the table, as both faces train with it, against NumPy."""

import numpy as np
import pytest
from oracles import optimizers as oracle

import fastmlp
from fastmlp import MLPClassifier
from fastmlp.errors import UsageError
from fastmlp.optim import optimizers
from fastmlp.optim.rules import NUMBERS, RULES, number_help

RATE, EPOCHS, ROWS, INPUTS, CLASSES = 0.05, 6, 30, 4, 3
GIVEN = {"momentum": 0.6, "beta1": 0.8, "beta2": 0.95, "rho": 0.7, "epsilon": 1e-3}
ORACLES = {
    "sgd": oracle.SGD,
    "momentum": lambda: oracle.Momentum(0.6),
    "nesterov": lambda: oracle.Momentum(0.6, nesterov=True),
    "rmsprop": lambda: oracle.RMSProp(0.7, 1e-3),
    "adagrad": lambda: oracle.Adagrad(1e-3),
    "adam": lambda: oracle.Adam(0.8, 0.95, 1e-3),
    "adamw": lambda: oracle.Adam(0.8, 0.95, 1e-3),
}
DECAYS = {"adamw": 0.01}


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(5)
    return random.normal(size=(ROWS, INPUTS)), np.arange(ROWS) % CLASSES


def expected(name, start, rows):
    """Return weight and bias of a linear softmax classifier after full batches."""
    (x, labels), parameters = rows, {"weight": start[0], "bias": start[1]}
    rules = {each: ORACLES[name]() for each in parameters}
    for _ in range(EPOCHS):
        logits = x @ parameters["weight"] + parameters["bias"]
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = (shares / shares.sum(axis=1, keepdims=True) - np.eye(CLASSES)[labels]) / len(x)
        gradients = {"weight": x.T @ error, "bias": error.sum(axis=0)}
        decay = {"weight": DECAYS.get(name, 0.0) * parameters["weight"], "bias": 0.0}
        for each, rule in rules.items():
            moved = rule.direction(gradients[each]) + decay[each]
            parameters[each] = parameters[each] - RATE * moved
    return list(parameters.values())


def by_settings(rows, folder, lr, epochs, **given):
    run = fastmlp.train(
        *rows, hidden="none", dtype="float64", normalize="none", test_fraction=0.0, batch_size=0,
        schedule="constant", device="cpu", lr=lr, epochs=epochs, out=folder, **given,
    )  # fmt: skip
    parameters = run.model.network.named_parameters()
    return [parameters[f"dense_0.{each}"].values.copy() for each in ("weight", "bias")]


def by_estimator(rows, lr, epochs, **given):
    model = MLPClassifier(
        (), alpha=0.0, dtype="float64", batch_size=ROWS, random_state=0,
        learning_rate_init=lr, max_iter=epochs, **given,
    ).fit(*rows)  # fmt: skip
    return [model.coefs_[0], model.intercepts_[0]]


def agree(moved, start, name, rows):
    for before, ours, theirs in zip(start, moved, expected(name, start, rows), strict=True):
        assert np.abs(ours - before).max() > 1e-3
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", RULES)
def test_trained_through_settings(name, rows, tmp_path):
    given = {"optimizer": name, **GIVEN}
    start = by_settings(rows, tmp_path / "start", 1e-30, 1, **given)
    agree(by_settings(rows, tmp_path / "run", RATE, EPOCHS, **given), start, name, rows)


SKLEARN = {
    "beta_1": GIVEN["beta1"],
    "beta_2": GIVEN["beta2"],
    **{name: GIVEN[name] for name in ("momentum", "rho", "epsilon")},
}
SOLVERS = [
    *((name, {"solver": name}) for name in RULES if name != "sgd"),
    ("sgd", {"solver": "sgd", "momentum": 0.0}),
    ("momentum", {"solver": "sgd", "nesterovs_momentum": False}),
    ("nesterov", {"solver": "sgd", "nesterovs_momentum": True}),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("name", "words"), SOLVERS, ids=str)
def test_trained_through_the_estimators(name, words, rows):
    given = SKLEARN | words
    start = by_estimator(rows, 1e-30, 1, **given)
    agree(by_estimator(rows, RATE, EPOCHS, **given), start, name, rows)


def test_the_oracles_are_all_different(rows):
    start = [np.full((INPUTS, CLASSES), 0.1), np.zeros(CLASSES)]
    ends = [expected(name, start, rows)[0] for name in RULES]
    for place, end in enumerate(ends):
        assert all(np.abs(end - other).max() > 1e-6 for other in ends[:place])


def test_a_rule_without_its_class_does_not_become_another(monkeypatch):
    monkeypatch.delattr(optimizers, "Adagrad")
    with pytest.raises(KeyError, match="Adagrad"):
        optimizers.make_optimizer("adagrad")


def test_numbers_that_no_rule_knows_are_refused():
    with pytest.raises(UsageError, match="did you mean 'beta1'"):
        optimizers.make_optimizer("adam", beta_1=0.5)


def test_every_number_is_taken_by_a_rule_and_help_says_by_which():
    for name in NUMBERS:
        takers = [rule for rule in RULES if name in RULES[rule].numbers]
        assert takers
        assert f"({', '.join(takers)})" in number_help(name)
    assert number_help("epsilon").endswith("default 1e-08, or 1e-10 with adagrad.")
