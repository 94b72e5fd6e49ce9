"""TabularClassifier and TabularRegressor: tables as they are, scikit-learn's rules, travel."""

import copy
import pickle
from datetime import date, timedelta

import numpy as np
import pandas
import polars
import pytest
from sklearn.base import clone
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import check_estimator

import fastmlp
from fastmlp import TabularClassifier, TabularRegressor
from fastmlp.errors import FastMLPWarning, UsageError
from fastmlp.settings.presets import FEWEST_ROWS, TABLES

# Few weights and epochs: what is trained is small.
QUICK = {"hidden": "12", "epochs": 25, "batch_size": 32, "lr": 0.02, "number_encoding": "plain"}
ROWS = 240


def classifier(**more):
    settings = QUICK | more.pop("settings", {})
    return TabularClassifier(settings=settings, random_state=0, device="cpu", **more)


def regressor(**more):
    settings = QUICK | more.pop("settings", {})
    return TabularRegressor(settings=settings, random_state=0, device="cpu", **more)


def columns(rows=ROWS):
    """Return columns of every kind with gaps, and a number that they tell."""
    random = np.random.default_rng(5)
    size, days = random.normal(size=rows), random.integers(0, 700, rows)
    kinds = np.array(["oak", "elm", "fir"])[random.integers(0, 3, rows)]
    told = 2 * size + (kinds == "elm") * 3 - (days > 350) * 2
    gaps = random.random((3, rows)) < 0.05
    start = date(2020, 1, 1)
    return {
        "size": [None if gap else float(x) for x, gap in zip(size, gaps[0], strict=True)],
        "kind": [None if gap else str(x) for x, gap in zip(kinds, gaps[1], strict=True)],
        "day": [
            None if gap else start + timedelta(int(d)) for d, gap in zip(days, gaps[2], strict=True)
        ],
    }, told


def frames():
    table, told = columns()
    dates = pandas.to_datetime(pandas.Series(table["day"]))
    return polars.DataFrame(table), pandas.DataFrame(table | {"day": dates}), told


def test_a_polars_and_a_pandas_frame_with_texts_dates_and_gaps_are_one_table():
    as_polars, as_pandas, told = frames()
    y = np.where(told > np.median(told), "high", "low")
    one, other = classifier().fit(as_polars, y), classifier().fit(as_pandas, y)
    assert one.feature_names_in_.tolist() == ["size", "kind", "day"]
    assert one.n_features_in_ == other.n_features_in_ == 3
    p = one.predict_proba(as_polars)
    np.testing.assert_array_equal(p, other.predict_proba(as_pandas))
    assert one.score(as_polars, y) > 0.85
    assert one.settings_["folds"] == TABLES["folds"]
    assert one.model_.network.architecture.members == TABLES["folds"]
    # Columns are found by name, and a text that is new is no error.
    turned = as_polars.select("day", "size", "kind")
    with pytest.raises(ValueError, match="feature names"):
        one.predict(turned)
    strange = as_polars.with_columns(polars.lit("ash").alias("kind"))
    with pytest.warns(FastMLPWarning, match="kind"):
        assert len(one.predict(strange)) == ROWS


def test_a_regression_of_a_frame():
    as_polars, as_pandas, told = frames()
    model = regressor().fit(as_polars, told)
    assert model.score(as_polars, told) > 0.8
    assert model.score(as_pandas, told) == pytest.approx(model.score(as_polars, told), abs=1e-6)
    # With clamp_outputs no prediction lies outside of what was seen.
    predicted = model.predict(as_polars)
    assert told.min() - 1e-5 <= predicted.min() < predicted.max() <= told.max() + 1e-5


def test_an_array_with_gaps():
    random = np.random.default_rng(1)
    X = random.normal(size=(ROWS, 4))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    X[random.random(X.shape) < 0.1] = np.nan
    model = classifier().fit(X, y)
    assert model.score(X, y) > 0.8
    assert not hasattr(model, "feature_names_in_")
    p = model.predict_proba(X)
    assert p.shape == (ROWS, 2)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(model.predict(X), model.classes_[p.argmax(axis=1)])


def test_an_array_of_texts_is_a_table_of_texts():
    X = np.array([["a", "1.5"], ["b", "2.5"], [None, "3.5"], ["a", None]] * 20, object)
    y = np.array([0, 1, 2, 0] * 20)
    assert classifier().fit(X, y).score(X, y) == 1.0


@pytest.mark.parametrize(
    "labels",
    [
        ["no", "yes"],
        ["1", "2"],
        ["", "NA"],
        ["true", "false"],
        ["2020-01-01", "2021-01-01"],
        [" a", "a"],
        [0, 1],
        [-3, 7],
        [False, True],
        [1.0, 3.0],
        [0.0, 1.0],
        ["x", "y", "z"],
        [2**40, 2**41, 2**42],
    ],
    ids=repr,
)
def test_labels_come_back_as_they_were(labels):
    random = np.random.default_rng(2)
    which = random.permutation(np.arange(90) % len(labels))
    X = np.eye(len(labels))[which] * 4 + random.normal(size=(90, len(labels))) * 0.1
    y = np.array(labels)[which]
    model = classifier().fit(X, y)
    np.testing.assert_array_equal(model.classes_, np.unique(y))
    assert model.classes_.dtype == y.dtype
    predicted = model.predict(X)
    assert predicted.dtype == y.dtype
    np.testing.assert_array_equal(predicted, y)
    np.testing.assert_array_equal(
        model.predict_proba(X).argmax(1), np.searchsorted(np.unique(y), y)
    )


