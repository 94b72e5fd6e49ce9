"""Matrix products by cuBLAS, against NumPy."""

import numpy as np
import pytest
from oracles.comparison import assert_close

from fastmlp.errors import DeviceError, UsageError

SHAPES = [(1, 1, 1), (3, 5, 7), (64, 33, 10), (17, 1, 31)]
KINDS = ("nn", "nt", "tn")


def operands(kind, shape, dtype, random):
    m, n, k = shape
    a = random.standard_normal((k, m) if kind == "tn" else (m, k)).astype(dtype)
    b = random.standard_normal((n, k) if kind == "nt" else (k, n)).astype(dtype)
    return (
        a,
        b,
        (a.T if kind == "tn" else a).astype(np.float64),
        (b.T if kind == "nt" else b).astype(np.float64),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_product(backend, dtype, random, kind, shape):
    a, b, left, right = operands(kind, shape, dtype, random)
    c = np.full(shape[:2], np.nan, dtype)  # beta is 0: what was there is not read
    backend.matmul(kind, a, b, c)
    assert_close(c, left @ right, units=8, scale=np.abs(left) @ np.abs(right))


@pytest.mark.parametrize("kind", KINDS)
def test_scaled_product(backend, dtype, random, kind):
    a, b, left, right = operands(kind, (5, 6, 7), dtype, random)
    c = random.standard_normal((5, 6)).astype(dtype)
    expected = -0.5 * (left @ right) + 0.25 * c.astype(np.float64)
    backend.matmul(kind, a, b, c, np.full(1, -0.5, dtype), np.full(1, 0.25, dtype))
    assert_close(c, expected, units=8, scale=np.abs(left) @ np.abs(right) + 1)


def test_a_product_of_no_rows(backend, dtype):
    c = np.zeros((0, 3), dtype)
    backend.matmul("nn", np.zeros((0, 2), dtype), np.ones((2, 3), dtype), c)
    assert c.shape == (0, 3)


def test_tf32_keeps_fewer_bits(cuda, random):
    from fastmlp.backend.cuda.backend import CudaBackend

    a, b = (random.standard_normal((32, 32)).astype(np.float32) for _ in range(2))
    errors = {}
    for precision in ("highest", "high"):
        device = CudaBackend(0, precision)
        c = device.zeros((32, 32), np.float32)
        device.matmul("nn", device.from_numpy(a), device.from_numpy(b), c)
        errors[precision] = np.abs(device.to_numpy(c) - a.astype(np.float64) @ b).max()
    assert errors["highest"] < 1e-5
    assert 1e-5 < errors["high"] < 1e-1


def test_bfloat16_is_not_for_cuda(cuda):
    from fastmlp.backend.cuda.backend import CudaBackend

    with pytest.raises(
        UsageError, match=r"'medium' \(bfloat16\) is not for CUDA, which accepts highest"
    ):
        CudaBackend(0, "medium")


def test_a_lost_context_is_not_put_down_to_the_product_that_meets_it(cuda, emulated):
    """A kernel fails on the device while Python goes on, and cuBLAS is the next to be called."""
    x, bias, c = (cuda.zeros(shape, np.float32) for shape in ((4, 4), (4,), (4, 4)))
    cuda.matmul("nn", x, x, c)
    with emulated.failing("launch", status=700), emulated.failing("gemm", status=13):
        cuda.ops.add_bias(x, bias)
        with pytest.raises(DeviceError, match="can no longer use it"):
            cuda.matmul("nn", x, x, c)
