"""One update of every rule, penalties, clipping and norms, on vectors of awkward lengths."""

import numpy as np
import pytest
from oracles.comparison import assert_close
from oracles.coverage import covers

from fastmlp.kernels.constants import NORM_BLOCK

SIZES = [0, 1, 3, 17, 33, NORM_BLOCK - 1, NORM_BLOCK, NORM_BLOCK + 3, 3 * NORM_BLOCK + 5]
RATE, DECAY = 0.05, 0.3
BETA1, BETA2, RHO, MU, EPSILON = 0.8, 0.95, 0.85, 0.7, 1e-6
UPDATE = 4


def vectors(size, dtype, random):
    """Return parameters and gradient, and the same as float64."""
    w, g = (random.standard_normal(size).astype(dtype) for _ in range(2))
    return w, g, w.astype(np.float64), g.astype(np.float64)


def state(size, dtype, random):
    values = random.uniform(0.01, 2, size).astype(dtype)
    return values, values.astype(np.float64)


def close(actual, expected):
    assert_close(actual, expected, units=8, scale=4.0)


@covers("scale_rate")
@pytest.mark.parametrize("factor", [0.1, 6.0])
def test_scale_rate(backend, factor):
    scaled = np.full(1, np.nan)
    backend.ops.scale_rate(np.array([RATE]), factor, scaled)
    assert scaled[0] == factor * RATE


@covers("sgd")
@pytest.mark.parametrize("size", SIZES)
def test_sgd(backend, dtype, random, size):
    w, g, w0, g0 = vectors(size, dtype, random)
    backend.ops.sgd(w, g, np.array([RATE]), DECAY)
    close(w, w0 - RATE * (g0 + DECAY * w0))


@covers("momentum", "nesterov")
@pytest.mark.parametrize("name", ["momentum", "nesterov"])
@pytest.mark.parametrize("size", SIZES)
def test_momentum(backend, dtype, random, name, size):
    w, g, w0, g0 = vectors(size, dtype, random)
    velocity, v0 = state(size, dtype, random)
    getattr(backend.ops, name)(w, g, velocity, np.array([RATE]), MU, DECAY)
    v = MU * v0 + g0
    direction = v if name == "momentum" else g0 + MU * v
    close(velocity, v)
    close(w, w0 - RATE * (direction + DECAY * w0))


@covers("shrink")
@pytest.mark.parametrize("size", SIZES)
def test_shrink(backend, dtype, random, size):
    w, _, w0, _ = vectors(size, dtype, random)
    backend.ops.shrink(w, np.array([RATE]), np.array([0.25]), DECAY)
    close(w, w0 - RATE * 0.25 * DECAY * w0)


@covers("momentum_step")
@pytest.mark.parametrize("size", SIZES)
def test_momentum_step(backend, dtype, random, size):
    w, velocity, w0, v0 = vectors(size, dtype, random)
    backend.ops.momentum_step(w, velocity, np.array([RATE]), DECAY)
    close(w, w0 - RATE * (v0 + DECAY * w0))
    np.testing.assert_array_equal(velocity, v0.astype(dtype))


@covers("rmsprop")
@pytest.mark.parametrize("size", SIZES)
def test_rmsprop(backend, dtype, random, size):
    w, g, w0, g0 = vectors(size, dtype, random)
    square, s0 = state(size, dtype, random)
    backend.ops.rmsprop(w, g, square, np.array([RATE]), RHO, EPSILON, DECAY)
    s = RHO * s0 + (1 - RHO) * g0**2
    close(square, s)
    close(w, w0 - RATE * (g0 / (np.sqrt(s) + EPSILON) + DECAY * w0))


@covers("adagrad")
@pytest.mark.parametrize("size", SIZES)
def test_adagrad(backend, dtype, random, size):
    w, g, w0, g0 = vectors(size, dtype, random)
    square, s0 = state(size, dtype, random)
    backend.ops.adagrad(w, g, square, np.array([RATE]), EPSILON, DECAY)
    s = s0 + g0**2
    close(square, s)
    close(w, w0 - RATE * (g0 / (np.sqrt(s) + EPSILON) + DECAY * w0))


