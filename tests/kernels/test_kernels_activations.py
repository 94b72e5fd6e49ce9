"""Activations and their derivatives against SciPy's special functions; exp and tanh to the last
units.
"""

from inspect import signature
from pathlib import Path

import numpy as np
import pytest
from numba import njit
from oracles.activations import DERIVATIVES, PARAMETERS, VALUES
from oracles.comparison import assert_close, units_in_the_last_place
from oracles.coverage import covers

from fastmlp.kernels.cpu import activations
from fastmlp.kernels.cpu.inline import elementary
from fastmlp.nn.activations import ACTIVATIONS

NAMES = sorted(VALUES)
TWINS = Path(activations.__file__).parents[1].joinpath("cuda", "activations.cuh").read_text()
KERNELS = {kind.kernel or name: kind for name, kind in ACTIVATIONS.items()}
SHAPES = [(1, 1), (3, 7), (17, 33)]
EXTREMES = [0.0, -0.0, 1e-30, 1e-4, -1e-4, 20.0, -20.0, 60.0, -60.0, 100.0, -100.0, 1e4, -1e4]
KINKS = [3.0, -3.0]  # of hardswish, which has the slope of its outer pieces there


def inputs(shape, dtype, random):
    """Return numbers from −10 to 10 in every decade of size."""
    signs = random.choice([-1.0, 1.0], shape)
    return (signs * 10.0 ** random.uniform(-6, 1, shape)).astype(dtype)


def forward(backend, name, z):
    a = np.full(z.shape, np.nan, z.dtype)
    backend.ops.activation_forward(backend.scalar_function(name), z, a, PARAMETERS.get(name, 0.0))
    return a


def backward(backend, name, upstream, z):
    saved = z if KERNELS[name].saves_input else forward(backend, name, z)
    result = upstream.copy()
    derivative = backend.scalar_function(f"{name}_derivative")
    backend.ops.activation_backward(derivative, result, saved, PARAMETERS.get(name, 0.0))
    return result


@covers("activation_forward")
@pytest.mark.parametrize("name", NAMES)
def test_value(backend, dtype, random, name):
    for shape in [(0, 3), *SHAPES]:
        z = inputs(shape, dtype, random)
        # Near zero some take the difference of numbers of size 1: what counts there is the absolute
        # error.
        assert_close(
            forward(backend, name, z), VALUES[name](z.astype(np.float64)), units=6, scale=1.0
        )


@covers("activation_backward")
@pytest.mark.parametrize("name", NAMES)
def test_derivative(backend, dtype, random, name):
    for shape in [(0, 3), *SHAPES]:
        z, upstream = inputs(shape, dtype, random), random.standard_normal(shape).astype(dtype)
        expected = upstream.astype(np.float64) * DERIVATIVES[name](z.astype(np.float64))
        assert_close(
            backward(backend, name, upstream, z), expected, units=8, scale=np.abs(upstream) * 2
        )


@covers("bias_activation")
@pytest.mark.parametrize("name", ["relu", "hyperbolic_tangent"])
@pytest.mark.parametrize("shape", [(0, 3), *SHAPES], ids=str)
def test_bias_and_activation_in_one(backend, dtype, random, name, shape):
    z, bias = inputs(shape, dtype, random), random.standard_normal(shape[1]).astype(dtype)
    expected = VALUES[name](z.astype(np.float64) + bias)
    backend.ops.bias_activation(backend.scalar_function(name), z, bias, 0.0)
    assert_close(z, expected, units=4, scale=np.abs(expected) + np.abs(bias))


@pytest.mark.parametrize("name", NAMES)
def test_extremes_are_finite(backend, dtype, name):
    z = np.array([EXTREMES + KINKS], dtype)
    a = forward(backend, name, z)
    assert_close(a, VALUES[name](z.astype(np.float64)), units=6, scale=1.0)
    slopes = backward(backend, name, np.ones_like(z), z)
    assert np.isfinite(slopes).all()
    smooth = z != 0  # at this kink any slope between the two sides is right
    assert_close(
        slopes[smooth], DERIVATIVES[name](z[smooth].astype(np.float64)), units=8, scale=2.0
    )


@pytest.mark.parametrize("name", ["elu", "selu"])
def test_small_outputs_keep_their_precision(backend, dtype, name):
    z = np.array([[-0.3, -1e-2, -1e-4, -1e-6, -1e-9, -1e-30]], dtype)
    exact = z.astype(np.float64)
    assert_close(forward(backend, name, z), VALUES[name](exact), units=8)
    assert_close(backward(backend, name, np.ones_like(z), z), DERIVATIVES[name](exact), units=8)


def test_softplus_keeps_the_precision_of_small_slopes(backend, dtype):
    z = np.array([[-0.1, -3.0, -10.0, -17.5, -30.0, -80.0]], dtype)
    expected = DERIVATIVES["softplus"](z.astype(np.float64))
    assert_close(backward(backend, "softplus", np.ones_like(z), z), expected, units=16)


