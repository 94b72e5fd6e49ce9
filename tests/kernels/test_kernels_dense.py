"""The dense layer's kernels: bias and softmax, against plain NumPy."""

import numpy as np
import pytest
from oracles.comparison import assert_close
from oracles.coverage import covers
from scipy import special

from fastmlp.kernels.cpu.dense import plain_softmax_forward

SHAPES = [(1, 1), (3, 7), (17, 3), (7, 33), (33, 17)]


@covers("add_bias")
@pytest.mark.parametrize("shape", [(0, 3), *SHAPES], ids=str)
def test_add_bias(backend, dtype, random, shape):
    z, bias = (
        random.standard_normal(shape).astype(dtype),
        random.standard_normal(shape[1]).astype(dtype),
    )
    expected = z.astype(np.float64) + bias
    backend.ops.add_bias(z, bias)
    assert_close(z, expected, units=1)


@covers("bias_gradient")
@pytest.mark.parametrize("shape", [(0, 3), *SHAPES, (1000, 5)], ids=str)
def test_bias_gradient(backend, dtype, random, shape):
    dz, db = random.standard_normal(shape).astype(dtype), np.full(shape[1], np.nan, dtype)
    backend.ops.bias_gradient(dz, db, np.ones(1, dtype), np.zeros(1, dtype), db)
    assert_close(
        db, dz.sum(axis=0, dtype=np.float64), scale=np.abs(dz).sum(axis=0, dtype=np.float64)
    )


@covers("bias_gradient")
@pytest.mark.parametrize("shape", [(0, 3), *SHAPES], ids=str)
def test_bias_gradient_into_a_sink(backend, dtype, random, shape):
    dz, db = random.standard_normal(shape).astype(dtype), np.full(shape[1], np.nan, dtype)
    target = random.standard_normal(shape[1]).astype(dtype)
    expected = 0.5 * target.astype(np.float64) - 0.25 * dz.sum(axis=0, dtype=np.float64)
    backend.ops.bias_gradient(dz, db, np.full(1, -0.25, dtype), np.full(1, 0.5, dtype), target)
    assert_close(target, expected, scale=1 + np.abs(dz).sum(axis=0, dtype=np.float64))


@covers("activation_bias_gradient")
@pytest.mark.parametrize("shape", [(0, 3), *SHAPES, (1000, 5)], ids=str)
def test_activation_bias_gradient(backend, dtype, random, shape):
    upstream, a = (
        random.standard_normal(shape).astype(dtype),
        random.standard_normal(shape).astype(dtype),
    )
    exact = np.where(a > 0, upstream, 0.2 * upstream).astype(np.float64)
    db, target = np.full(shape[1], np.nan, dtype), np.zeros(shape[1], dtype)
    derivative, scales = (
        backend.scalar_function("leaky_relu_derivative"),
        [np.full(1, x, dtype) for x in (2.0, 0.0)],
    )
    backend.ops.activation_bias_gradient(derivative, upstream, a, 0.2, db, *scales, target)
    assert_close(upstream, exact, units=2)
    for found, factor in ((db, 1), (target, 2)):
        assert_close(found, factor * exact.sum(axis=0), scale=factor * np.abs(exact).sum(axis=0))


@covers("softmax_forward")
@pytest.mark.parametrize("shape", [(0, 3), *SHAPES], ids=str)
def test_softmax_forward(backend, dtype, random, shape):
    z, a = (3 * random.standard_normal(shape)).astype(dtype), np.full(shape, np.nan, dtype)
    backend.ops.softmax_forward(z, a)
    assert_close(a, special.softmax(z.astype(np.float64), axis=1), units=16)
    plain = np.full(shape, np.nan)
    plain_softmax_forward(z.astype(np.float64), plain)
    assert_close(a, plain, units=16)


def test_softmax_may_work_in_place(backend, dtype, random):
    z = random.standard_normal((7, 5)).astype(dtype)
    expected = special.softmax(z.astype(np.float64), axis=1)
    backend.ops.softmax_forward(z, z)
    assert_close(z, expected, units=16)


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_softmax_of_extreme_logits(backend, dtype, size):
    z, a = np.array([[size, -size, 0.0], [-size, -size, -size]], dtype), np.empty((2, 3), dtype)
    backend.ops.softmax_forward(z, a)
    np.testing.assert_allclose(a, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-6, atol=1e-37)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_softmax_of_nan_is_nan_in_its_row_alone(backend, dtype, place):
    z, a = np.zeros((2, 3), dtype), np.empty((2, 3), dtype)
    z[0, place] = np.nan
    backend.ops.softmax_forward(z, a)
    assert np.isnan(a[0]).all()
    assert_close(a[1], np.full(3, 1 / 3))


@covers("softmax_backward")
@pytest.mark.parametrize("shape", [(0, 3), *SHAPES], ids=str)
def test_softmax_backward(backend, dtype, random, shape):
    a = special.softmax(random.standard_normal(shape), axis=1).astype(dtype)
    upstream = random.standard_normal(shape).astype(dtype)
    exact, da = a.astype(np.float64), upstream.astype(np.float64)
    jacobians = exact[:, :, None] * (np.eye(shape[1]) - exact[:, None, :])  # ∂aⱼ/∂zᵢ of each row
    expected = np.einsum("rij,rj->ri", jacobians, da)
    backend.ops.softmax_backward(upstream, a)
    assert_close(upstream, expected, units=16, scale=np.abs(da).max(initial=0.0))