def test_a_small_table_has_no_folds():
    random = np.random.default_rng(3)
    X = random.normal(size=(FEWEST_ROWS - 1, 2))
    model = regressor().fit(X, X[:, 0])
    assert model.model_.network.architecture.members == 1
    assert model.settings_["preset"] == "plain"
    assert model.validation_ is None


def noisy(rows=200):
    random = np.random.default_rng(4)
    X = random.normal(size=(rows, 5))
    return X, (X[:, 0] + random.normal(size=rows) > 0).astype(int)


def test_validation_is_out_of_fold_and_worse_than_what_was_learnt():
    X, y = noisy()
    model = classifier(metric="auc", settings={"early_stopping": 100}).fit(X, y)
    said = model.validation_
    assert said["accuracy"] < model.score(X, y)
    assert said["auc"] < roc_auc_score(y, model.predict_proba(X)[:, 1])
    # It tells what new rows bring.
    random = np.random.default_rng(9)
    new = random.normal(size=(4000, 5))
    labels = (new[:, 0] + random.normal(size=4000) > 0).astype(int)
    assert said["auc"] == pytest.approx(
        roc_auc_score(labels, model.predict_proba(new)[:, 1]), abs=0.1
    )


def test_the_temperature_is_that_of_the_validation_rows():
    X, y = noisy()
    model = classifier(settings={"early_stopping": 100, "epochs": 60}).fit(X, y)
    assert model.choices_["temperature"] == model.model_.adjustment.temperature
    assert model.choices_["temperature"] > 1.0  # it has learnt noise by heart
    plain = classifier(settings={"early_stopping": 100, "epochs": 60, "calibrate": "none"})
    expected = plain.fit(X, y).predict_proba(X) ** (1 / model.choices_["temperature"])
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-4)


def test_refit_trains_the_members_on_all_rows():
    X, y = noisy()
    folds, all_rows = classifier().fit(X, y), classifier(refit=True).fit(X, y)
    assert folds.validation_ == all_rows.validation_  # of the members over folds
    assert all_rows.model_.adjustment == folds.model_.adjustment
    assert all_rows.model_.network.architecture.members == TABLES["folds"]
    assert not np.array_equal(folds.predict_proba(X), all_rows.predict_proba(X))
    best = max(1, min(range(folds.n_iter_), key=lambda n: folds.history_[n]["validation_loss"]) + 1)
    assert all_rows.model_.settings["epochs"] == best


def test_a_time_limit_ends_training():
    X, y = noisy()
    settings = {"epochs": 100_000, "early_stopping": 100_000}
    model = classifier(time_limit=0.3, settings=settings).fit(X, y)
    assert 1 <= model.n_iter_ < 100_000
    assert len(model.predict(X)) == len(X)


def test_random_state_tells_the_result():
    X, y = noisy()

    def fitted(seed):
        model = TabularClassifier(settings=QUICK, random_state=seed, device="cpu")
        return model.fit(X, y).predict_proba(X)

    np.testing.assert_array_equal(fitted(3), fitted(3))
    assert not np.array_equal(fitted(3), fitted(4))
    state = np.random.RandomState(0)
    assert not np.array_equal(fitted(state), fitted(state))  # which is drawn from


def test_parameters_and_settings_reach_the_training():
    X, y = noisy()
    model = classifier(preset="plain", settings={"dropout": "0.125", "matmul_precision": "medium"})
    model.fit(X, y)
    assert model.settings_["dropout"] == "0.125"
    assert model.settings_["normalize"] == "standard"
    assert model.model_.network.backend.precision == "medium"
    assert clone(model).get_params()["settings"] == model.settings
    for wrong, message in [
        ({"preset": "table"}, "preset"),
        ({"metric": "acc"}, "acc"),
        ({"metric": "rmse"}, "rmse"),
        ({"time_limit": -1.0}, "time_limit"),
        ({"settings": {"hiden": "3"}}, "hiden"),
    ]:
        with pytest.raises(UsageError, match=message):
            classifier(**wrong).fit(X, y)


@pytest.mark.parametrize("how", ["pickle", "deepcopy", "save"])
def test_it_travels(how, tmp_path):
    as_polars, _, told = frames()
    model = regressor().fit(as_polars, told)
    expected = model.predict(as_polars)
    if how == "save":
        model.to_model().save(tmp_path / "folder")
        loaded = fastmlp.load(tmp_path / "folder", device="cpu")
        np.testing.assert_array_equal(loaded.predict(as_polars).ravel(), expected)
        return
    other = pickle.loads(pickle.dumps(model)) if how == "pickle" else copy.deepcopy(model)
    np.testing.assert_array_equal(other.predict(as_polars), expected)
    assert other.get_params() == model.get_params()
    assert other.validation_ == model.validation_
    assert other.model_ is not model.model_
    assert r2_score(told, other.predict(as_polars)) == model.score(as_polars, told)


def test_it_is_tried_by_cross_validation_in_processes():
    X, y = noisy()
    alone = cross_val_score(classifier(threads=1), X, y, cv=2)
    np.testing.assert_array_equal(
        cross_val_score(classifier(threads=1), X, y, cv=2, n_jobs=2), alone
    )


@pytest.mark.filterwarnings("ignore")  # scikit-learn runs its checks with warnings that do not stop
@pytest.mark.parametrize(
    "estimator", [TabularClassifier(), TabularRegressor()], ids=lambda each: type(each).__name__
)
def test_scikit_learn_s_checks(estimator):
    estimator.set_params(settings={"hidden": "32", "epochs": 60, "lr": 0.01}, device="cpu")
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    failed = [
        f"{each['check_name']}: {each['exception']!r}"
        for each in results
        if each["status"] not in ("passed", "skipped")
    ]
    assert not failed
    assert sum(each["status"] == "passed" for each in results) > 40
