"""Batch normalisation against NumPy's mean and variance; its gradient against the full Jacobian."""

import numpy as np
import pytest
from oracles.comparison import assert_close
from oracles.coverage import covers

SHAPES = [(2, 1), (3, 7), (17, 5), (33, 33), (1000, 3)]
DECAY, EPSILON = 0.9, 1e-5


def forward(backend, x, gamma, beta, running_mean, running_variance):
    width = x.shape[1]
    mean, inverse = np.full(width, np.nan, x.dtype), np.full(width, np.nan, x.dtype)
    normalized, y = np.full(x.shape, np.nan, x.dtype), np.full(x.shape, np.nan, x.dtype)
    outputs = mean, inverse, normalized, y
    running = running_mean, running_variance
    backend.ops.batch_normalization_forward(x, gamma, beta, *running, DECAY, EPSILON, *outputs)
    return outputs


def parameters(width, dtype, random):
    """Return γ, β, running mean and running variance."""
    gamma, beta, mean = (random.standard_normal(width).astype(dtype) for _ in range(3))
    return gamma, beta, mean, random.uniform(0.5, 2, width).astype(dtype)


@covers("batch_normalization_forward")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_forward(backend, dtype, random, shape):
    x = (2 + 3 * random.standard_normal(shape)).astype(dtype)
    gamma, beta, running_mean, running_variance = parameters(shape[1], dtype, random)
    exact, old_mean, old_variance = (
        x.astype(np.float64),
        running_mean.copy(),
        running_variance.copy(),
    )
    mean, inverse, normalized, y = forward(backend, x, gamma, beta, running_mean, running_variance)
    mu, variance = exact.mean(axis=0), exact.var(axis=0)
    expected = (exact - mu) / np.sqrt(variance + EPSILON)
    units = 8 + shape[0] ** 0.5
    # Two rows that nearly meet leave a deviation of a few last units of x: what rounds there is
    # magnified by 1/deviation.
    magnified = 1 + np.abs(exact).max() / np.sqrt(variance + EPSILON)
    assert_close(mean, mu, units=units, scale=np.abs(exact).mean(axis=0))
    assert_close(
        inverse,
        1 / np.sqrt(variance + EPSILON),
        units=units,
        scale=magnified / np.sqrt(variance + EPSILON),
    )
    scale = np.broadcast_to(magnified, shape)
    assert_close(normalized, expected, units=units, scale=scale)
    assert_close(
        y, gamma * expected + beta, units=units, scale=scale * (np.abs(gamma) + np.abs(beta))
    )
    unbiased = exact.var(axis=0, ddof=1)
    assert_close(running_mean, DECAY * old_mean + (1 - DECAY) * mu, units=units, scale=10.0)
    assert_close(
        running_variance, DECAY * old_variance + (1 - DECAY) * unbiased, units=units, scale=10.0
    )


def test_a_large_mean_does_not_spoil_the_variance(backend, dtype, random):
    x = (1000 + random.standard_normal((500, 2))).astype(dtype)
    gamma, beta = np.ones(2, dtype), np.zeros(2, dtype)
    *_, y = forward(backend, x, gamma, beta, np.zeros(2, dtype), np.ones(2, dtype))
    np.testing.assert_allclose(y.std(axis=0, dtype=np.float64), 1, rtol=1e-4)


def test_a_constant_column_gives_beta(backend, dtype):
    x, gamma, beta = (
        np.full((5, 2), 7.0, dtype),
        np.full(2, 3.0, dtype),
        np.array([0.5, -0.5], dtype),
    )
    *_, y = forward(backend, x, gamma, beta, np.zeros(2, dtype), np.ones(2, dtype))
    np.testing.assert_array_equal(y, np.broadcast_to(beta, (5, 2)))


def test_a_single_row_gives_beta_and_stays_finite(backend, dtype):
    x, gamma, beta = np.array([[3.0, -4.0]], dtype), np.ones(2, dtype), np.array([0.5, -0.5], dtype)
    mean, variance = np.zeros(2, dtype), np.ones(2, dtype)
    *_, y = forward(backend, x, gamma, beta, mean, variance)
    np.testing.assert_array_equal(y, [beta])
    assert np.isfinite(mean).all()
    assert np.isfinite(variance).all()


@covers("batch_normalization_predict")
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), *SHAPES], ids=str)
def test_predict(backend, dtype, random, shape):
    x = random.standard_normal(shape).astype(dtype)
    gamma, beta, mean, variance = parameters(shape[1], dtype, random)
    y = np.full(shape, np.nan, dtype)
    backend.ops.batch_normalization_predict(x, gamma, beta, mean, variance, EPSILON, y)
    normalized = (x.astype(np.float64) - mean) / np.sqrt(variance.astype(np.float64) + EPSILON)
    assert_close(y, gamma * normalized + beta, scale=np.abs(gamma) * 6 + np.abs(beta))


def jacobian(column):
    """Return ∂x̂ᵢ/∂xⱼ of a normalised column: (I − 1/m − x̂x̂ᵀ/m)/√(σ² + ε)."""
    m, variance = len(column), column.var()
    normalized = (column - column.mean()) / np.sqrt(variance + EPSILON)
    return (np.eye(m) - 1 / m - np.outer(normalized, normalized) / m) / np.sqrt(variance + EPSILON)


@covers("batch_normalization_backward")
@pytest.mark.parametrize("shape", [(3, 7), (17, 5), (33, 33)], ids=str)
def test_backward(backend, dtype, random, shape):
    x, dy = random.standard_normal(shape), random.standard_normal(shape).astype(dtype)
    gamma = random.standard_normal(shape[1]).astype(dtype)
    deviation = np.sqrt(x.var(axis=0) + EPSILON)
    normalized, inverse = (
        ((x - x.mean(axis=0)) / deviation).astype(dtype),
        (1 / deviation).astype(dtype),
    )
    dgamma, dbeta, dx = (np.full(size, np.nan, dtype) for size in (shape[1], shape[1], shape))
    backend.ops.batch_normalization_backward(dy, normalized, gamma, inverse, dgamma, dbeta, dx)
    terms = np.abs(dy * normalized)
    assert_close(dbeta, dy.sum(axis=0, dtype=np.float64), scale=np.abs(dy).sum(axis=0))
    assert_close(dgamma, (dy * normalized.astype(np.float64)).sum(axis=0), scale=terms.sum(axis=0))
    exact = dy.astype(np.float64) * gamma
    expected = np.stack([jacobian(x[:, c]).T @ exact[:, c] for c in range(shape[1])], axis=1)
    size = np.abs(gamma) / deviation * (np.abs(dy).max(axis=0) * 4)
    assert_close(dx, expected, units=16, scale=np.broadcast_to(size, shape))


def test_nan_stays_in_its_column(backend, dtype):
    x = np.arange(6, dtype=dtype).reshape(3, 2)
    x[1, 0] = np.nan
    *_, y = forward(
        backend, x, np.ones(2, dtype), np.zeros(2, dtype), np.zeros(2, dtype), np.ones(2, dtype)
    )
    np.testing.assert_array_equal(np.isnan(y), [[True, False]] * 3)
