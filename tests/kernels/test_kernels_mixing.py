"""Mixed activations against SciPy's words for f, and against their derivatives by hand."""

import numpy as np
import pytest
from oracles.comparison import assert_close
from oracles.coverage import covers

SHAPES = [(0, 3), (1, 1), (3, 7), (17, 4), (33, 33), (200, 3)]
# f and f′ of z, and whether f′ is computed from f(z) rather than z.
FUNCTIONS = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float), True),
    "hyperbolic_tangent": (np.tanh, lambda z: 1 - np.tanh(z) ** 2, True),
    "silu": (
        lambda z: z / (1 + np.exp(-z)),
        lambda z: (1 + np.exp(-z) + z * np.exp(-z)) / (1 + np.exp(-z)) ** 2,
        False,
    ),
}


def parts(shape, dtype, random):
    """Return z, α and da, of which some shares are 0, 1 and beyond."""
    z, upstream = (random.standard_normal(shape).astype(dtype) for _ in range(2))
    mix = random.uniform(-0.5, 1.5, shape[1]).astype(dtype)
    mix[:2] = [1, 0][: shape[1]]
    return z, mix, upstream


@covers("mix_forward")
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_forward(backend, dtype, random, shape, name):
    z, mix, _ = parts(shape, dtype, random)
    f, a = (np.full(shape, np.nan, dtype) for _ in range(2))
    backend.ops.mix_forward(backend.scalar_function(name), z, mix, f, a, 0.0)
    exact = FUNCTIONS[name][0](z.astype(np.float64))
    assert_close(f, exact, units=8)
    expected = mix.astype(np.float64) * exact + (1 - mix.astype(np.float64)) * z
    assert_close(a, expected, units=8, scale=1 + 2 * np.abs(z))


def test_a_share_of_1_is_the_activation_and_one_of_0_is_none(backend, dtype, random):
    z = random.standard_normal((9, 2)).astype(dtype)
    f, a = np.empty_like(z), np.empty_like(z)
    relu = backend.scalar_function("relu")
    backend.ops.mix_forward(relu, z, np.array([1, 0], dtype), f, a, 0.0)
    np.testing.assert_array_equal(a[:, 0], np.maximum(z[:, 0], 0))
    np.testing.assert_array_equal(a[:, 1], z[:, 1])


@covers("mix_gradient")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradient(backend, dtype, random, shape):
    z, _, upstream = parts(shape, dtype, random)
    f, dmix = np.tanh(z), np.full(shape[1], np.nan, dtype)
    backend.ops.mix_gradient(upstream, f, z, dmix)
    terms = upstream.astype(np.float64) * (f.astype(np.float64) - z)
    size = (np.abs(upstream) * (np.abs(f) + np.abs(z))).sum(axis=0)
    assert_close(dmix, terms.sum(axis=0), scale=size)


@covers("mix_backward")
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_backward(backend, dtype, random, shape, name):
    z, mix, upstream = parts(shape, dtype, random)
    value, slope, by_output = FUNCTIONS[name]
    exact, alpha = z.astype(np.float64), mix.astype(np.float64)
    saved = value(exact).astype(dtype) if by_output else z
    expected = upstream.astype(np.float64) * (alpha * slope(exact) + 1 - alpha)
    derivative = backend.scalar_function(f"{name}_derivative")
    size = np.abs(upstream) * 4.0
    backend.ops.mix_backward(derivative, upstream, saved, mix, 0.0)
    assert_close(upstream, expected, units=8, scale=size)
