"""Smallest, median and largest value of columns: as NumPy's sorting finds, in any order."""

import numpy as np
import pytest

from fastmlp.data.features.order_statistics.medians import LONG, column_ranges


def _columns(rows: int) -> np.ndarray:
    numbers = np.random.default_rng(rows)
    normal = numbers.normal(size=rows)
    gaps = np.where(numbers.random(rows) < 0.3, np.nan, normal)
    ties = numbers.integers(0, 3, rows).astype(float)
    rare = np.zeros(rows)
    rare[: rows // 3] = 1e9  # a sample of every so manieth sees it, sorted as it is
    hidden = np.arange(rows) % 2 * 1e6 + normal
    return np.asfortranarray(
        np.stack([normal, gaps, ties, rare, hidden, np.sort(normal), np.full(rows, 7.0)], axis=1)
    )


@pytest.mark.parametrize("rows", [1, 2, 3, 40, LONG - 1, LONG, LONG + 1, 5 * LONG + 1, 20 * LONG])
def test_the_same_as_numpy(rows):
    values = _columns(rows)
    values[0, 1] = 0.5  # a column of gaps alone is another test
    lowest, medians, highest = column_ranges(values)
    assert np.array_equal(lowest, np.nanmin(values, axis=0))
    assert np.array_equal(medians, np.nanmedian(values, axis=0))
    assert np.array_equal(highest, np.nanmax(values, axis=0))


@pytest.mark.parametrize("rows", [3, LONG + 2])
def test_a_column_without_values(rows):
    values = np.full((rows, 2), np.nan)
    values[1, 1] = 4.0
    assert np.array_equal(np.array(column_ranges(values)), [[np.nan, 4.0]] * 3, equal_nan=True)


def test_a_sample_that_is_unlike_the_whole():
    values = np.zeros(16 * LONG)
    values[np.arange(len(values)) % 16 != 0] = (
        np.arange(15 * LONG) + 1.0
    )  # every sixteenth is 0, and no other
    assert column_ranges(values[:, None])[1] == np.median(values)


def test_two_large_middles():
    values = np.array([[1.5e308], [1.7e308]])
    assert column_ranges(values)[1] == pytest.approx(1.6e308)
