"""solver="lbfgs": the gradient is that of the loss, and the result a minimum."""

import numpy as np
import pytest
from estimators_support import digits, numbers, several_labels, two_classes

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.estimators.lbfgs import Objective

PROBLEMS = {
    "classes": (MLPClassifier((5,), activation="tanh"), lambda: digits(40)),
    "two classes": (MLPClassifier((5,), activation="logistic"), lambda: two_classes(40)),
    "labels": (MLPClassifier((5, 4), activation="identity"), lambda: several_labels(40)),
    "numbers": (MLPRegressor("squared_error", (5,), "gelu"), lambda: numbers(40, targets=2)),
    "poisson": (MLPRegressor("poisson", (5,), "tanh"), lambda: (numbers(40)[0], np.abs(numbers(40)[1]))),
    "huber": (MLPRegressor("huber(0.3)", (5,), "softplus"), lambda: numbers(40)),
}


@pytest.mark.parametrize(("model", "problem"), PROBLEMS.values(), ids=PROBLEMS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_is_the_loss_s(model, problem, weighted, monkeypatch):
    X, y = problem()
    objectives = []

    def note(objective, engine, **how):
        objectives.append((objective, engine.network.store.snapshot()[0]))
        return 0.0, 1

    monkeypatch.setattr("fastmlp.estimators.lbfgs.solve", note)
    weights = np.random.default_rng(1).uniform(0.1, 2, len(X)) if weighted else None
    model.set_params(solver="lbfgs", alpha=0.3, random_state=0).fit(X, y, weights)
    objective, at = objectives[0]
    assert isinstance(objective, Objective)
    gradient = objective(at)[1]
    for seed in range(5):
        direction = np.random.default_rng(seed).normal(size=at.size) * (gradient != 0)
        step = 1e-6
        slope = (objective(at + step * direction)[0] - objective(at - step * direction)[0]) / (2 * step)
        assert gradient @ direction == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_a_linear_model_finds_the_least_squares():
    X, y = numbers()
    how = {"solver": "lbfgs", "alpha": 0.0, "tol": 1e-9, "dtype": "float64", "random_state": 0}
    model = MLPRegressor(hidden_layer_sizes=(), **how).fit(X, y)
    expected, *_ = np.linalg.lstsq(np.c_[X, np.ones(len(X))], y, rcond=None)
    np.testing.assert_allclose(np.r_[model.coefs_[0][:, 0], model.intercepts_[0]], expected, rtol=1e-5, atol=1e-6)


def test_a_warm_start_goes_on():
    X, y = two_classes()
    model = MLPClassifier(solver="lbfgs", max_iter=5, warm_start=True, random_state=0, dtype="float64")
    losses = [model.fit(X, y).loss_ for _ in range(3)]
    assert losses[0] > losses[1] > losses[2]


def test_the_weights_have_the_asked_for_type():
    X, y = two_classes()
    for dtype in ("float32", np.float64):
        model = MLPClassifier(solver="lbfgs", max_iter=3, dtype=dtype, random_state=0).fit(X, y)
        assert {array.dtype for array in model.coefs_ + model.intercepts_} == {np.dtype(dtype)}


def test_there_is_no_partial_fit_and_no_curve():
    X, y = two_classes()
    model = MLPClassifier(max_iter=2).fit(X, y).set_params(solver="lbfgs").fit(X, y)
    assert not hasattr(model, "partial_fit")
    assert not hasattr(model, "loss_curve_")
    assert isinstance(model.loss_, float)


def test_verbose_prints_iterations(capsys):
    X, y = two_classes()
    MLPClassifier(solver="lbfgs", max_iter=3, verbose=True).fit(X, y)
    assert capsys.readouterr().out.startswith("Iteration 1, loss = ")
