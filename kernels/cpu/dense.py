"""The dense layer's kernels beside its matrix products: bias with activation, and their backward
passes.
"""

from __future__ import annotations

import math

from fastmlp.kernels.operation import (
    First,
    Function,
    Matrix,
    Real,
    Vector,
    by_column,
    by_row,
    composite,
    operation,
    reads,
    updates,
    writes,
)

from .inline.elementary import like
from .inline.rows import end_to_end, row_address, row_exp_sum, row_peak, write_row_exp


@operation
def add_bias(z: Matrix[updates, by_row], bias: Vector[reads]):
    """z ← z + bias, in every row."""
    for row in range(z.shape[0]):
        for column in range(z.shape[1]):
            z[row, column] += bias[column]


@operation
def bias_activation(
    value: Function, z: Matrix[updates, by_row], bias: Vector[reads], parameter: Real
):
    """a = f(z + bias), in place of z."""
    for row in range(z.shape[0]):
        for column in range(z.shape[1]):
            z[row, column] = value(z[row, column] + bias[column], parameter)


@operation
def activation_forward(
    value: Function, z: Matrix[reads, by_row], a: Matrix[writes, by_row], parameter: Real
):
    """a = f(z)."""
    z, a = end_to_end(z), end_to_end(a)
    for i in range(z.size):
        a[i] = value(z[i], parameter)


@operation
def activation_backward(
    derivative: Function,
    upstream: Matrix[updates, by_row],
    saved: Matrix[reads, by_row],
    parameter: Real,
):
    """dz = da ⊙ f′, in place of the upstream gradient da; f′ comes from the saved output (or
    input).
    """
    upstream, saved = end_to_end(upstream), end_to_end(saved)
    for i in range(upstream.size):
        upstream[i] *= derivative(saved[i], parameter)


@operation
def bias_gradient(
    dz: Matrix[reads, by_column],
    db: Vector[writes, by_column],
    alpha: Vector[reads],
    beta: Vector[reads],
    target: Vector[updates, by_column],
    first: First = 0,
):
    """db = the sum of dz over the rows of the batch; target = alpha·db + beta·target, which may be
    db itself if beta is 0.
    """
    taken, kept, end = alpha[0], beta[0], first + db.size
    db[:] = 0
    in_fours = dz.shape[0] // 4 * 4  # each addition to db waits for the one before
    for row in range(0, in_fours, 4):
        one, two = dz[row, first:end], dz[row + 1, first:end]
        three, four = dz[row + 2, first:end], dz[row + 3, first:end]
        for column in range(db.size):
            db[column] += (one[column] + two[column]) + (three[column] + four[column])
    for row in range(in_fours, dz.shape[0]):
        last = dz[row, first:end]
        for column in range(db.size):
            db[column] += last[column]
    for column in range(db.size):
        target[column] = taken * db[column] + (
            kept * target[column] if kept != 0 else like(0.0, taken)
        )


@composite
def activation_bias_gradient(
    ops,
    derivative: Function,
    upstream: Matrix[updates],
    saved: Matrix[reads],
    parameter: Real,
    db: Vector[writes],
    alpha: Vector[reads],
    beta: Vector[reads],
    target: Vector[updates],
):
    """Do activation_backward, then bias_gradient: apart on the CPU, whose threads divide one by
    rows, the other by columns.
    """
    ops.activation_backward(derivative, upstream, saved, parameter)
    ops.bias_gradient(upstream, db, alpha, beta, target)


def plain_softmax_forward(z, a):
    """What the kernel below computes, in plain loops."""
    rows, classes = z.shape
    for row in range(rows):
        largest, total = max(z[row]), 0.0
        for j in range(classes):
            total += math.exp(z[row, j] - largest)
        for j in range(classes):
            a[row, j] = math.exp(z[row, j] - largest) / total


@operation(sums=True)
def softmax_forward(z: Matrix[reads, by_row], a: Matrix[writes, by_row]):
    """a = exp(z − max z) / Σ exp(z − max z), row by row; the maximum keeps every exponent at or
    below zero.
    """
    classes, element = z.shape[1], z.dtype.type
    for row in range(z.shape[0]):
        place = row_address(z, row)
        largest, _ = row_peak(place, classes, element)
        total = row_exp_sum(place, classes, largest)
        write_row_exp(
            place, row_address(a, row), classes, largest, element(1.0) / total, element(0.0)
        )


@operation(sums=True)
def softmax_backward(upstream: Matrix[updates, by_row], a: Matrix[reads, by_row]):
    """dz = a ⊙ (da − Σⱼ aⱼ·daⱼ), row by row, in place of the upstream gradient da."""
    for row in range(a.shape[0]):
        inner = like(0.0, a[row, 0])
        for column in range(a.shape[1]):
            inner += a[row, column] * upstream[row, column]
        for column in range(a.shape[1]):
            upstream[row, column] = a[row, column] * (upstream[row, column] - inner)