@covers("adam")
@pytest.mark.parametrize("update", [1, 2, UPDATE, 100_000])
@pytest.mark.parametrize("size", SIZES)
def test_adam(backend, dtype, random, size, update):
    w, g, w0, g0 = vectors(size, dtype, random)
    (first, m0), (second, s0) = state(size, dtype, random), state(size, dtype, random)
    counters = np.array([update, 0, 0, 0], np.int64)
    backend.ops.adam(w, g, first, second, counters, np.array([RATE]), BETA1, BETA2, EPSILON, DECAY)
    m, s = BETA1 * m0 + (1 - BETA1) * g0, BETA2 * s0 + (1 - BETA2) * g0**2
    corrected = m / (1 - BETA1**update), s / (1 - BETA2**update)
    close(first, m)
    close(second, s)
    direction = corrected[0] / (np.sqrt(corrected[1]) + EPSILON)
    assert_close(
        w, w0 - RATE * (direction + DECAY * w0), units=8, scale=4 + RATE * np.abs(direction) * 4
    )


@pytest.mark.parametrize("update", [1, UPDATE])
def test_adam_of_extreme_moments(backend, dtype, update):
    limits = np.finfo(dtype)
    moments = [0, limits.tiny, 1e-20, 1, 1e30, limits.max / 2, np.inf, np.nan]
    first, second = (pair.ravel().astype(dtype) for pair in np.meshgrid(moments, moments))
    w, g, counters = (
        np.ones(first.size, dtype),
        np.zeros(first.size, dtype),
        np.array([update, 0, 0, 0]),
    )
    m, s = BETA1 * first.astype(np.longdouble), BETA2 * second.astype(np.longdouble)
    m, s = np.where(m < limits.tiny, 0, m), np.where(s < limits.tiny, 0, s)
    with np.errstate(invalid="ignore"):
        direction = m / (1 - BETA1**update) / (np.sqrt(s / (1 - BETA2**update)) + EPSILON)
    backend.ops.adam(w, g, first, second, counters, np.array([RATE]), BETA1, BETA2, EPSILON, 0.0)
    with np.errstate(over="ignore"):
        expected = (1 - RATE * direction).astype(dtype)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(w[~finite], expected[~finite])
    assert_close(w[finite], expected[finite], units=4)


@pytest.mark.parametrize("name", ["momentum", "nesterov", "rmsprop", "adam"])
def test_moments_are_never_subnormal(backend, name):
    w, g, rate = np.ones(9, np.float32), np.zeros(9, np.float32), np.array([RATE])
    first, second = (np.full(9, 1.2e-38, np.float32) for _ in range(2))
    operation = getattr(backend.ops, name)
    if name == "adam":
        operation(w, g, first, second, np.ones(4, np.int64), rate, BETA1, BETA2, EPSILON, 0.0)
        np.testing.assert_array_equal(second, 0)
    elif name == "rmsprop":
        operation(w, g, first, rate, RHO, EPSILON, 0.0)
    else:
        operation(w, g, first, rate, MU, 0.0)
    np.testing.assert_array_equal(first, 0)
    assert np.isfinite(w).all()


def test_a_sum_of_squares_is_never_subnormal(backend):
    w, g, square = np.ones(9, np.float32), np.full(9, 1e-20, np.float32), np.zeros(9, np.float32)
    backend.ops.adagrad(w, g, square, np.array([RATE]), 1e-10, 0.0)
    np.testing.assert_array_equal(square, 0)
    assert np.isfinite(w).all()