@pytest.mark.parametrize("name", NAMES)
def test_nan_stays_nan(backend, dtype, name):
    z = np.array([[1.0, np.nan, -1.0]], dtype)
    np.testing.assert_array_equal(np.isnan(forward(backend, name, z)), [[False, True, False]])
    upstream = np.array([[1.0, np.nan, -1.0]], dtype)
    np.testing.assert_array_equal(
        np.isnan(backward(backend, name, upstream, z)), [[False, True, False]]
    )


@pytest.mark.parametrize(
    "name",
    [
        *("relu", "leaky_relu", "elu", "selu", "hyperbolic_tangent", "softplus", "sigmoid"),
        *("hardswish", "smooth_clip"),
    ],
)
def test_infinity_saturates(backend, dtype, name):
    z = np.array([[np.inf, -np.inf]], dtype)
    expected = VALUES[name](z.astype(np.float64))
    np.testing.assert_allclose(forward(backend, name, z), expected, rtol=1e-6, atol=1e-30)


def test_smooth_clip_rises_to_its_limit_and_no_further(backend, dtype):
    largest = np.finfo(dtype).max
    sizes = np.append(np.geomspace(np.finfo(dtype).tiny, largest / 4, 100_001), largest)
    z = np.concatenate([-sizes[::-1], [0], sizes]).astype(dtype)[None]
    for limit in (3.0, 1e-3, 1e30):
        a = np.empty_like(z)
        backend.ops.activation_forward(backend.scalar_function("smooth_clip"), z, a, limit)
        assert np.isfinite(a).all()
        steps = np.diff(a[0])
        assert (steps >= -2 * np.spacing(np.abs(a[0, 1:]))).all()
        assert (steps[np.abs(z[0, 1:]) < limit / 2] > 0).all()
        np.testing.assert_array_equal(a[0], -a[0, ::-1])
        slopes = np.ones_like(z)
        derivative = backend.scalar_function("smooth_clip_derivative")
        backend.ops.activation_backward(derivative, slopes, a, limit)
        assert ((slopes >= 0) & (slopes <= 1)).all()
        if limit == 3.0:
            np.testing.assert_array_equal(a[0, [0, -1]], [-3, 3])


def test_every_activation_is_tested():
    assert KERNELS.keys() - {"softmax"} == set(VALUES) == set(DERIVATIVES)  # softmax is no scalar


@pytest.mark.parametrize("name", NAMES)
def test_the_kernels_take_what_the_table_says_is_saved(name):
    """Both twins of a derivative call their first argument z where it is the input, else a."""
    saved = "z" if KERNELS[name].saves_input else "a"
    kernel = getattr(activations, f"{name}_derivative").py_func
    assert next(iter(signature(kernel).parameters)) == saved
    assert f" {name}_derivative(T {saved}, T p)" in TWINS


@njit
def _exponentials(x, result):
    for i in range(x.size):
        result[i] = elementary.exp(x[i])


def grid(low, high, count):
    return np.linspace(low, high, count, dtype=np.float32)


def test_float32_exponential_is_within_two_units():
    x = np.concatenate(
        [grid(-87.3, 88.3, 400_001), grid(-1, 1, 100_001), grid(-1e-6, 1e-6, 1001), [np.float32(0)]]
    )
    result = np.empty_like(x)
    _exponentials(x, result)
    assert units_in_the_last_place(result, np.exp(x.astype(np.float64))).max() < 2
    assert result[-1] == 1


def test_float32_exponential_at_the_extremes():
    x = np.array([-np.inf, -1e38, -1e4, -88.0, 88.5, 1e4, 1e38, np.inf, np.nan], np.float32)
    result = np.empty_like(x)
    _exponentials(x, result)
    assert np.isnan(result[-1])
    assert (result[:4] >= 0).all()
    assert (result[:4] < 1.3e-38).all()
    assert (result[4:8] > 2.3e38).all()
    assert (np.diff(result[:8]) >= 0).all()


def test_float32_exponential_rises():
    x = grid(-87.3, 88.3, 200_001)
    result = np.empty_like(x)
    _exponentials(x, result)
    assert (np.diff(result) > 0).all()


def test_float32_tangent_is_within_two_units(backend):
    tiny = np.float32(10) ** grid(-30, -1, 5001)
    x = np.concatenate([grid(-12, 12, 400_001), grid(-0.7, 0.7, 100_001), tiny, -tiny])
    result = forward(backend, "hyperbolic_tangent", x[None, :])[0]
    assert units_in_the_last_place(result, np.tanh(x.astype(np.float64))).max() < 2
    assert np.abs(result).max() <= 1


def test_float32_tangent_is_odd_and_saturates(backend):
    x = np.array([[0.3, 0.7, 5.0, 20.0, 1e38, np.inf]], np.float32)
    np.testing.assert_array_equal(
        forward(backend, "hyperbolic_tangent", -x), -forward(backend, "hyperbolic_tangent", x)
    )
    np.testing.assert_array_equal(forward(backend, "hyperbolic_tangent", x)[0, 3:], 1)


def test_float32_sigmoid_is_precise_in_both_tails(backend):
    x = grid(-87, 30, 100_001)
    result = forward(backend, "sigmoid", x[None, :])[0]
    exact = 1 / (1 + np.exp(-x.astype(np.float64)))
    assert units_in_the_last_place(result, exact).max() < 4
