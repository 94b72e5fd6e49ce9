"""Batch normalisation (Ioffe and Szegedy 2015): forward in training and in prediction, and
backward, by columns.
"""

from __future__ import annotations

import math

from fastmlp.kernels.operation import (
    First,
    Integer,
    Matrix,
    Real,
    Vector,
    by_column,
    by_row,
    operation,
    reads,
    updates,
    writes,
)

from .inline.elementary import like


@operation
def batch_normalization_forward(
    x: Matrix[reads, by_column],
    gamma: Vector[reads, by_column],
    beta: Vector[reads, by_column],
    running_mean: Vector[updates, by_column],
    running_variance: Vector[updates, by_column],
    decay: Real,
    epsilon: Real,
    mean: Vector[writes, by_column],
    inverse_deviation: Vector[writes, by_column],
    normalized: Matrix[writes, by_column],
    y: Matrix[writes, by_column],
    first: First = 0,
):
    """x̂ = (x − μ)/√(σ² + ε), y = γ·x̂ + β, with μ and σ² of this batch; the running statistics
    move by 1 − decay.

    The batch is normalised by its own variance (divisor m); the running one is the unbiased
    estimate (divisor m − 1).
    """
    m, end = x.shape[0], first + mean.size
    mean[:] = 0
    inverse_deviation[:] = 0
    for row in range(m):
        x_row = x[row, first:end]
        for c in range(mean.size):
            mean[c] += x_row[c]
    for c in range(mean.size):
        mean[c] /= like(m, mean[c])
    for row in range(m):  # the second pass is what keeps the variance exact when the mean is large
        x_row = x[row, first:end]
        for c in range(mean.size):
            inverse_deviation[c] += (x_row[c] - mean[c]) * (x_row[c] - mean[c])
    for c in range(mean.size):
        squares = inverse_deviation[c]
        kept, taken = like(decay, squares), like(1.0 - decay, squares)
        running_mean[c] = kept * running_mean[c] + taken * mean[c]
        running_variance[c] = kept * running_variance[c] + taken * squares / like(
            max(m - 1, 1), squares
        )
        inverse_deviation[c] = like(1.0, squares) / math.sqrt(
            squares / like(m, squares) + like(epsilon, squares)
        )
    for row in range(m):
        x_row, normalized_row, y_row = (
            x[row, first:end],
            normalized[row, first:end],
            y[row, first:end],
        )
        for c in range(mean.size):
            normalized_row[c] = (x_row[c] - mean[c]) * inverse_deviation[c]
            y_row[c] = gamma[c] * normalized_row[c] + beta[c]


@operation
def batch_normalization_predict(
    x: Matrix[reads, by_row],
    gamma: Vector[reads],
    beta: Vector[reads],
    running_mean: Vector[reads],
    running_variance: Vector[reads],
    epsilon: Real,
    y: Matrix[writes, by_row],
):
    """y = γ·(x − running mean)/√(running variance + ε) + β."""
    for row in range(x.shape[0]):
        for c in range(x.shape[1]):
            deviation = math.sqrt(running_variance[c] + like(epsilon, gamma[c]))
            y[row, c] = gamma[c] * ((x[row, c] - running_mean[c]) / deviation) + beta[c]


@operation
def batch_normalization_backward(
    dy: Matrix[reads, by_column],
    normalized: Matrix[reads, by_column],
    gamma: Vector[reads, by_column],
    inverse_deviation: Vector[reads, by_column],
    dgamma: Vector[writes, by_column],
    dbeta: Vector[writes, by_column],
    dx: Matrix[writes, by_column],
    first: First = 0,
):
    """dβ = Σ dy, dγ = Σ dy·x̂, dx = γ/√(σ² + ε)·(dy − dβ/m − x̂·dγ/m): μ and σ² depend on x too."""
    m, end = dy.shape[0], first + gamma.size
    dgamma[:] = 0
    dbeta[:] = 0
    for row in range(m):
        dy_row, normalized_row = dy[row, first:end], normalized[row, first:end]
        for c in range(gamma.size):
            dbeta[c] += dy_row[c]
            dgamma[c] += dy_row[c] * normalized_row[c]
    for row in range(m):
        dy_row, normalized_row, dx_row = (
            dy[row, first:end],
            normalized[row, first:end],
            dx[row, first:end],
        )
        for c in range(gamma.size):
            share = like(1.0, gamma[c]) / like(m, gamma[c])
            centred = dy_row[c] - share * dbeta[c] - normalized_row[c] * share * dgamma[c]
            dx_row[c] = gamma[c] * inverse_deviation[c] * centred


