"""Quantiles of each column, exact: a column is parted where they lie, and never sorted whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastmlp.data.mapped.rows import MappedRows, Matrix

from .streamed import order_statistics

BLOCK_BYTES = 64 << 20


def column_quantiles(
    matrix: Matrix, shares: Sequence[float] | np.ndarray, channels: int | None = None
) -> np.ndarray:
    """Return quantiles of each column, float64 (shares, columns).

    Between two values a quantile lies in proportion: Hyndman and Fan 1996, definition 7, which is
    NumPy's and R's own.

    Parameters
    ----------
    matrix
        (rows, columns) of finite numbers, with at least one row.
    shares
        From 0, the least value, to 1, the largest.
    channels
        Of pictures: all pixels of a channel count as one column.
    """
    shares = np.asarray(shares, np.float64)
    rows = len(matrix) if channels is None else len(matrix) * (matrix.shape[1] // channels)
    places = shares * (rows - 1)
    if isinstance(matrix, MappedRows):
        low, high = order_statistics(matrix, shares, channels=channels)
    else:
        values = matrix if channels is None else matrix.reshape(-1, channels)
        low, high = _in_memory(values, places)
    weights = (places - np.floor(places))[:, None]
    between = low * (1 - weights) + high * weights  # high − low may be too large
    return np.where(low == high, low, between) + 0.0  # + 0.0 turns -0.0 into 0.0


def _in_memory(matrix: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values below and above places in the order of each column, (places, columns)."""
    rows, columns = matrix.shape
    below, above = (which(places).astype(np.int64) for which in (np.floor, np.ceil))
    wanted = np.unique(np.concatenate([below, above]))
    low, high = np.empty((2, len(places), columns))
    step = max(1, BLOCK_BYTES // (rows * matrix.itemsize))
    for start in range(0, columns, step):
        block = np.array(matrix[:, start : start + step].T, order="C")  # columns lie together
        block.partition(wanted, axis=1)
        low[:, start : start + step] = block[:, below].T
        high[:, start : start + step] = block[:, above].T
    return low, high
