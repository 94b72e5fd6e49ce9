"""The three matrix products by a BLAS library whose routine is called at its address.

Matrices are row-major. BLAS is column-major, and a row-major array that Fortran reads is its own
transpose: so c = a·b is asked of it as cᵀ = bᵀ·aᵀ, with the operands exchanged.
"""

from __future__ import annotations

from fastmlp.kernels.cpu.compiling.intrinsics import call_gemm
from fastmlp.kernels.operation import (
    First,
    Integer,
    Matrix,
    Vector,
    by_column,
    by_row,
    operation,
    reads,
    updates,
    writes,
)

NO_TRANSPOSE, TRANSPOSE = ord("N"), ord("T")


@operation(product=True)
def blas_gemm_nn(
    routine: Integer,
    a: Matrix[reads, by_row],
    b: Matrix[reads],
    c: Matrix[writes, by_row],
    alpha: Vector[reads],
    beta: Vector[reads],
):
    """c = alpha·a·b + beta·c: the forward pass z = x·W. a (m, k), b (k, n), c (m, n)."""
    (m, n), k = c.shape, a.shape[1]
    call_gemm(
        routine,
        (NO_TRANSPOSE, NO_TRANSPOSE),
        (n, m, k),
        alpha.ctypes.data,
        b.ctypes.data,
        n,
        a.ctypes.data,
        k,
        beta.ctypes.data,
        c.ctypes.data,
        n,
    )


@operation(product=True)
def blas_gemm_nt(
    routine: Integer,
    a: Matrix[reads, by_row],
    b: Matrix[reads],
    c: Matrix[writes, by_row],
    alpha: Vector[reads],
    beta: Vector[reads],
):
    """c = alpha·a·bᵀ + beta·c: the gradient dx = dz·Wᵀ. a (m, k), b (n, k), c (m, n)."""
    (m, n), k = c.shape, a.shape[1]
    call_gemm(
        routine,
        (TRANSPOSE, NO_TRANSPOSE),
        (n, m, k),
        alpha.ctypes.data,
        b.ctypes.data,
        k,
        a.ctypes.data,
        k,
        beta.ctypes.data,
        c.ctypes.data,
        n,
    )


@operation(product=True)
def blas_gemm_tn(
    routine: Integer,
    a: Matrix[reads, by_column],
    b: Matrix[reads],
    c: Matrix[updates, by_row],
    alpha: Vector[reads],
    beta: Vector[reads],
    first: First = 0,
):
    """c = alpha·aᵀ·b + beta·c: the gradient dW = xᵀ·dz. a (k, m), b (k, n), c (m, n); its
    rows are a's columns from ``first`` on.
    """
    (m, n), (k, columns) = c.shape, a.shape
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
        c.ctypes.data,
        n,
    )
