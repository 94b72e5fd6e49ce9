"""The same random_state gives the training that scikit-learn's classes give: weights, splits,
shuffles, loss and all.
"""

import inspect

import numpy as np
import pytest
import sklearn.neural_network
from estimators_support import digits, numbers, several_labels, two_classes

from fastmlp import MLPClassifier, MLPRegressor

CLASSIFIERS = {
    "adam": {"epsilon": 1e-20},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.1},
    "plain momentum": {
        "solver": "sgd",
        "nesterovs_momentum": False,
        "momentum": 0.7,
        "learning_rate_init": 0.05,
    },
    "no momentum": {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.2},
    "invscaling": {
        "solver": "sgd",
        "learning_rate": "invscaling",
        "learning_rate_init": 0.5,
        "power_t": 0.3,
    },
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "tol": 0.05,
        "n_iter_no_change": 1,
        "max_iter": 25,
    },
    "adam ignores invscaling": {"learning_rate": "invscaling", "epsilon": 1e-20},
    "logistic": {"activation": "logistic", "solver": "sgd", "learning_rate_init": 0.3},
    "tanh": {"activation": "tanh", "hidden_layer_sizes": (20, 10), "solver": "sgd"},
    "identity": {"activation": "identity", "hidden_layer_sizes": 7, "solver": "sgd"},
    "strong alpha": {"alpha": 3.0, "epsilon": 1e-20},
    "no alpha": {"alpha": 0, "epsilon": 1e-20},
    "ragged batch": {"batch_size": 61, "solver": "sgd"},
    "in order": {"shuffle": False, "solver": "sgd"},
    "early stopping": {
        "early_stopping": True,
        "solver": "sgd",
        "n_iter_no_change": 3,
        "max_iter": 30,
    },
    "stops by itself": {"solver": "sgd", "tol": 0.05, "n_iter_no_change": 2, "max_iter": 60},
    "lbfgs": {"solver": "lbfgs", "max_iter": 12},
}
PROBLEMS = {"classes": digits, "two classes": two_classes, "labels": several_labels}


def assert_alike(ours, theirs, X):
    assert ours.n_iter_ == theirs.n_iter_
    for name in ("t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-9)
    for first, second in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        np.testing.assert_allclose(first, second, rtol=1e-6, atol=1e-9)
    if ours.solver != "lbfgs":
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
        assert ours._no_improvement_count == theirs._no_improvement_count
        for name in ("best_loss_", "validation_scores_", "best_validation_score_"):
            first, second = getattr(ours, name), getattr(theirs, name)
            assert (first is None) == (second is None), name
            if second is not None:
                np.testing.assert_allclose(first, second, rtol=1e-9)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
@pytest.mark.parametrize("way", CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_classification(way, problem):
    X, y = problem()
    how = {"random_state": 5, "max_iter": 8, **way}
    ours = MLPClassifier(dtype="float64", **how).fit(X, y)
    theirs = sklearn.neural_network.MLPClassifier(**how).fit(X, y)
    assert_alike(ours, theirs, X)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6, atol=1e-9)
    assert ours.score(X, y) == theirs.score(X, y)


REGRESSORS = {
    "adam": {"epsilon": 1e-20},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.01},
    "early stopping": {"early_stopping": True, "solver": "sgd", "learning_rate_init": 0.01},
    "poisson": {"loss": "poisson", "solver": "sgd"},
}


@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("way", REGRESSORS.values(), ids=REGRESSORS)
def test_regression(way, targets):
    X, y = numbers(targets=targets)
    y = np.abs(y) if way.get("loss") == "poisson" else y
    how = {"random_state": 5, "max_iter": 8, **way}
    ours = MLPRegressor(dtype="float64", **how).fit(X, y)
    theirs = sklearn.neural_network.MLPRegressor(**how).fit(X, y)
    assert_alike(ours, theirs, X)
    np.testing.assert_allclose(ours.score(X, y), theirs.score(X, y), rtol=1e-6)


def test_row_weights_in_one_batch():
    X, y = numbers(150)
    weights = np.random.default_rng(0).uniform(0, 3, 150)
    for way in (REGRESSORS["sgd"], {"solver": "lbfgs"}, REGRESSORS["poisson"]):
        how = {"random_state": 1, "max_iter": 10, "alpha": 0.5, **way}
        ours = MLPRegressor(dtype="float64", **how).fit(X, abs(y), weights)
        theirs = sklearn.neural_network.MLPRegressor(**how).fit(X, abs(y), weights)
        assert_alike(ours, theirs, X)


def test_float32_is_near():
    """By default the network computes in float32, on data that is not tiny."""
    X, y = digits()
    how = {"random_state": 5, "max_iter": 20, "solver": "sgd", "learning_rate_init": 0.1}
    ours, theirs = (
        MLPClassifier(**how).fit(X, y),
        sklearn.neural_network.MLPClassifier(**how).fit(X, y),
    )
    assert {array.dtype for array in ours.coefs_ + ours.intercepts_} == {np.dtype("float32")}
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-3)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_every_parameter_of_theirs_is_ours_with_the_same_default(name):
    theirs = inspect.signature(getattr(sklearn.neural_network, name)).parameters
    ours = inspect.signature(
        {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}[name]
    ).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    assert all(
        ours[key].default == theirs[key].default and ours[key].kind == theirs[key].kind
        for key in theirs
    )


def test_their_public_methods_are_ours():
    for ours, theirs in (
        (MLPClassifier, sklearn.neural_network.MLPClassifier),
        (MLPRegressor, sklearn.neural_network.MLPRegressor),
    ):
        assert {name for name in dir(theirs()) if not name.startswith("_")} <= set(dir(ours()))


def test_verbose_prints_the_same(capsys):
    X, y = digits()
    how = {
        "random_state": 0,
        "max_iter": 3,
        "verbose": True,
        "early_stopping": True,
        "solver": "sgd",
    }
    MLPClassifier(dtype="float64", **how).fit(X, y)
    ours = capsys.readouterr().out
    sklearn.neural_network.MLPClassifier(**how).fit(X, y)
    assert ours == capsys.readouterr().out