@covers("add_penalty")
@pytest.mark.parametrize("size", SIZES)
def test_add_penalty(backend, dtype, random, size):
    w, g, w0, g0 = vectors(size, dtype, random)
    w[::3] = w0[::3] = 0  # |w| has no slope of its own at zero
    backend.ops.add_penalty(g, w, 0.4, 0.2)
    close(g, g0 + 0.2 * w0 + 0.4 * np.sign(w0))


@covers("clear_gradient")
@pytest.mark.parametrize("size", SIZES)
def test_clear_gradient(backend, dtype, random, size):
    _, g, _, _ = vectors(size, dtype, random)
    g[::2] = np.nan
    backend.ops.clear_gradient(g)
    np.testing.assert_array_equal(g, np.zeros(size, dtype))


@covers("clip_by_value")
@pytest.mark.parametrize("size", SIZES)
def test_clip_by_value(backend, dtype, random, size):
    _, g, _, g0 = vectors(size, dtype, random)
    backend.ops.clip_by_value(g, 0.5)
    np.testing.assert_array_equal(g, np.clip(g0, -0.5, 0.5).astype(dtype))


def test_clip_by_value_keeps_nan(backend, dtype):
    g = np.array([np.nan, np.inf, -np.inf, 0.1], dtype)
    backend.ops.clip_by_value(g, 0.5)
    np.testing.assert_array_equal(g, np.array([np.nan, 0.5, -0.5, 0.1], dtype))


@covers("squared_norm", "clip_by_norm")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("share", [0.25, 0.999, 1.001, 10.0])
def test_clip_by_norm(backend, dtype, random, size, share):
    _, g, _, g0 = vectors(size, dtype, random)
    norm = np.linalg.norm(g0)
    limit = share * norm if size else 1.0
    partial = np.full(-(-size // NORM_BLOCK), np.nan)
    backend.ops.squared_norm(g, partial)
    blocks = [(g0[start : start + NORM_BLOCK] ** 2).sum() for start in range(0, size, NORM_BLOCK)]
    assert_close(partial, np.array(blocks), units=64)
    backend.ops.clip_by_norm(g, partial, limit)
    if share > 1:
        np.testing.assert_array_equal(g, g0.astype(dtype))
    else:
        close(g, g0 * (limit / norm) if size else g0)


def test_a_norm_whose_square_overflows_float32_is_clipped(backend):
    g, partial = np.full(5, 1e25, np.float32), np.zeros(1)
    backend.ops.squared_norm(g, partial)
    backend.ops.clip_by_norm(g, partial, 1.0)
    assert_close(g, np.full(5, 1 / np.sqrt(5)))


def test_clip_by_norm_keeps_nan(backend, dtype):
    g, partial = np.array([np.nan, 3.0], dtype), np.zeros(1)
    backend.ops.squared_norm(g, partial)
    backend.ops.clip_by_norm(g, partial, 1.0)
    assert np.isnan(g[0])


@covers("average_in")
@pytest.mark.parametrize("rate", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("size", [0, 1, 33, 1024])
def test_average_in(backend, dtype, random, size, rate):
    average, w = (random.standard_normal(size).astype(dtype) for _ in range(2))
    expected = (1 - rate) * average.astype(np.float64) + rate * w
    before = average.copy()
    counters = np.array([12, 2, 0, 0], np.int64)
    backend.ops.average_in(average, w, np.array([0.5, rate, 0.5]), counters)
    assert_close(average, expected, units=2, scale=np.abs(before) + np.abs(w))
    if rate in (0.0, 1.0):
        np.testing.assert_array_equal(average, w if rate else before)


@covers("exchange_vectors")
@pytest.mark.parametrize("size", [0, 1, 33, 1024])
def test_exchange_vectors(backend, dtype, random, size):
    a, b = (random.standard_normal(size).astype(dtype) for _ in range(2))
    first, second = a.copy(), b.copy()
    backend.ops.exchange_vectors(a, b)
    np.testing.assert_array_equal(a, second)
    np.testing.assert_array_equal(b, first)
