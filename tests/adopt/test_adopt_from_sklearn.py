"""Models from scikit-learn: they predict what scikit-learn's own MLP predicts, alone and behind
scalers.
"""

import warnings

import numpy as np
import pytest
from export_support import rows
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PowerTransformer,
    StandardScaler,
)

import fastmlp
from fastmlp.errors import UsageError

TOLERANCE = {"rtol": 1e-6, "atol": 1e-6}
X = rows(120, 5, dtype=np.float64) * [1, 2, 30, 1, 0.1] + [0, 5, 100, 0, 1]
GAPS = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)
CLASSES = {
    "two": X[:, 0] > 0,
    "texts": np.where(X[:, 0] > 0, "yes", "no"),
    "three": np.digitize(X[:, 0], [-0.5, 0.5]) + 7,
    "floats": np.digitize(X[:, 0], [-0.5, 0.5]) - 1.0,
}


def fit(estimator, y, x=X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(x, y)


def small(kind=MLPClassifier, **words):
    return kind(
        **(
            {
                "hidden_layer_sizes": (9, 6),
                "max_iter": 15,
                "random_state": 0,
                "learning_rate_init": 0.01,
            }
            | words
        )
    )


@pytest.mark.parametrize("target", CLASSES)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_classifiers(target, activation, dtype, tmp_path):
    x = X.astype(dtype)
    theirs = fit(small(activation=activation), CLASSES[target], x)
    model = fastmlp.from_sklearn(theirs)
    assert model.network.dtype == dtype
    assert np.allclose(model.predict_outputs(x), theirs.predict_proba(x), **TOLERANCE)
    assert model.predict(x).tolist() == theirs.predict(x).tolist()
    model.save(tmp_path)
    assert np.array_equal(fastmlp.load(tmp_path).predict_outputs(x), model.predict_outputs(x))


def test_several_labels_a_row():
    y = (X[:, :3] > X[:, :3].mean(axis=0)).astype(int)
    theirs = fit(small(), y)
    model = fastmlp.from_sklearn(theirs)
    assert model.task == "multilabel"
    assert np.allclose(model.predict_outputs(X), theirs.predict_proba(X), **TOLERANCE)
    assert np.array_equal(model.predict(X), theirs.predict(X))


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("hidden", [(), (7,)])
def test_regressors(outputs, hidden):
    y = (X @ np.random.default_rng(0).normal(size=(5, outputs))).squeeze()
    theirs = fit(small(MLPRegressor, hidden_layer_sizes=hidden), y)
    assert np.allclose(fastmlp.from_sklearn(theirs).predict(X), theirs.predict(X), **TOLERANCE)


@pytest.mark.parametrize(
    "scalers",
    [
        [StandardScaler()],
        [StandardScaler(with_mean=False)],
        [StandardScaler(with_std=False)],
        [MinMaxScaler(feature_range=(-1, 2))],
        [MaxAbsScaler()],
        [StandardScaler(), MinMaxScaler(), MaxAbsScaler()],
        ["passthrough", StandardScaler()],
    ],
    ids=str,
)
def test_pipelines(scalers):
    theirs = fit(make_pipeline(*scalers, small()), CLASSES["three"])
    assert np.allclose(
        fastmlp.from_sklearn(theirs).predict_outputs(X), theirs.predict_proba(X), **TOLERANCE
    )


@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant"])
def test_missing_values(strategy):
    theirs = fit(
        make_pipeline(SimpleImputer(strategy=strategy), StandardScaler(), small()),
        CLASSES["three"],
        GAPS,
    )
    assert np.allclose(
        fastmlp.from_sklearn(theirs).predict_outputs(GAPS), theirs.predict_proba(GAPS), **TOLERANCE
    )


def test_names_of_columns():
    polars = pytest.importorskip("polars", reason="the package polars is not installed")
    frame = polars.DataFrame(X, schema=list("abcde"))
    model = fastmlp.from_sklearn(
        fit(make_pipeline(StandardScaler(), small()), CLASSES["two"], frame)
    )
    assert model.features.output_names == tuple("abcde")
    assert np.array_equal(model.predict(frame.select(list("edcba"))), model.predict(X))


OWN = {
    "plain": {},
    "normalize": {"normalize": "standard"},
    "unit": {"normalize": "unit"},
    "batch_norm": {"batch_norm": "hidden"},
    "batch_norm all": {"batch_norm": "all", "normalize": "standard"},
    "activations": {"activation": ["gelu", "leaky_relu(0.2)"], "dropout": 0.3},
    "lbfgs": {"solver": "lbfgs", "activation": "selu"},
    "float64": {"dtype": "float64", "batch_norm": "input"},
}


@pytest.mark.parametrize("way", OWN)
@pytest.mark.parametrize("target", ["two", "three", "several", "number", "numbers"])
def test_the_library_s_own_estimators(way, target, tmp_path):
    several = (X[:, :3] > X[:, :3].mean(axis=0)).astype(int)
    y = {**CLASSES, "several": several, "number": X[:, 0], "numbers": X[:, :2]}[target]
    kind = fastmlp.MLPRegressor if target.startswith("number") else fastmlp.MLPClassifier
    own = fit(small(kind, max_iter=5, **OWN[way]), y)
    model = own.to_model()
    expected = own.predict(X) if kind is fastmlp.MLPRegressor else own.predict_proba(X)
    tolerance = {
        "rtol": 1e-5,
        "atol": 1e-5,
    }  # x·scale + shift is rounded to float32 at other places
    np.testing.assert_allclose(np.squeeze(model.predict_outputs(X)), expected, **tolerance)
    model.save(tmp_path)
    np.testing.assert_array_equal(
        fastmlp.load(tmp_path).predict_outputs(X), model.predict_outputs(X)
    )
    piped = fit(make_pipeline(StandardScaler(), small(kind, max_iter=5, **OWN[way])), y)
    expected = piped.predict(X) if kind is fastmlp.MLPRegressor else piped.predict_proba(X)
    np.testing.assert_allclose(
        np.squeeze(fastmlp.from_sklearn(piped).predict_outputs(X)), expected, **tolerance
    )


def test_an_own_estimator_with_weights_set_by_hand():
    own = fit(small(fastmlp.MLPClassifier, normalize="standard"), CLASSES["three"])
    own.coefs_[0] = np.zeros_like(own.coefs_[0])
    assert np.allclose(own.to_model().predict_outputs(X), own.predict_proba(X), **TOLERANCE)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (lambda: small(), "MLPClassifier cannot be taken over"),
        (lambda: 3, "int cannot be taken over"),
        (
            lambda: fit(LogisticRegression(max_iter=1000), CLASSES["two"]),
            "LogisticRegression cannot be taken over",
        ),
        (
            lambda: fit(make_pipeline(PowerTransformer(), small()), CLASSES["two"]),
            "PowerTransformer in the pipeline",
        ),
        (lambda: fit(make_pipeline(MinMaxScaler(clip=True), small()), CLASSES["two"]), "clip=True"),
        (
            lambda: fit(
                make_pipeline(SimpleImputer(add_indicator=True), small()), CLASSES["two"], GAPS
            ),
            "adds",
        ),
        (
            lambda: fit(make_pipeline(SimpleImputer(missing_values=-1), small()), CLASSES["two"]),
            "numbers for NaN",
        ),
        (
            lambda: fit(make_pipeline(StandardScaler(), SimpleImputer(), small()), CLASSES["two"]),
            "SimpleImputer in the",
        ),
        (
            lambda: fit(make_pipeline(OneHotEncoder(), small()), CLASSES["two"], X[:, :1].round()),
            "OneHotEncoder in the",
        ),
        (
            lambda: fit(TransformedTargetRegressor(small(MLPRegressor)), X[:, 0]),
            "TransformedTargetRegressor cannot",
        ),
        (
            lambda: fit(small(MLPRegressor, loss="poisson"), np.abs(X[:, 0])),
            "'exp' cannot be taken over",
        ),
        (
            lambda: fit(small(fastmlp.MLPRegressor, loss="poisson"), np.abs(X[:, 0])),
            "'exp' cannot be taken over",
        ),
        (
            lambda: fit(small(fastmlp.MLPClassifier, loss="huber"), CLASSES["two"]),
            "'huber' gives no probabilities",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_taken_over_is_said_in_one_line(estimator, message):
    with pytest.raises(UsageError, match=message) as raised:
        fastmlp.from_sklearn(estimator())
    assert "\n" not in str(raised.value)


def test_no_network_at_the_end():
    with pytest.raises(UsageError, match="StandardScaler cannot be taken over"):
        fastmlp.from_sklearn(fit(make_pipeline(StandardScaler()), None))
    with pytest.raises(UsageError, match="cannot be taken over"):
        fastmlp.from_sklearn(make_pipeline("passthrough"))
