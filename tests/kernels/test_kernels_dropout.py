"""Dropout against Philox in Python's whole numbers: the mask depends on seed, update, layer and
element alone.
"""

import numpy as np
import pytest
from oracles.comparison import assert_close
from oracles.coverage import covers
from oracles.philox import KNOWN_ANSWERS, dropout_mask, philox
from scipy import stats

from fastmlp.kernels.cpu import dropout

SHAPES = [(1, 1), (3, 7), (17, 4), (5, 33)]


def forward(
    backend, x, *, seed=1, update=1, layer=0, keep=0.5, whole_units=False, share=1.0, offset=0
):
    mask, y = np.full(x.shape, 99, np.uint8), np.full(x.shape, np.nan, x.dtype)
    counters = np.array([update, 0, 0, 0], np.int64)
    rate = (1 - keep) / share, np.array([share])
    backend.ops.dropout_forward(x, mask, y, counters, seed, layer, *rate, whole_units, offset)
    return mask, y


def mask_of(backend, shape, **how):
    return forward(backend, np.ones(shape, np.float32), **how)[0]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN_ANSWERS)
def test_generator_gives_the_published_words(counter, key, words):
    assert philox(counter, key) == words
    assert (
        tuple(int(word) for word in dropout.philox(*(np.uint64(word) for word in counter + key)))
        == words
    )


@covers("dropout_forward")
@pytest.mark.parametrize("whole_units", [False, True], ids=["elements", "units"])
@pytest.mark.parametrize("shape", [(0, 3), *SHAPES], ids=str)
def test_forward(backend, dtype, random, shape, whole_units):
    x = random.standard_normal(shape).astype(dtype)
    how = {
        "seed": 0x1234_5678_9ABC,
        "update": (5 << 32) + 3,
        "layer": 2,
        "keep": 0.7,
        "whole_units": whole_units,
    }
    mask, y = forward(backend, x, **how)
    np.testing.assert_array_equal(mask, dropout_mask(*shape, **how))
    assert_close(y, x.astype(np.float64) * mask / 0.7, units=2)


@covers("dropout_backward")
@pytest.mark.parametrize("shape", [(0, 3), *SHAPES], ids=str)
def test_backward_uses_the_mask_of_the_forward_pass(backend, dtype, random, shape):
    mask, _ = forward(backend, np.ones(shape, dtype), keep=0.7)
    upstream = random.standard_normal(shape).astype(dtype)
    expected = upstream.astype(np.float64) * mask / 0.7
    backend.ops.dropout_backward(upstream, mask, 0.6, np.array([0.5]))
    assert_close(upstream, expected, units=2)


@covers("dropout_forward")
def test_a_share_of_the_rate_is_dropped(backend, dtype, random):
    x = random.standard_normal((9, 11)).astype(dtype)
    for whole, half in zip(
        forward(backend, x, keep=0.75), forward(backend, x, keep=0.75, share=0.5), strict=True
    ):
        np.testing.assert_array_equal(half, whole)


@pytest.mark.parametrize("whole_units", [False, True], ids=["elements", "units"])
def test_a_rank_s_part_of_a_batch_has_its_part_of_the_mask(backend, whole_units):
    whole = mask_of(backend, (33, 7), whole_units=whole_units)
    for first, stop in ((0, 5), (5, 6), (6, 33), (33, 33)):
        how = {"whole_units": whole_units, "offset": first}
        np.testing.assert_array_equal(mask_of(backend, (stop - first, 7), **how), whole[first:stop])


def test_mask_of_a_smaller_batch_is_the_start_of_a_larger_one(backend):
    whole = mask_of(backend, (33, 7))
    for rows in (1, 2, 16, 32):
        np.testing.assert_array_equal(mask_of(backend, (rows, 7)), whole[:rows])


@pytest.mark.parametrize(
    "change", [{"seed": 2}, {"seed": 1 + (1 << 32)}, {"update": 2}, {"layer": 1}], ids=str
)
def test_mask_changes_with_each_of_its_keys(backend, change):
    first, second = mask_of(backend, (50, 40)), mask_of(backend, (50, 40), **change)
    # Independent masks of 2000 elements agree on half of them, give or take five deviations.
    assert abs((first == second).mean() - 0.5) < 5 * 0.5 / np.sqrt(first.size)


def test_mask_does_not_depend_on_values_or_type(backend, dtype, random):
    x = random.standard_normal((9, 11)).astype(dtype)
    np.testing.assert_array_equal(forward(backend, x)[0], mask_of(backend, (9, 11)))


def test_whole_units_are_dropped_in_every_row(backend):
    mask = mask_of(backend, (20, 33), whole_units=True)
    np.testing.assert_array_equal(mask, np.broadcast_to(mask[0], mask.shape))
    assert set(mask[0]) == {0, 1}


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.8, 0.99])
def test_share_kept_is_binomial(backend, keep):
    kept = int(mask_of(backend, (1000, 103), keep=keep).sum())
    assert stats.binomtest(kept, 1000 * 103, keep).pvalue > 1e-4


def test_neither_rows_nor_columns_are_favoured(backend):
    mask = mask_of(backend, (400, 400), keep=0.5)
    for axis in (0, 1):
        deviations = (mask.mean(axis=axis) - 0.5) / (0.5 / 20)
        assert np.abs(deviations).max() < 5
        assert abs(deviations.std() - 1) < 0.25


def test_keeping_all_changes_nothing(backend, dtype, random):
    x = random.standard_normal((7, 5)).astype(dtype)
    mask, y = forward(backend, x, keep=1.0)
    assert mask.all()
    np.testing.assert_array_equal(y, x)


def test_a_dropped_nan_is_zero_and_a_kept_one_is_seen(backend, dtype):
    x = np.full((4, 8), np.nan, dtype)
    mask, y = forward(backend, x)
    np.testing.assert_array_equal(np.isnan(y), mask == 1)
    np.testing.assert_array_equal(y[mask == 0], 0)
