"""Products of factors rounded to bfloat16, by vectors and by AMX, against NumPy's of factors that
are rounded by their bits; nothing outside c is touched.
"""

import numpy as np
import pytest
from oracles.bfloat16 import rounded
from oracles.comparison import assert_close
from oracles.coverage import covers

from fastmlp.kernels.cpu.compiling.processor import has_amx, has_bfloat16

pytestmark = pytest.mark.skipif(
    not has_bfloat16(), reason="the processor that Numba compiles for lacks AVX512-BF16"
)

# Around every edge: one, an odd number of inner indices, a vector more or less, more rows and inner
# indices than a block has.
SIZES = [
    (1, 1, 1),
    (3, 7, 17),
    (33, 17, 3),
    (7, 2, 33),
    (1, 33, 16),
    (13, 257, 131),
    (130, 70, 64),
    (300, 515, 49),
    (17, 1030, 32),
    (600, 40, 530),  # c does not fit the cache
]
needs_amx = pytest.mark.skipif(
    not has_amx(), reason="the processor that Numba compiles for has no AMX, or Linux grants none"
)
FAMILIES = ["bfloat16", pytest.param("amx", marks=needs_amx)]
KINDS = ["nn", "nn_by_columns", "tn"]


@pytest.fixture(params=FAMILIES)
def family(request):
    return request.param


@pytest.fixture(params=KINDS)
def name(request, family):
    return f"{family}_gemm_{request.param}"


def operands(name, m, k, n, random):
    a = random.standard_normal((k, m) if name.endswith("tn") else (m, k)).astype(np.float32)
    return a, random.standard_normal((k, n)).astype(np.float32)


def product(name, a, b):
    """Return op(a)·op(b) of the rounded factors and the sum of its terms' sizes, in float64."""
    left, right = (
        rounded(a.T if name.endswith("tn") else a).astype(np.float64),
        rounded(b).astype(np.float64),
    )
    return left @ right, np.abs(left) @ np.abs(right)


def launch(backend, name, a, b, c, alpha=1.0, beta=0.0):
    getattr(backend.ops, name)(a, b, c, np.array([alpha], np.float32), np.array([beta], np.float32))


def guarded(values):
    """Return a copy of a matrix inside a larger buffer, and the buffer: NaN all round."""
    buffer = np.full(values.size + 256, np.nan, np.float32)
    inside = buffer[128 : 128 + values.size].reshape(values.shape)
    inside[...] = values
    return inside, buffer


@covers(*(f"{family}_gemm_{kind}" for family in ("bfloat16", "amx") for kind in KINDS))
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_product(backend, random, name, sizes):
    m, k, n = sizes
    values = operands(name, m, k, n, random)
    a, b = (guarded(value)[0] for value in values)
    c, around = guarded(np.full((m, n), np.nan))  # what c holds must not matter while beta is 0
    launch(backend, name, a, b, c)
    expected, size = product(name, *values)
    assert_close(c, expected, scale=size)
    assert np.isnan(around[:128]).all()
    assert np.isnan(around[-128:]).all()


@pytest.mark.parametrize("sizes", [(7, 5, 9), (13, 600, 131)], ids=str)
def test_product_is_scaled_and_added(backend, random, name, sizes):
    m, k, n = sizes
    a, b = operands(name, m, k, n, random)
    before = random.standard_normal((m, n)).astype(np.float32)
    c = before.copy()
    launch(backend, name, a, b, c, -0.25, 0.75)
    expected, size = product(name, a, b)
    assert_close(c, -0.25 * expected + 0.75 * before, scale=size + np.abs(before))


@covers("bfloat16_gemm_tn_momentum", "amx_gemm_tn_momentum")
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_a_velocity_moves_its_weights(backend, random, family, sizes):
    m, k, n = sizes
    values = operands("tn", m, k, n, random)
    velocity, w = (random.standard_normal((m, n)).astype(np.float32) for _ in range(2))
    (v, around_v), (moved, around_w) = guarded(velocity), guarded(w)
    mu, learning_rate = np.array([0.9], np.float32), np.array([0.125])
    launch_one = getattr(backend.ops, f"{family}_gemm_tn_momentum")
    launch_one(*values, v, moved, mu, learning_rate, 0.25)
    gradient, size = product("tn", *values)
    expected = gradient + 0.9 * velocity
    assert_close(v, expected, scale=size + np.abs(velocity))
    assert_close(
        moved, w - 0.125 * (expected + 0.25 * w), scale=size + np.abs(velocity) + np.abs(w)
    )
    for around in (around_v, around_w):
        assert np.isnan(around[:128]).all()
        assert np.isnan(around[-128:]).all()


def test_an_empty_sum_is_zero(backend, name):
    c = np.full((3, 4), np.nan, np.float32)
    launch(
        backend,
        name,
        np.ones((0, 3) if name.endswith("tn") else (3, 0), np.float32),
        np.ones((0, 4), np.float32),
        c,
    )
    np.testing.assert_array_equal(c, 0)


def test_factors_are_rounded_to_nearest_even(backend, random, name):
    bits = random.integers(0, 1 << 32, 1000, np.uint32)
    ties = np.arange(
        0x3F80_8000, 0x3F90_8000, 0x8000, np.uint32
    )  # halfway, and numbers that need no rounding
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-45, 3.4028235e38, 1.1754944e-38]
    values = np.concatenate(
        [bits.view(np.float32), ties.view(np.float32), np.array(special, np.float32)]
    )
    one = np.ones((1, 1), np.float32)
    c = np.empty((values.size, 1), np.float32)
    launch(backend, name, values[None] if name.endswith("tn") else values[:, None], one, c)
    np.testing.assert_array_equal(c[:, 0], rounded(values))
    c = np.empty((1, values.size), np.float32)
    launch(backend, name, one, values[None], c)
    np.testing.assert_array_equal(c[0], rounded(values))


def test_nan_reaches_its_row_and_column_alone(backend, name):
    a = np.ones((7, 5) if name.endswith("tn") else (5, 7), np.float32)
    b = np.ones((7, 9), np.float32)
    (a.T if name.endswith("tn") else a)[3, 6] = np.nan
    b[1, 4] = np.nan
    c = np.empty((5, 9), np.float32)
    launch(backend, name, a, b, c)
    expected = np.zeros((5, 9), bool)
    expected[3, :] = expected[:, 4] = True
    np.testing.assert_array_equal(np.isnan(c), expected)
    np.testing.assert_array_equal(c[~expected], 7)


@pytest.mark.parametrize("kind", ["nn", "nn_by_columns"])
def test_a_row_has_the_same_bits_in_every_batch(backend, random, family, kind):
    name = f"{family}_gemm_{kind}"
    a, b = operands(name, 140, 301, 75, random)
    whole = np.empty((140, 75), np.float32)
    launch(backend, f"{family}_gemm_nn", a, b, whole)
    for rows in (1, 5, 8, 13, 128, 139):
        c = np.empty((rows, 75), np.float32)
        launch(backend, name, a[:rows], b, c)
        assert c.tobytes() == whole[:rows].tobytes()
