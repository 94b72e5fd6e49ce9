"""Batch normalisation against NumPy's mean and variance; its gradient against the full Jacobian."""

from itertools import pairwise

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


def parts_of(rows, ranks=3):
    """Return the rows of each rank; with one row two of three have none."""
    cuts = [rows * rank // ranks for rank in range(ranks + 1)]
    return [slice(*pair) for pair in pairwise(cuts)]


@covers("batch_sums", "batch_squares", "batch_normalization_from_sums")
@pytest.mark.parametrize("shape", [(1, 4), *SHAPES], ids=str)
def test_forward_of_a_batch_in_parts(backend, dtype, random, shape):
    """Sums of the parts, added up here as ranks do, give what the whole batch gives."""
    x = (2 + 3 * random.standard_normal(shape)).astype(dtype)
    given = parameters(shape[1], dtype, random)
    gamma, beta = given[:2]
    running = [[each.copy() for each in given[2:]] for _ in parts_of(shape[0])]
    rows, width = shape
    sums = [np.full(width, np.nan, dtype) for _ in running]
    for part, own in zip(parts_of(rows), sums, strict=True):
        backend.ops.batch_sums(x[part], own)
    total, mean = np.sum(sums, axis=0), np.full(width, np.nan, dtype)
    squares = [np.full(width, np.nan, dtype) for _ in running]
    for part, own in zip(parts_of(rows), squares, strict=True):
        backend.ops.batch_squares(x[part], total, rows, mean, own)
    squares_of_all, found = np.sum(squares, axis=0), np.full(shape, np.nan, dtype)
    normalized, inverse = np.full(shape, np.nan, dtype), np.full(width, np.nan, dtype)
    for part, own in zip(parts_of(rows), running, strict=True):
        numbers = DECAY, EPSILON, rows, mean, squares_of_all, inverse
        results = normalized[part], found[part]
        backend.ops.batch_normalization_from_sums(x[part], gamma, beta, *own, *numbers, *results)
    expected = [each.copy() for each in given[2:]]
    whole_mean, whole_inverse, whole_normalized, whole = forward(backend, x, gamma, beta, *expected)
    units, size = 16 + rows**0.5, 1 + np.abs(x).max() * np.abs(whole_inverse).max()
    assert_close(mean, whole_mean, units=units, scale=np.abs(x).max())
    assert_close(inverse, whole_inverse, units=units, scale=size * np.abs(whole_inverse).max())
    assert_close(normalized, whole_normalized, units=units, scale=size)
    assert_close(found, whole, units=units, scale=size * (np.abs(gamma) + np.abs(beta)).max())
    for own in running:  # every rank keeps the same
        assert_close(own[0], expected[0], units=units, scale=10.0)
        assert_close(own[1], expected[1], units=units, scale=10.0 + np.abs(x).max() ** 2)


@covers("batch_gradient_sums", "batch_input_gradient")
@pytest.mark.parametrize("shape", [(1, 4), (3, 7), (17, 5), (33, 33)], ids=str)
def test_backward_of_a_batch_in_parts(backend, dtype, random, shape):
    rows, width = shape
    normalized, dy = (random.standard_normal(shape).astype(dtype) for _ in range(2))
    gamma, inverse = (random.uniform(0.5, 2, width).astype(dtype) for _ in range(2))
    own = [[np.full(width, np.nan, dtype) for _ in range(4)] for _ in parts_of(rows)]
    for part, arrays in zip(parts_of(rows), own, strict=True):
        backend.ops.batch_gradient_sums(dy[part], normalized[part], *arrays)
        np.testing.assert_array_equal(arrays[:2], arrays[2:])
    dgamma, dbeta = (np.sum([arrays[i] for arrays in own], axis=0) for i in range(2))
    exact, hats = dy.astype(np.float64), normalized.astype(np.float64)
    assert_close(dbeta, exact.sum(axis=0), units=16, scale=np.abs(dy).sum(axis=0))
    assert_close(dgamma, (exact * hats).sum(axis=0), units=16, scale=np.abs(dy * hats).sum(axis=0))
    dx = np.full(shape, np.nan, dtype)
    for part in parts_of(rows):
        factors = gamma, inverse, dgamma, dbeta, rows
        backend.ops.batch_input_gradient(dy[part], normalized[part], *factors, dx[part])
    centred = exact - exact.mean(axis=0) - hats * (exact * hats).mean(axis=0)
    scale = gamma * inverse * (4 + np.abs(hats).max() ** 2) * np.abs(exact).max()
    assert_close(dx, gamma * inverse * centred, units=16, scale=np.broadcast_to(scale, shape))
