"""Quantiles of columns: as NumPy's, in any order and type."""

import numpy as np
import pytest

from fastmlp.data.features.order_statistics import quantiles
from fastmlp.data.features.order_statistics.quantiles import column_quantiles

SHARES = [0, 0.25, 0.5, 0.75, 1, 1 / 3, 0.999]


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 101, 10_000])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8])
def test_the_same_as_numpy(random, rows, dtype):
    matrix = (100 * random.random((rows, 5))).astype(dtype)
    matrix[:, 1] = 7
    matrix[:, 2] = np.arange(rows) % 3
    before = matrix.copy()
    expected = np.quantile(matrix.astype(np.float64), SHARES, axis=0)
    np.testing.assert_allclose(column_quantiles(matrix, SHARES), expected, rtol=1e-14)
    np.testing.assert_array_equal(matrix, before)


def test_column_by_column(random, monkeypatch):
    matrix = random.standard_normal((50, 7))
    whole = column_quantiles(matrix, SHARES)
    monkeypatch.setattr(quantiles, "BLOCK_BYTES", 900)
    np.testing.assert_array_equal(column_quantiles(matrix, SHARES), whole)


def test_large_values_do_not_overflow():
    assert column_quantiles(np.array([[-1.7e308], [1.7e308]]), [0.5])[0, 0] == 0


def test_equal_values_are_kept_to_the_bit():
    assert column_quantiles(np.full((7, 1), 0.1), [0.3])[0, 0] == 0.1