@operation
def batch_sums(x: Matrix[reads, by_column], x_sums: Vector[writes, by_column], first: First = 0):
    """x_sums = Σ x over the rows that a rank has of the batch: the first half of its mean."""
    end = first + x_sums.size
    x_sums[:] = 0
    for row in range(x.shape[0]):
        x_row = x[row, first:end]
        for c in range(x_sums.size):
            x_sums[c] += x_row[c]


@operation
def batch_squares(
    x: Matrix[reads, by_column],
    x_sums: Vector[reads, by_column],
    m: Integer,
    mean: Vector[writes, by_column],
    squares: Vector[writes, by_column],
    first: First = 0,
):
    """μ = x_sums/m, squares = Σ (x − μ)² over the rows that a rank has of a batch of m."""
    end = first + mean.size
    squares[:] = 0
    for c in range(mean.size):
        mean[c] = x_sums[c] / like(m, x_sums[c])
    for row in range(x.shape[0]):
        x_row = x[row, first:end]
        for c in range(mean.size):
            squares[c] += (x_row[c] - mean[c]) * (x_row[c] - mean[c])


@operation
def batch_normalization_from_sums(
    x: Matrix[reads, by_column],
    gamma: Vector[reads, by_column],
    beta: Vector[reads, by_column],
    running_mean: Vector[updates, by_column],
    running_variance: Vector[updates, by_column],
    decay: Real,
    epsilon: Real,
    m: Integer,
    mean: Vector[reads, by_column],
    squares: Vector[reads, by_column],
    inverse_deviation: Vector[writes, by_column],
    normalized: Matrix[writes, by_column],
    y: Matrix[writes, by_column],
    first: First = 0,
):
    """x̂ = (x − μ)/√(σ² + ε), y = γ·x̂ + β, with σ² = squares/m of a batch of m rows; the running
    statistics move by 1 − decay.

    What ``batch_normalization_forward`` does in one, once the sums of all ranks are added up.
    """
    end = first + mean.size
    for c in range(mean.size):
        kept, taken = like(decay, mean[c]), like(1.0 - decay, mean[c])
        running_mean[c] = kept * running_mean[c] + taken * mean[c]
        running_variance[c] = kept * running_variance[c] + taken * squares[c] / like(
            max(m - 1, 1), mean[c]
        )
        inverse_deviation[c] = like(1.0, mean[c]) / math.sqrt(
            squares[c] / like(m, mean[c]) + like(epsilon, mean[c])
        )
    for row in range(x.shape[0]):
        x_row, normalized_row, y_row = (
            x[row, first:end],
            normalized[row, first:end],
            y[row, first:end],
        )
        for c in range(mean.size):
            normalized_row[c] = (x_row[c] - mean[c]) * inverse_deviation[c]
            y_row[c] = gamma[c] * normalized_row[c] + beta[c]


@operation
def batch_gradient_sums(
    dy: Matrix[reads, by_column],
    normalized: Matrix[reads, by_column],
    dgamma: Vector[writes, by_column],
    dbeta: Vector[writes, by_column],
    gamma_sums: Vector[writes, by_column],
    beta_sums: Vector[writes, by_column],
    first: First = 0,
):
    """dβ = Σ dy, dγ = Σ dy·x̂ over the rows that a rank has of the batch, each written twice.

    One is added up over the ranks for dx at once, the other with the whole gradient later.
    """
    end = first + dgamma.size
    dgamma[:] = 0
    dbeta[:] = 0
    for row in range(dy.shape[0]):
        dy_row, normalized_row = dy[row, first:end], normalized[row, first:end]
        for c in range(dgamma.size):
            dbeta[c] += dy_row[c]
            dgamma[c] += dy_row[c] * normalized_row[c]
    for c in range(dgamma.size):
        gamma_sums[c] = dgamma[c]
        beta_sums[c] = dbeta[c]


@operation
def batch_input_gradient(
    dy: Matrix[reads, by_column],
    normalized: Matrix[reads, by_column],
    gamma: Vector[reads, by_column],
    inverse_deviation: Vector[reads, by_column],
    gamma_sums: Vector[reads, by_column],
    beta_sums: Vector[reads, by_column],
    m: Integer,
    dx: Matrix[writes, by_column],
    first: First = 0,
):
    """dx = γ/√(σ² + ε)·(dy − dβ/m − x̂·dγ/m), with dγ and dβ of a batch of m rows."""
    end = first + gamma.size
    for row in range(dy.shape[0]):
        dy_row, normalized_row, dx_row = (
            dy[row, first:end],
            normalized[row, first:end],
            dx[row, first:end],
        )
        for c in range(gamma.size):
            share = like(1.0, gamma[c]) / like(m, gamma[c])
            centred = dy_row[c] - share * beta_sums[c] - normalized_row[c] * share * gamma_sums[c]
            dx_row[c] = gamma[c] * inverse_deviation[c] * centred
