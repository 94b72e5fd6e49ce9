"""Matrix products for batches: register tiles straight over the matrices as they lie in memory, nothing packed.

Every sum runs over the inner index in the same order whatever the tile, so a product has the same bits for every number of
threads and for every batch that a row happens to be in.
"""

from __future__ import annotations

from numba import njit

from ..operation import Matrix, Span, Vector, by_column, by_row, operation, reads, updates, writes
from .elementary import like
from .tile import product_tile, transpose_block
from .vector_code import vector_bytes

# How many rows × vectors of sums fit the registers, with room for the columns of b and a factor: 32 registers with AVX-512,
# 16 without. The widest shape serves whole panels of columns, the others what is left at the edge.
VECTOR_BYTES = vector_bytes()
WIDE_ROWS, WIDE_VECTORS = 6, 4 if VECTOR_BYTES == 64 else 2
HIGH_ROWS, HIGH_VECTORS = (8, 3) if VECTOR_BYTES == 64 else (6, 2)
HIGHER_ROWS, HIGHER_VECTORS = (12, 2) if VECTOR_BYTES == 64 else (6, 2)
HIGHEST_ROWS = 8
WIDE_TILE = product_tile(WIDE_ROWS, WIDE_VECTORS)
HIGH_TILE = product_tile(HIGH_ROWS, HIGH_VECTORS)
HIGHER_TILE = product_tile(HIGHER_ROWS, HIGHER_VECTORS)
HIGHEST_TILE = product_tile(HIGHEST_ROWS, 1)
INNER_BLOCK = 256  # inner indices at a time: the panel of b stays in the second-level cache
MANY_ROWS = 384  # rows at a time, for the same reason
# How far ahead to fetch a b that does not fit the cache: the rows of a panel are a stride apart, which no hardware foresees.
PANELS_AHEAD = 2
LARGE = 2 << 20  # bytes from which on b counts as such
FEW_ROWS = 24  # rows at a time where c is large and k small: c is then written along its rows, page after page


@njit(error_model="numpy")
def multiply(a, a_row, a_step, b, b_step, c, c_row, m, n, k, alpha, beta, row_block, size):
    """c (m, n) = alpha·a·b + beta·c for a (m, k) and b (k, n) at addresses, with strides in bytes and elements of ``size``."""
    lanes = VECTOR_BYTES // size
    ahead = PANELS_AHEAD * WIDE_VECTORS * VECTOR_BYTES if k * b_step > LARGE else 0
    for first in range(0, m, row_block):
        rows = min(row_block, m - first)
        for inner in range(0, max(k, 1), INNER_BLOCK):  # once even for an empty sum: c is then beta·c
            steps = min(INNER_BLOCK, k - inner)
            kept = beta if inner == 0 else like(1.0, beta)
            column = 0
            while column < n:
                left = n - column
                a_block = a + first * a_row + inner * a_step
                b_panel = b + inner * b_step + column * size
                c_panel = c + first * c_row + column * size
                if left > HIGH_VECTORS * lanes:
                    for i in range(0, rows, WIDE_ROWS):
                        WIDE_TILE(a_block + i * a_row, a_row, a_step, b_panel, b_step, c_panel + i * c_row, c_row, steps,
                                  rows - i, left, ahead if i == 0 else 0, alpha, kept)  # fmt: skip
                elif left > HIGHER_VECTORS * lanes:
                    for i in range(0, rows, HIGH_ROWS):
                        HIGH_TILE(a_block + i * a_row, a_row, a_step, b_panel, b_step, c_panel + i * c_row, c_row, steps,
                                  rows - i, left, 0, alpha, kept)  # fmt: skip
                elif left > lanes:
                    for i in range(0, rows, HIGHER_ROWS):
                        HIGHER_TILE(a_block + i * a_row, a_row, a_step, b_panel, b_step, c_panel + i * c_row, c_row, steps,
                                    rows - i, left, 0, alpha, kept)  # fmt: skip
                else:
                    for i in range(0, rows, HIGHEST_ROWS):
                        HIGHEST_TILE(a_block + i * a_row, a_row, a_step, b_panel, b_step, c_panel + i * c_row, c_row, steps,
                                     rows - i, left, 0, alpha, kept)  # fmt: skip
                # One panel takes all that is left, or as much as the widest tile.
                column += WIDE_VECTORS * lanes


@operation
def gemm_nn(
    a: Matrix[reads, by_row],
    b: Matrix[reads],
    c: Matrix[writes, by_row],
    alpha: Vector[reads],
    beta: Vector[reads],
    rows: Span,
):
    """c = alpha·a·b + beta·c, divided by rows. a (m, k), b (k, n), c (m, n)."""
    size, first = a.itemsize, rows[0]
    multiply(
        a.ctypes.data + first * a.shape[1] * size, a.shape[1] * size, size, b.ctypes.data, b.shape[1] * size,
        c.ctypes.data + first * c.shape[1] * size, c.shape[1] * size, rows[1] - first, c.shape[1], a.shape[1],
        alpha[0], beta[0], MANY_ROWS, size,
    )  # fmt: skip


@operation
def gemm_nn_by_columns(
    a: Matrix[reads], b: Matrix[reads, by_column], c: Matrix[writes, by_column], alpha: Vector[reads], beta: Vector[reads],
    columns: Span,
):  # fmt: skip
    """The same product divided by columns: each thread reads its own part of a wide b, and of it no part twice."""
    size, first = a.itemsize, columns[0]
    multiply(
        a.ctypes.data, a.shape[1] * size, size, b.ctypes.data + first * size, b.shape[1] * size,
        c.ctypes.data + first * size, c.shape[1] * size, c.shape[0], columns[1] - first, a.shape[1],
        alpha[0], beta[0], MANY_ROWS, size,
    )  # fmt: skip


@operation
def gemm_tn(
    a: Matrix[reads, by_column], b: Matrix[reads], c: Matrix[updates, by_row], alpha: Vector[reads], beta: Vector[reads],
    rows: Span,
):  # fmt: skip
    """c = alpha·aᵀ·b + beta·c: the gradient dW = xᵀ·dz. a (k, m), b (k, n), c (m, n); the span divides the columns of a."""
    size, first = a.itemsize, rows[0]
    multiply(
        a.ctypes.data + first * size, size, a.shape[1] * size, b.ctypes.data, b.shape[1] * size,
        c.ctypes.data + first * c.shape[1] * size, c.shape[1] * size, rows[1] - first, c.shape[1], a.shape[0],
        alpha[0], beta[0], FEW_ROWS, size,
    )  # fmt: skip


@operation
def transpose(source: Matrix[reads, by_row], target: Matrix[writes, by_column], rows: Span):
    """target = sourceᵀ, block by block. source (m, n), target (n, m)."""
    size, lanes = source.itemsize, VECTOR_BYTES // source.itemsize
    m, n = source.shape
    whole_rows, whole_columns = rows[0] + (rows[1] - rows[0]) // lanes * lanes, n // lanes * lanes
    for row in range(rows[0], whole_rows, lanes):
        for column in range(0, whole_columns, lanes):
            transpose_block(
                source.ctypes.data + (row * n + column) * size, n * size,
                target.ctypes.data + (column * m + row) * size, m * size, source.dtype.type,
            )  # fmt: skip
        for column in range(whole_columns, n):
            for edge_row in range(row, row + lanes):
                target[column, edge_row] = source[edge_row, column]
    for row in range(whole_rows, rows[1]):
        for column in range(n):
            target[column, row] = source[row, column]
