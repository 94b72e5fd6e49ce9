"""Products with factors against NumPy, and the sum that is the factors' gradient."""

import numpy as np
import pytest
from oracles.comparison import assert_close
from oracles.coverage import covers

SHAPES = [(0, 3), (1, 1), (3, 7), (17, 4), (33, 33), (1000, 3)]


@covers("scale_columns")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_scale_columns(backend, dtype, random, shape):
    x, factors = (random.standard_normal(size).astype(dtype) for size in (shape, shape[1]))
    y = np.full(shape, np.nan, dtype)
    backend.ops.scale_columns(x, factors, y)
    np.testing.assert_array_equal(y, x * factors)


@covers("scale_columns_gradient")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_scale_columns_gradient(backend, dtype, random, shape):
    dy, x = (random.standard_normal(shape).astype(dtype) for _ in range(2))
    dfactors = np.full(shape[1], np.nan, dtype)
    backend.ops.scale_columns_gradient(dy, x, dfactors)
    terms = dy.astype(np.float64) * x
    assert_close(dfactors, terms.sum(axis=0), scale=np.abs(terms).sum(axis=0))


@covers("scale_matrix")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_scale_matrix(backend, dtype, random, shape):
    z = random.standard_normal(shape).astype(dtype)
    expected = z * dtype.type(0.3)
    backend.ops.scale_matrix(z, 0.3)
    np.testing.assert_array_equal(z, expected)
