"""Minimum, median and maximum of each column without gaps: exact, with no long column sorted."""

from __future__ import annotations

import numpy as np

LONG = 4096  # rows, from which on a sample tells where the median lies
SAMPLE = 4096


def column_ranges(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return minimum, median and maximum of each column, float64 (columns,) each.

    Parameters
    ----------
    values
        float64 (rows, columns) with at least one row, NaN where missing; a column without a value
        has NaN throughout.
    """
    if len(values) < LONG:
        return _of_sorted(np.sort(values, axis=0))
    found = np.array([_of_long(column[~np.isnan(column)]) for column in values.T]).reshape(-1, 3)
    lowest, medians, highest = found.T
    return lowest, medians, highest


def _of_sorted(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read the three from sorted columns; NaN sorts last."""
    counts, columns = np.count_nonzero(~np.isnan(values), axis=0), np.arange(values.shape[1])
    last = np.maximum(counts - 1, 0)
    medians = _between(values[last // 2, columns], values[counts // 2, columns])
    return values[0], medians, values[last, columns]


def _between(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.where(low == high, low, 0.5 * low + 0.5 * high)  # their sum may be too large


def _of_long(values: np.ndarray) -> tuple[float, float, float]:
    if not len(values):
        return np.nan, np.nan, np.nan
    return float(values.min()), _median(values), float(values.max())


def _median(values: np.ndarray) -> float:
    """Return the median by sorting only what a sample puts near it (Floyd and Rivest 1975)."""
    sample = np.sort(values[:: max(1, len(values) // SAMPLE)])
    middle, margin = len(sample) // 2, 2 * int(len(sample) ** 0.5)
    low, high = sample[max(middle - margin, 0)], sample[min(middle + margin, len(sample) - 1)]
    near = values[(values >= low) & (values <= high)]
    below = np.count_nonzero(values < low)
    lower, upper = (len(values) - 1) // 2 - below, len(values) // 2 - below
    if lower < 0 or upper >= len(near):  # the sample was unlike the whole
        near, lower, upper = values, lower + below, upper + below
    parted = np.partition(near, (lower, upper))
    return float(_between(parted[lower], parted[upper]))
