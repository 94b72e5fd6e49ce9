"""The dense layer's kernels: three matrix products, bias with activation, and their backward passes.

Matrices are row-major. BLAS is column-major, and a row-major array that Fortran reads is its own transpose: so c = a·b is
asked of it as cᵀ = bᵀ·aᵀ, with the operands exchanged.
"""

from __future__ import annotations

from ..operation import (
    Function,
    Integer,
    Matrix,
    Real,
    Span,
    Vector,
    by_column,
    by_row,
    operation,
    reads,
    updates,
    writes,
)
from .elementary import exp, like
from .intrinsics import call_gemm

NO_TRANSPOSE, TRANSPOSE = ord("N"), ord("T")


@operation
def gemm_nn(
    routine: Integer,
    a: Matrix[reads, by_row],
    b: Matrix[reads],
    c: Matrix[writes, by_row],
    alpha: Vector[reads],
    beta: Vector[reads],
    rows: Span,
):
    """c = alpha·a·b + beta·c: the forward pass z = x·W. a (m, k), b (k, n), c (m, n)."""
    first, m, n, k = rows[0], rows[1] - rows[0], c.shape[1], a.shape[1]
    call_gemm(
        routine,
        (NO_TRANSPOSE, NO_TRANSPOSE),
        (n, m, k),
        alpha.ctypes.data,
        b.ctypes.data,
        n,
        a[first:].ctypes.data,
        k,
        beta.ctypes.data,
        c[first:].ctypes.data,
        n,
    )


@operation
def gemm_nt(
    routine: Integer,
    a: Matrix[reads, by_row],
    b: Matrix[reads],
    c: Matrix[writes, by_row],
    alpha: Vector[reads],
    beta: Vector[reads],
    rows: Span,
):
    """c = alpha·a·bᵀ + beta·c: the gradient dx = dz·Wᵀ. a (m, k), b (n, k), c (m, n)."""
    first, m, n, k = rows[0], rows[1] - rows[0], c.shape[1], a.shape[1]
    call_gemm(
        routine,
        (TRANSPOSE, NO_TRANSPOSE),
        (n, m, k),
        alpha.ctypes.data,
        b.ctypes.data,
        k,
        a[first:].ctypes.data,
        k,
        beta.ctypes.data,
        c[first:].ctypes.data,
        n,
    )


@operation
def gemm_tn(
    routine: Integer,
    a: Matrix[reads, by_column],
    b: Matrix[reads],
    c: Matrix[updates, by_row],
    alpha: Vector[reads],
    beta: Vector[reads],
    rows: Span,
):
    """c = alpha·aᵀ·b + beta·c: the gradient dW = xᵀ·dz. a (k, m), b (k, n), c (m, n); the span divides the columns of a."""
    first, m, n, k, columns = rows[0], rows[1] - rows[0], c.shape[1], a.shape[0], a.shape[1]
    call_gemm(
        routine,
        (NO_TRANSPOSE, TRANSPOSE),
        (n, m, k),
        alpha.ctypes.data,
        b.ctypes.data,
        n,
        a.ctypes.data + first * a.itemsize,
        columns,
        beta.ctypes.data,
        c[first:].ctypes.data,
        n,
    )


@operation
def add_bias(z: Matrix[updates, by_row], bias: Vector[reads], rows: Span):
    """z ← z + bias, in every row."""
    for row in range(rows[0], rows[1]):
        for column in range(z.shape[1]):
            z[row, column] += bias[column]


@operation
def bias_activation(value: Function, z: Matrix[updates, by_row], bias: Vector[reads], parameter: Real, rows: Span):
    """a = f(z + bias), in place of z."""
    for row in range(rows[0], rows[1]):
        for column in range(z.shape[1]):
            z[row, column] = value(z[row, column] + bias[column], parameter)


@operation
def activation_forward(
    value: Function, z: Matrix[reads, by_row], a: Matrix[writes, by_row], parameter: Real, rows: Span
):
    """a = f(z)."""
    for row in range(rows[0], rows[1]):
        for column in range(z.shape[1]):
            a[row, column] = value(z[row, column], parameter)


@operation
def activation_backward(
    derivative: Function, upstream: Matrix[updates, by_row], saved: Matrix[reads, by_row], parameter: Real, rows: Span
):
    """dz = da ⊙ f′, in place of the upstream gradient da; f′ comes from the saved output (or input)."""
    for row in range(rows[0], rows[1]):
        for column in range(saved.shape[1]):
            upstream[row, column] *= derivative(saved[row, column], parameter)


@operation
def bias_gradient(dz: Matrix[reads, by_column], db: Vector[writes, by_column], columns: Span):
    """db = the sum of dz over the rows of the batch."""
    for column in range(columns[0], columns[1]):
        db[column] = 0
    for row in range(dz.shape[0]):
        for column in range(columns[0], columns[1]):
            db[column] += dz[row, column]


@operation
def softmax_forward(z: Matrix[reads, by_row], a: Matrix[writes, by_row], rows: Span):
    """a = exp(z − max z) / Σ exp(z − max z), row by row; the maximum keeps every exponent at or below zero."""
    for row in range(rows[0], rows[1]):
        largest = z[row, 0]
        for column in range(1, z.shape[1]):
            largest = max(largest, z[row, column])
        total = like(0.0, largest)
        for column in range(z.shape[1]):
            a[row, column] = exp(z[row, column] - largest)
            total += a[row, column]
        for column in range(z.shape[1]):
            a[row, column] /= total


@operation
def softmax_backward(upstream: Matrix[updates, by_row], a: Matrix[reads, by_row], rows: Span):
    """dz = a ⊙ (da − Σⱼ aⱼ·daⱼ), row by row, in place of the upstream gradient da."""
    for row in range(rows[0], rows[1]):
        inner = like(0.0, a[row, 0])
        for column in range(a.shape[1]):
            inner += a[row, column] * upstream[row, column]
        for column in range(a.shape[1]):
            upstream[row, column] = a[row, column] * (upstream[row, column] - inner)
