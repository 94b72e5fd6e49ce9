"""The three matrix products by a BLAS library whose routine is called at its address.

Matrices are row-major. BLAS is column-major, and a row-major array that Fortran reads is its own
transpose: so c = a·b is asked of it as cᵀ = bᵀ·aᵀ, with the operands exchanged.
"""

from __future__ import annotations

from fastmlp.kernels.operation import (
    Integer,
    Matrix,
    Span,
    Vector,
    by_column,
    by_row,
    operation,
    reads,
    updates,
    writes,
)

from .intrinsics import call_gemm

NO_TRANSPOSE, TRANSPOSE = ord("N"), ord("T")


@operation
def blas_gemm_nn(
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
def blas_gemm_nt(
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
def blas_gemm_tn(
    routine: Integer,
    a: Matrix[reads, by_column],
    b: Matrix[reads],
    c: Matrix[updates, by_row],
    alpha: Vector[reads],
    beta: Vector[reads],
    rows: Span,
):
    """c = alpha·aᵀ·b + beta·c: the gradient dW = xᵀ·dz. a (k, m), b (k, n), c (m, n); the span
    divides the columns of a.
    """
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
