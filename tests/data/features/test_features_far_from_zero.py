"""Arrays whose columns lie far from zero: no difference between rows is lost to float32."""

import json

import numpy as np
import polars as pl
import pytest

from fastmlp.data.features.scaling import far_from_zero
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.errors import ModelFileError
from fastmlp.step.batches import Batches
from fastmlp.step.counters import Counters

START = 1.7e9


def rows(count=601, start=START):
    """Time stamps of a row a second in the order of dice, a longitude, and numbers near zero."""
    random = np.random.default_rng(4)
    return np.c_[
        start + random.permutation(count),
        7.1 + 1e-4 * random.normal(size=count),
        random.normal(size=count),
    ]


def fitted(features, normalize="standard", dtype=np.float32, **how):
    return FeaturePreprocessor().fit(features, normalize, dtype, **how)


def scaled(preprocessor, features):
    return (
        preprocessor.transform(features).astype(np.float64) * preprocessor.scale
        + preprocessor.shift
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [2, 7, 601, 200_001])
def test_every_column_is_as_if_it_lay_at_zero(dtype, count):
    X = rows(count)
    preprocessor = fitted(X, dtype=dtype)
    expected = (X - X.mean(axis=0)) / X.std(axis=0)
    assert preprocessor.transform(X).dtype == dtype
    np.testing.assert_allclose(scaled(preprocessor, X), expected, atol=2e-6)
    unit = scaled(fitted(X, "unit", dtype), X)
    np.testing.assert_allclose((unit.min(axis=0), unit.max(axis=0)), [[0] * 3, [1] * 3], atol=2e-6)


def test_columns_near_zero_stay_as_they_were():
    X = np.random.default_rng(0).normal(size=(50, 4)) * [1, 100, 1e-9, 1e9] + [0, 300, 0, 0]
    preprocessor = fitted(X)
    assert preprocessor.to_dict()["features"]["origins"] is None
    np.testing.assert_array_equal(preprocessor.transform(X), X.astype(np.float32))
    assert preprocessor.notes == ()


def test_only_the_columns_that_need_it_have_an_origin_and_a_note_says_so():
    X = rows()
    preprocessor = fitted(X)
    np.testing.assert_array_equal(
        preprocessor.to_dict()["features"]["origins"], [*X[:, :2].min(axis=0), 0]
    )
    assert preprocessor.notes == (
        "2 columns lie far from zero; the least value of the training rows is subtracted first.",
    )
    assert (
        fitted(X[:, [0, 2]], feature_names=("t", "w"))
        .notes[0]
        .startswith("column 't' lies far from zero; ")
    )
    assert fitted(X[:, :2]).notes[0].startswith("all columns lie ")


@pytest.mark.parametrize("kind", [np.int64, np.uint32, np.float32])
def test_whole_numbers_and_float32(kind):
    X = (START + 1024 * np.random.default_rng(0).permutation(100)[:, None]).astype(kind)
    expected = (X - X.mean(dtype=np.float64)) / X.std(dtype=np.float64)
    np.testing.assert_allclose(scaled(fitted(X), X), expected, atol=1e-6)


def test_a_model_takes_rows_of_any_type():
    X = np.round(rows())
    preprocessor = fitted(X)
    expected = preprocessor.transform(X)
    for given in (X.astype(np.int64), X.tolist(), pl.DataFrame(X), np.asfortranarray(X)):
        np.testing.assert_array_equal(preprocessor.transform(given), expected)
    np.testing.assert_array_equal(
        preprocessor.transform(np.zeros((2, 3), np.uint8)), preprocessor.transform(np.zeros((2, 3)))
    )


def test_gaps_become_the_median_before_the_origin_is_taken_off():
    X = rows()
    X[::7, 0] = np.nan
    preprocessor = fitted(X)
    column = preprocessor.transform(X)[:, 0]
    np.testing.assert_array_equal(
        column[::7], np.float32(np.nanmedian(X[:, 0]) - np.nanmin(X[:, 0]))
    )
    assert len(preprocessor.notes) == 2


