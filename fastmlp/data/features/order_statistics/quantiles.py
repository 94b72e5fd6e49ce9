"""Quantiles of each column, exact: a column is parted where they lie, and never sorted whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BLOCK_BYTES = 64 << 20


def column_quantiles(matrix: np.ndarray, shares: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return quantiles of each column, float64 (shares, columns).

    Between two values a quantile lies in proportion: Hyndman and Fan 1996, definition 7, which is
    NumPy's and R's own.

    Parameters
    ----------
    matrix
        (rows, columns) of finite numbers, with at least one row.
    shares
        From 0, the least value, to 1, the largest.
    """
    rows, columns = matrix.shape
    places = np.asarray(shares, np.float64) * (rows - 1)
    below = np.floor(places).astype(np.int64)
    above = np.minimum(below + 1, rows - 1)
    weights = (places - below)[:, None]
    wanted = np.unique(np.concatenate([below, above]))
    found = np.empty((len(places), columns))
    step = max(1, BLOCK_BYTES // (rows * matrix.itemsize))
    for start in range(0, columns, step):
        block = np.array(matrix[:, start : start + step].T, order="C")  # columns lie together
        block.partition(wanted, axis=1)
        low, high = (block[:, at].T.astype(np.float64) for at in (below, above))
        between = low * (1 - weights) + high * weights  # high − low may be too large
        found[:, start : start + step] = np.where(low == high, low, between)
    return found
