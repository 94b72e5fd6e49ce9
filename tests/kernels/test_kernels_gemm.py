"""Matrix products of every shape, with BLAS and without, against NumPy in float64; nothing outside
c is touched.
"""

import numpy as np
import pytest
from oracles.comparison import assert_close
from oracles.coverage import covers

from fastmlp.backend.cpu.blas import scipy_blas
from fastmlp.kernels.cpu.products.gemm import plain_gemm

# Around every edge: one, a vector more or less, more inner indices and more rows than are taken at
# a time, few columns.
SIZES = [
    (1, 1, 1), (3, 7, 17), (33, 17, 3), (7, 1, 33), (1, 33, 7), (13, 257, 131), (130, 70, 64),
    (400, 300, 70), (1, 5, 2), (16, 64, 2), (31, 300, 2), (33, 16, 4), (70, 530, 1), (40, 9, 5),
]  # fmt: skip
OPERATIONS = [
    "gemm_nn",
    "gemm_nn_by_columns",
    "gemm_tn",
    "blas_gemm_nn",
    "blas_gemm_nt",
    "blas_gemm_tn",
]


def operands(kind, m, k, n, dtype, random):
    a = random.standard_normal((k, m) if kind == "tn" else (m, k)).astype(dtype)
    b = random.standard_normal((n, k) if kind == "nt" else (k, n)).astype(dtype)
    return a, b


def product(kind, a, b):
    """Return op(a)·op(b) and the sum of the sizes of its terms, in float64."""
    left, right = (
        (a.T if kind == "tn" else a).astype(np.float64),
        (b.T if kind == "nt" else b).astype(np.float64),
    )
    return left @ right, np.abs(left) @ np.abs(right)


def launch(backend, name, a, b, c, alpha=1.0, beta=0.0):
    scales = np.array([alpha], c.dtype), np.array([beta], c.dtype)
    routine = [scipy_blas().gemm(c.dtype)] if name.startswith("blas") else []
    getattr(backend.ops, name)(*routine, a, b, c, *scales)


def kind_of(name):
    return next(kind for kind in ("nn", "nt", "tn") if kind in name)


def guarded(shape, dtype):
    """Return a matrix inside a larger buffer, and the buffer: NaN all round."""
    size = shape[0] * shape[1]
    buffer = np.full(size + 256, np.nan, dtype)
    return buffer[128 : 128 + size].reshape(shape), buffer


@covers("gemm_nn", "gemm_nn_by_columns", "gemm_tn", "blas_gemm_nn", "blas_gemm_nt", "blas_gemm_tn")
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_product(backend, dtype, random, name, sizes):
    m, k, n = sizes
    values = operands(kind_of(name), m, k, n, dtype, random)
    a, b = (guarded(value.shape, dtype)[0] for value in values)
    a[...], b[...] = values
    c, around = guarded((m, n), dtype)  # what c holds must not matter while beta is 0
    launch(backend, name, a, b, c)
    expected, size = product(kind_of(name), *values)
    assert_close(c, expected, scale=size)
    assert np.isnan(around[:128]).all()
    assert np.isnan(around[-128:]).all()


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("sizes", [(7, 5, 9), (13, 600, 131)], ids=str)
def test_product_is_scaled_and_added(backend, dtype, random, name, sizes):
    m, k, n = sizes
    a, b = operands(kind_of(name), m, k, n, dtype, random)
    before = random.standard_normal((m, n)).astype(dtype)
    c = before.copy()
    launch(backend, name, a, b, c, -0.25, 0.75)
    expected, size = product(kind_of(name), a, b)
    assert_close(c, -0.25 * expected + 0.75 * before, scale=size + np.abs(before))


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("beta", [0.0, 0.75])
def test_product_is_its_plain_body(backend, dtype, random, name, beta):
    a, b = operands(kind_of(name), 5, 19, 9, dtype, random)
    c = random.standard_normal((5, 9)).astype(dtype)
    plain = c.astype(np.float64)
    left, right = (a.T if kind_of(name) == "tn" else a), (b.T if kind_of(name) == "nt" else b)
    plain_gemm(left.astype(np.float64), right.astype(np.float64), plain, -0.25, beta)
    size = product(kind_of(name), a, b)[1] + np.abs(c)
    launch(backend, name, a, b, c, -0.25, beta)
    assert_close(c, plain, scale=size)


