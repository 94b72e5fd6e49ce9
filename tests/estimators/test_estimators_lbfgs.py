"""solver="lbfgs": the gradient is that of the loss, and the result a minimum."""

import copy
import pickle

import numpy as np
import pytest
from estimators_support import digits, numbers, several_labels, two_classes
from sklearn.exceptions import ConvergenceWarning

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.training.recorded import Objective

PROBLEMS = {
    "classes": (MLPClassifier((5,), activation="tanh"), lambda: digits(40)),
    "two classes": (MLPClassifier((5,), activation="logistic"), lambda: two_classes(40)),
    "labels": (MLPClassifier((5, 4), activation="identity"), lambda: several_labels(40)),
    "numbers": (MLPRegressor("squared_error", (5,), "gelu"), lambda: numbers(40, targets=2)),
    "poisson": (
        MLPRegressor("poisson", (5,), "tanh"),
        lambda: (numbers(40)[0], np.abs(numbers(40)[1])),
    ),
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
        slope = (objective(at + step * direction)[0] - objective(at - step * direction)[0]) / (
            2 * step
        )
        assert gradient @ direction == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_a_linear_model_finds_the_least_squares():
    X, y = numbers()
    how = {"solver": "lbfgs", "alpha": 0.0, "tol": 1e-9, "dtype": "float64", "random_state": 0}
    model = MLPRegressor(hidden_layer_sizes=(), **how).fit(X, y)
    expected, *_ = np.linalg.lstsq(np.c_[X, np.ones(len(X))], y, rcond=None)
    np.testing.assert_allclose(
        np.r_[model.coefs_[0][:, 0], model.intercepts_[0]], expected, rtol=1e-5, atol=1e-6
    )


def test_a_warm_start_goes_on():
    X, y = two_classes()
    model = MLPClassifier(
        solver="lbfgs", max_iter=5, warm_start=True, random_state=0, dtype="float64"
    )
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


def wave():
    X = np.random.default_rng(0).uniform(-1, 1, (80, 1))
    return X, np.sin(4 * X[:, 0])


def waves(**how):
    how = {
        "hidden_layer_sizes": (20,),
        "activation": "logistic",
        "alpha": 0.001,
        "random_state": 0,
    } | how
    return MLPRegressor(solver="lbfgs", **how)


def same(first, second):
    assert first.loss_ == second.loss_
    for one, other in zip(
        first.coefs_ + first.intercepts_, second.coefs_ + second.intercepts_, strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("parts", [(1, 1), (1,) * 30, (5, 5), (3, 20), (12, 1, 14)])
def test_warm_starts_are_exact(dtype, parts):
    X, y = wave()
    whole = waves(max_iter=sum(parts), dtype=dtype).fit(X, y)
    pieces = waves(warm_start=True, dtype=dtype)
    for part in parts:
        pieces.set_params(max_iter=part).fit(X, y)
    same(whole, pieces)


@pytest.mark.parametrize("carry", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_warm_start_is_exact_in_a_copy(carry):
    X, y = two_classes()
    how = {"solver": "lbfgs", "random_state": 0, "hidden_layer_sizes": (7,)}
    whole = MLPClassifier(max_iter=10, **how).fit(X, y)
    same(whole, carry(MLPClassifier(max_iter=5, warm_start=True, **how).fit(X, y)).fit(X, y))


def test_a_warm_start_after_convergence_stays_there():
    X, y = wave()
    whole = waves(max_iter=1000, tol=1e-3).fit(X, y)
    model = waves(max_iter=1000, tol=1e-3, warm_start=True).fit(X, y).fit(X, y)
    assert whole.n_iter_ > 2
    assert model.n_iter_ == 0
    same(whole, model)


def test_fits_of_one_iteration_learn():
    X, y = wave()
    model = waves(max_iter=1, warm_start=True)
    for _ in range(150):
        model.fit(X, y)
    assert model.score(X, y) > 0.99


@pytest.mark.parametrize("change", ["rows", "weights", "alpha"])
def test_what_is_minimised_may_change_between_fits(change):
    """The memory of another loss is of no use: L-BFGS begins anew, from the weights at hand."""
    X, y = wave()
    first, second = waves(max_iter=5), waves(max_iter=5, warm_start=True)
    for model in (first, second):
        model.fit(X, y)
    if change == "rows":
        X, y = X[:60], y[:60]
    if change == "alpha":
        first.set_params(alpha=0.5), second.set_params(alpha=0.5)
    if change == "weights":
        for model in (first, second):
            model.coefs_[0][:] = 0.25
    first._fit_state.descent = None
    same(first.set_params(warm_start=True).fit(X, y), second.fit(X, y))


def test_a_pickle_is_small_unless_a_warm_start_may_follow():
    X, y = wave()
    model = waves(max_iter=30, hidden_layer_sizes=(300,)).fit(X, y)
    without = len(pickle.dumps(model))
    assert model._fit_state.descent is not None
    assert len(pickle.dumps(model.set_params(warm_start=True))) > 5 * without


def test_a_loss_that_is_nowhere_finite_ends_at_once():
    X, y = numbers(40)
    model = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", random_state=0)
    with np.errstate(all="ignore"), pytest.warns(ConvergenceWarning, match="ABNORMAL"):
        model.fit(X * 1e200, y)
    assert model.n_iter_ == 0
