"""Columns far from zero under ``normalize``: as behind a scaler in front of the network."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import fastmlp
from fastmlp import MLPClassifier, MLPRegressor

SCALERS = {"standard": StandardScaler, "unit": MinMaxScaler}
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:lbfgs failed")


def waves(rows=1500, start=1.7e9):
    """Two periods of a wave over seconds since 1970, and a column of chance."""
    random = np.random.default_rng(0)
    t = start + 0.2 * np.arange(rows)
    return np.c_[t, random.normal(size=rows)], np.sin(2 * (t - t.mean()) / t.std())


def regressor(**how):
    how = {
        "hidden_layer_sizes": (32,),
        "max_iter": 60,
        "learning_rate_init": 0.01,
        "random_state": 0,
        "tol": 0,
    } | how
    return MLPRegressor(**how)


WAYS = {
    "as it is": {},
    "no tiny data": {
        "hidden_layer_sizes": (200, 20),
        "max_iter": 25,
    },  # trained in float32, which SMALL_WORK is not
    "float64": {"dtype": "float64"},
    "lbfgs": {"solver": "lbfgs"},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 60},
}


@pytest.mark.parametrize("normalize", SCALERS)
@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_inside_is_as_good_as_behind_a_scaler(how, normalize):
    X, y = waves()
    behind = make_pipeline(SCALERS[normalize](), regressor(**how)).fit(X, y).score(X, y)
    inside = regressor(**how, normalize=normalize).fit(X, y)
    assert inside.score(X, y) == pytest.approx(behind, abs=0.01)
    if inside.early_stopping:
        assert inside.best_validation_score_ > behind - 0.05


def test_whole_numbers_rows_at_a_time_and_sparse_rows():
    X, y = waves()
    X[:, 0] = np.floor(X[:, 0])
    X[:, 1] = np.arange(len(X)) % 7
    model = regressor(normalize="standard").fit(X, y)
    expected = model.predict(X)
    for given in (
        X.astype(np.int64),
        sparse.csr_matrix(X),
        sparse.csc_matrix(X),
        X.tolist(),
        np.asfortranarray(X),
    ):
        np.testing.assert_array_equal(model.predict(given), expected)
    one_by_one = np.concatenate([model.predict(X[row : row + 1]) for row in range(20)])
    np.testing.assert_allclose(one_by_one, expected[:20], rtol=1e-6, atol=1e-6)
    trained = regressor(normalize="standard").fit(sparse.csr_matrix(X), y)
    np.testing.assert_array_equal(trained.predict(X), expected)


def test_partial_fit_keeps_the_origin_of_the_first_rows():
    X, y = waves()
    order = np.random.default_rng(1).permutation(len(X))
    X, y = X[order], y[order]
    model = regressor(normalize="standard")
    for _ in range(60):
        for start in range(0, len(X), 300):
            model.partial_fit(X[start : start + 300], y[start : start + 300])
    assert model.input_origin_[0] == pytest.approx(X[:300, 0].mean(), abs=1e-3)
    assert model.score(X, y) > 0.9


def test_a_column_that_is_constant_in_the_first_rows():
    model = regressor(normalize="standard").partial_fit(np.full((4, 1), 1.7e9), np.arange(4))
    near = model.predict(1.7e9 + np.array([[0.0], [1.0], [2.0]]))
    assert len(set(near.tolist())) == 3


def test_float32_rows():
    X, y = waves(start=1.6e7)
    X = X.astype(np.float32)
    inside = regressor(normalize="standard").fit(X, y).score(X, y)
    assert inside == pytest.approx(
        make_pipeline(StandardScaler(), regressor()).fit(X, y).score(X, y), abs=0.01
    )


def test_the_attributes_say_what_is_computed():
    X, _ = waves()
    model = regressor(normalize="standard", max_iter=1).fit(X, X[:, 1])
    given = (X - model.input_origin_) * model.input_scale_ + model.input_shift_
    np.testing.assert_allclose(given, (X - X.mean(axis=0)) / X.std(axis=0), atol=1e-9)
    assert model.input_origin_[1] == 0
    assert regressor(normalize="standard", max_iter=1).fit(X[:, 1:], X[:, 1]).input_origin_ is None


def test_a_column_near_zero_is_scaled_as_it_is_alone():
    X, y = waves()
    far = regressor(normalize="standard", max_iter=2).fit(X, y)
    far.coefs_[0][0] = 0  # of the time stamps nothing is left
    near = regressor(normalize="standard", max_iter=1).fit(X[:, 1:], y)
    near.coefs_[0][:], near.coefs_[1][:] = far.coefs_[0][1:], far.coefs_[1]
    near.intercepts_[0][:], near.intercepts_[1][:] = far.intercepts_
    np.testing.assert_allclose(far.predict(X), near.predict(X[:, 1:]), rtol=1e-6, atol=1e-7)
    assert far.input_shift_[1] == pytest.approx(near.input_shift_[0])


def test_it_travels():
    X, y = waves()
    model = regressor(normalize="standard", max_iter=5, warm_start=True).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(again.fit(X, y).predict(X), model.fit(X, y).predict(X))


def test_an_older_pickle_has_no_origin():
    X, y = waves()
    model = regressor(normalize="standard", max_iter=2, warm_start=True).fit(X[:, 1:], y)
    state = {name: value for name, value in model.__getstate__().items() if name != "input_origin_"}
    old = MLPRegressor.__new__(MLPRegressor)
    old.__setstate__(state)
    np.testing.assert_array_equal(old.predict(X[:, 1:]), model.predict(X[:, 1:]))
    np.testing.assert_allclose(
        old.to_model().predict(X[:, 1:]), model.predict(X[:, 1:]), rtol=1e-6, atol=1e-6
    )
    old.fit(X[:, 1:], y)


@pytest.mark.parametrize(
    ("front", "normalize"),
    [
        *((None, normalize) for normalize in ("standard", "unit")),
        *(
            (front, normalize)
            for front in (StandardScaler(), MinMaxScaler((-1, 3)))
            for normalize in ("none", "standard", "unit")
        ),
    ],
)
def test_models_of_them(front, normalize, tmp_path):
    """Taken over, saved and read they predict the same, whichever of scaler and network takes the
    origin off.
    """
    X, y = waves()
    estimator = MLPClassifier((8,), max_iter=30, random_state=0, normalize=normalize)
    if front is not None:
        estimator = make_pipeline(front, estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(X, y > 0)
    model = fastmlp.from_sklearn(estimator)
    assert np.allclose(model.predict_outputs(X), estimator.predict_proba(X), atol=1e-6)
    assert estimator.score(X, y > 0) > 0.8
    model.save(tmp_path)
    np.testing.assert_array_equal(
        fastmlp.load(tmp_path).predict_outputs(X), model.predict_outputs(X)
    )