@covers("gemm_tn_momentum")
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_a_velocity_moves_its_weights(backend, dtype, random, sizes):
    m, k, n = sizes
    values = operands("tn", m, k, n, dtype, random)
    velocity, w = (random.standard_normal((m, n)).astype(dtype) for _ in range(2))
    (v, around_v), (moved, around_w) = guarded((m, n), dtype), guarded((m, n), dtype)
    v[...], moved[...] = velocity, w
    backend.ops.gemm_tn_momentum(*values, v, moved, np.array([0.9], dtype), np.array([0.125]), 0.25)
    gradient, size = product("tn", *values)
    expected = gradient + 0.9 * velocity
    assert_close(v, expected, scale=size + np.abs(velocity))
    assert_close(
        moved, w - 0.125 * (expected + 0.25 * w), scale=size + np.abs(velocity) + np.abs(w)
    )
    assert all(
        np.isnan(around[part]).all()
        for around in (around_v, around_w)
        for part in (slice(128), slice(-128, None))
    )


@pytest.mark.parametrize("kind", ["nn", "nt", "tn"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_matmul_takes_the_right_operation(backend, dtype, random, kind, sizes):
    m, k, n = sizes
    a, b = operands(kind, m, k, n, dtype, random)
    c = np.full((m, n), np.nan, dtype)
    backend.matmul(kind, a, b, c)
    expected, size = product(kind, a, b)
    assert_close(c, expected, scale=size)


@pytest.mark.parametrize("kind", ["nn", "nt", "tn"])
@pytest.mark.parametrize("width", [9, 200])
def test_matmul_scales_and_adds(backend, dtype, random, kind, width):
    a, b = operands(kind, 7, 5, width, dtype, random)
    before = random.standard_normal((7, width)).astype(dtype)
    c, alpha, beta = before.copy(), np.array([-0.25], dtype), np.array([0.75], dtype)
    backend.matmul(kind, a, b, c, alpha, beta)
    expected, size = product(kind, a, b)
    assert_close(c, -0.25 * expected + 0.75 * before, scale=size + np.abs(before))


def test_matmul_of_no_rows(backend, dtype):
    backend.matmul("nn", np.ones((0, 3), dtype), np.ones((3, 4), dtype), np.ones((0, 4), dtype))
    c = np.ones((3, 4), dtype)
    backend.matmul("tn", np.ones((0, 3), dtype), np.ones((0, 4), dtype), c)
    np.testing.assert_array_equal(c, 0)


@pytest.mark.parametrize("name", ["gemm_nn", "gemm_nn_by_columns"])
@pytest.mark.parametrize("width", [75, 5])
def test_a_row_has_the_same_bits_in_every_batch(backend, dtype, random, name, width):
    check_rows(backend, dtype, random, name, width)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_row_of_few_columns_has_the_same_bits_in_every_batch(backend, dtype, random, width):
    check_rows(backend, dtype, random, "gemm_nn", width)


def check_rows(backend, dtype, random, name, width):
    a, b = operands("nn", 50, 300, width, dtype, random)
    whole = np.empty((50, width), dtype)
    launch(backend, "gemm_nn", a, b, whole)
    for rows in (1, 5, 12, 13, 49, 50):
        c = np.empty((rows, width), dtype)
        launch(backend, name, a[:rows], b, c)
        assert c.tobytes() == whole[:rows].tobytes()


@pytest.mark.parametrize("name", OPERATIONS)
def test_nan_reaches_its_row_and_column_alone(backend, dtype, name):
    kind = kind_of(name)
    a = np.ones((6, 5) if kind == "tn" else (5, 6), dtype)
    b = np.ones((7, 6) if kind == "nt" else (6, 7), dtype)
    (a.T if kind == "tn" else a)[3, 2] = np.nan
    (b.T if kind == "nt" else b)[1, 4] = np.nan
    c = np.empty((5, 7), dtype)
    launch(backend, name, a, b, c)
    expected = np.zeros((5, 7), bool)
    expected[3, :] = expected[:, 4] = True
    np.testing.assert_array_equal(np.isnan(c), expected)
    np.testing.assert_array_equal(c[~expected], 6)


@covers("transpose")
@pytest.mark.parametrize(
    "shape", [(0, 3), (1, 1), (3, 7), (17, 33), (16, 16), (64, 24), (100, 8), (8, 100)], ids=str
)
def test_transpose(backend, dtype, random, shape):
    source = random.standard_normal(shape).astype(dtype)
    target, around = guarded(shape[::-1], dtype)
    backend.ops.transpose(source, target)
    np.testing.assert_array_equal(target, source.T)
    assert np.isnan(around[:128]).all()
    assert np.isnan(around[-128:]).all()