def test_a_csv_and_an_array_of_the_same_rows_give_the_same_matrix():
    X = rows()
    table, array = fitted(pl.DataFrame(X)), fitted(X)
    np.testing.assert_array_equal(table.transform(pl.DataFrame(X)), array.transform(X))
    np.testing.assert_array_equal(table.scale, array.scale)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_of_a_channel_share_their_origin(channels):
    """A pixel that is nearly the same in all pictures keeps its place among the others."""
    random = np.random.default_rng(1)
    pictures = random.uniform(0, 1, (20, 4, 4, channels))
    pictures[:, 0, 0] = 0.9 + 1e-6 * random.uniform(size=(20, channels))
    shape = pictures.shape[1:] if channels > 1 else (4, 4)
    X = pictures.reshape(20, -1)
    assert fitted(X, image_shape=shape).to_dict()["features"]["origins"] is None
    origins = fitted(X + 1e6, image_shape=shape).to_dict()["features"]["origins"]
    assert len(set(origins)) == channels
    np.testing.assert_allclose(origins, 1e6, atol=0.5)


def test_the_origins_are_kept_and_checked():
    X = rows()
    preprocessor = fitted(X)
    kept = json.loads(json.dumps(preprocessor.to_dict(), allow_nan=False))
    np.testing.assert_array_equal(
        FeaturePreprocessor.from_dict(kept).transform(X), preprocessor.transform(X)
    )
    for wrong in ([START], [START, 0, None], [START, 0, float("nan")], "none", [1e400, 0, 0]):
        kept["features"]["origins"] = wrong
        with pytest.raises(ModelFileError, match="origins"):
            FeaturePreprocessor.from_dict(kept)


def test_a_model_older_than_origins_is_read():
    X = np.random.default_rng(0).normal(size=(9, 2))
    kept = fitted(X).to_dict()
    del kept["features"]["origins"]
    np.testing.assert_array_equal(
        FeaturePreprocessor.from_dict(kept).transform(X), X.astype(np.float32)
    )


@pytest.mark.parametrize(
    ("lowest", "highest", "far"),
    [
        (0, 1, False),
        (1e6, 1e6 + 1, True),
        (-1e6 - 1, -1e6, True),
        (5, 5, False),
        (-1e300, 1e300, False),
        (0, 0, False),
    ],
)
def test_what_lies_far_from_zero(lowest, highest, far):
    arrays = np.array([lowest], float), np.array([highest], float)
    assert far_from_zero(*arrays, arrays[1] - arrays[0]).tolist() == [far]


@pytest.mark.parametrize("window_bytes", [None, 1, 400])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_batches_take_the_origin_off_in_float64(backend, kind, window_bytes):
    """Rows stay in their own type, on the device or behind a window; only the batch is narrowed."""
    X = (rows(40) * [1, 1, 1] + [0, 0, 5]).astype(kind)
    origin, scale, shift = (
        np.array([START, 7.1, 0]),
        np.array([0.1, 1e4, 2]),
        np.array([0.5, 0, -1]),
    )
    how = {"dtype": np.dtype(np.float32), "batch_size": 8, "window_bytes": window_bytes}
    batches = Batches(
        backend, X, None, Counters(backend), origin=origin, scale=scale, shift=shift, **how
    )
    seen = []
    for step in range(5):
        if batches.window is not None and step % batches.window.steps == 0:
            batches.window.take()
        batches.begin(8)
        seen.append(np.array(batches.load(8)[0]))
    expected = (X.astype(np.float64) - origin) * scale + shift
    np.testing.assert_allclose(np.concatenate(seen), expected, rtol=1e-6, atol=1e-6)
    assert batches.largest_input() == pytest.approx(np.abs(expected).max())
