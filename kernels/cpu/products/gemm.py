"""Matrix products for batches: register tiles over the matrices as they lie in memory.

Every sum runs over the inner index in the same order whatever the tile, so a product has the same
bits for every number of threads and for every batch that a row happens to be in.
"""

from __future__ import annotations

from numba import njit

from fastmlp.kernels.cpu.compiling.processor import processor
from fastmlp.kernels.cpu.inline.elementary import like
from fastmlp.kernels.operation import (
    First,
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

from .few_columns import are_few, multiply_few_columns, multiply_transposed_few_columns
from .tile import copy_panel, product_tile, reserve, transpose_block

MANY_REGISTERS, MASKS, VECTOR_BYTES = (
    processor().registers == 32,
    processor().masks,
    processor().vector_bytes,
)
# How many rows of sums fit the registers beside so many vectors of a row of b, and a factor; 8 and
# 4 divide most batches.
TILE_ROWS = {3: 8, 2: 12, 1: 8} if MANY_REGISTERS else {3: 4, 2: 6, 1: 8}
WIDEST = max(TILE_ROWS)
INNER_BLOCK = (
    256 if MANY_REGISTERS else 128
)  # inner indices at a time: a smaller tile reads the panel of b more often
MANY_ROWS = 384  # rows at a time: what is read of a stays in the second-level cache
# rows at a time where c is large and k small: c is then written along its rows, page after page
FEW_ROWS = 24
LARGE = (
    3 << 18
)  # bytes from which on a matrix does not fit the cache, and is fetched ahead of its use
PANELS_AHEAD = 2
PAGE = 4096  # bytes: rows so far apart share their places in the first-level cache
FETCH_C, FETCH_A, FETCH_B = 0, 1, 2  # what a strip of tiles fetches meanwhile
# Columns from which on the few rows of aᵀ are copied: read where they lie, they are a stride apart,
# and each tile reads them.
WORTH_COPYING = 256
SPACE, SPACE_FOR_A = (
    reserve(INNER_BLOCK * WIDEST * VECTOR_BYTES),
    reserve(INNER_BLOCK * 8 * FEW_ROWS),
)


def strip_of_tiles(vectors: int, moves: bool):
    """Return the product of all rows with a panel of b that is ``vectors`` wide; arguments as those
    of the tile.
    """
    height, tile = TILE_ROWS[vectors], product_tile(TILE_ROWS[vectors], vectors, moves)

    @njit(error_model="numpy")
    def strip(
        a, a_row, a_step, b, b_step, last, last_step, c, c_row, steps, rows, valid_lanes, fetched,
        after, b_row, moved, alpha, beta, rate, decay,
    ):  # fmt: skip
        for i in range(0, rows, height):
            place = c + i * c_row
            if fetched == FETCH_A:
                upcoming, upcoming_row, width = a + (i + height) * a_row, a_row, steps * a_step
            elif fetched == FETCH_B:
                part = (steps * height + rows - 1) // rows  # of a panel's rows, for each tile
                upcoming, upcoming_row, width = (
                    after + i // height * part * b_row,
                    b_row,
                    vectors * VECTOR_BYTES,
                )
            else:
                next_c = place + height * c_row if i + height < rows else after
                upcoming, upcoming_row, width = next_c, c_row, vectors * VECTOR_BYTES
            tile(
                a + i * a_row, a_row, a_step, b, b_step, last, last_step, place, c_row, steps,
                rows - i, valid_lanes, upcoming, upcoming_row, width, moved, alpha, beta, rate,
                decay,
            )  # fmt: skip

    return strip


def product_of_blocks(moves: bool):
    """Return the product of as many rows and inner indices as the cache holds, panel after panel of
    b.
    """
    strip_of_1, strip_of_2, strip_of_3 = (strip_of_tiles(vectors, moves) for vectors in (1, 2, 3))

    @njit(error_model="numpy")
    def multiply_block(
        a,
        a_row,
        a_step,
        b,
        b_step,
        c,
        c_row,
        rows,
        n,
        steps,
        a_is_far,
        b_is_far,
        size,
        moved,
        alpha,
        beta,
        rate,
        decay,
    ):
        lanes, space, column = VECTOR_BYTES // size, SPACE(), 0
        while column < n:
            vectors = min(WIDEST, (n - column + lanes - 1) // lanes)
            valid = min(n - column - (vectors - 1) * lanes, lanes)
            panel, step, place = b + column * size, b_step, c + column * size
            last, last_step = panel + (vectors - 1) * VECTOR_BYTES, b_step
            if (
                not MANY_REGISTERS and b_step % PAGE == 0
            ):  # all rows of b would lie in the same few places of the cache
                step = last_step = copy_panel(
                    panel, b_step, space, steps, min(vectors * lanes, n - column), size, type(alpha)
                )
                panel = space
                last = panel + (vectors - 1) * VECTOR_BYTES
            elif (
                not MASKS and valid < lanes
            ):  # whole vectors are read, and behind the last column there may be no memory
                last_step = copy_panel(last, b_step, space, steps, valid, size, type(alpha))
                last = space
            fetched, after = FETCH_C, place + vectors * VECTOR_BYTES
            if b_is_far:
                fetched, after = FETCH_B, b + column * size + PANELS_AHEAD * WIDEST * VECTOR_BYTES
            elif a_is_far and a_step == size and column == 0:
                fetched = FETCH_A
            if vectors == 1:
                strip_of_1(
                    a, a_row, a_step, panel, step, last, last_step, place, c_row, steps, rows,
                    valid, fetched, after, b_step, moved, alpha, beta, rate, decay,
                )  # fmt: skip
            elif vectors == 2:
                strip_of_2(
                    a, a_row, a_step, panel, step, last, last_step, place, c_row, steps, rows,
                    valid, fetched, after, b_step, moved, alpha, beta, rate, decay,
                )  # fmt: skip
            else:
                strip_of_3(
                    a, a_row, a_step, panel, step, last, last_step, place, c_row, steps, rows,
                    valid, fetched, after, b_step, moved, alpha, beta, rate, decay,
                )  # fmt: skip
            column += vectors * lanes

    return multiply_block


MULTIPLY_BLOCK, MULTIPLY_BLOCK_AND_MOVE = (
    product_of_blocks(moves=False),
    product_of_blocks(moves=True),
)


@njit(error_model="numpy")
def multiply(a, a_row, a_step, b, b_step, c, c_row, m, n, k, alpha, beta, row_block, size):
    """c (m, n) = alpha·a·b + beta·c for a (m, k) and b (k, n) at addresses, with strides in bytes
    and elements of ``size``.
    """
    for first in range(0, m, row_block):
        rows = min(row_block, m - first)
        for inner in range(
            0, max(k, 1), INNER_BLOCK
        ):  # once even for an empty sum: c is then beta·c
            steps, kept = min(INNER_BLOCK, k - inner), beta if inner == 0 else like(1.0, beta)
            MULTIPLY_BLOCK(
                a + first * a_row + inner * a_step, a_row, a_step, b + inner * b_step, b_step,
                c + first * c_row, c_row, rows, n, steps, m * a_row > LARGE, k * b_step > LARGE,
                size, 0, alpha, kept, alpha, alpha,
            )  # fmt: skip


def transposed_product(moves: bool):
    """Return the function that computes c (m, n) = alpha·aᵀ·b + beta·c for a (k, m) and b (k, n),
    and moves weights then.
    """
    multiply_last = MULTIPLY_BLOCK_AND_MOVE if moves else MULTIPLY_BLOCK

    @njit(error_model="numpy")
    def multiply_transposed(
        a, a_step, b, b_step, c, c_row, m, n, k, size, moved, alpha, beta, rate, decay
    ):
        space = SPACE_FOR_A()
        for first in range(0, m, FEW_ROWS):
            rows, rows_of_c = min(FEW_ROWS, m - first), c + first * c_row
            for inner in range(0, max(k, 1), INNER_BLOCK):
                steps, kept = min(INNER_BLOCK, k - inner), beta if inner == 0 else like(1.0, beta)
                block, step, rows_of_b = (
                    a + first * size + inner * a_step,
                    a_step,
                    b + inner * b_step,
                )
                if not MANY_REGISTERS and n >= WORTH_COPYING:
                    step = copy_panel(block, a_step, space, steps, rows, size, type(alpha))
                    block = space
                if inner + steps >= k:
                    multiply_last(
                        block, size, step, rows_of_b, b_step, rows_of_c, c_row, rows, n, steps,
                        False, False, size, moved, alpha, kept, rate, decay,
                    )  # fmt: skip
                else:
                    MULTIPLY_BLOCK(
                        block, size, step, rows_of_b, b_step, rows_of_c, c_row, rows, n, steps,
                        False, False, size, moved, alpha, kept, rate, decay,
                    )  # fmt: skip

    return multiply_transposed


MULTIPLY_TRANSPOSED, MULTIPLY_TRANSPOSED_AND_MOVE = (
    transposed_product(moves=False),
    transposed_product(moves=True),
)


def plain_gemm(a, b, c, alpha, beta):
    """What gemm_nn computes, and gemm_tn for the transpose of its a, in plain loops."""
    (m, n), k = c.shape, a.shape[1]
    for i in range(m):
        for j in range(n):
            total = 0.0
            for p in range(k):
                total += a[i, p] * b[p, j]
            c[i, j] = alpha * total + (beta * c[i, j] if beta != 0 else 0.0)


@operation(product=True)
def gemm_nn(
    a: Matrix[reads, by_row],
    b: Matrix[reads],
    c: Matrix[writes, by_row],
    alpha: Vector[reads],
    beta: Vector[reads],
):
    """c = alpha·a·b + beta·c, divided by rows. a (m, k), b (k, n), c (m, n)."""
    size, (m, n), k = a.itemsize, c.shape, a.shape[1]
    if are_few(n, size):
        multiply_few_columns(
            a.ctypes.data, k * size, b.ctypes.data, c.ctypes.data, m, n, k, size, alpha[0], beta[0]
        )
        return
    multiply(
        a.ctypes.data, k * size, size, b.ctypes.data, n * size, c.ctypes.data, n * size, m, n, k,
        alpha[0], beta[0], MANY_ROWS, size,
    )  # fmt: skip


@operation(product=True)
def gemm_nn_by_columns(
    a: Matrix[reads], b: Matrix[reads, by_column], c: Matrix[writes, by_column],
    alpha: Vector[reads], beta: Vector[reads], columns: Span,
):  # fmt: skip
    """The same product divided by columns: each thread reads its own part of a wide b, and of it no
    part twice.
    """
    size, first = a.itemsize, columns[0]
    multiply(
        a.ctypes.data, a.shape[1] * size, size, b.ctypes.data + first * size, b.shape[1] * size,
        c.ctypes.data + first * size, c.shape[1] * size, c.shape[0], columns[1] - first, a.shape[1],
        alpha[0], beta[0], MANY_ROWS, size,
    )  # fmt: skip


@operation(product=True)
def gemm_tn(
    a: Matrix[reads, by_column], b: Matrix[reads], c: Matrix[updates, by_row],
    alpha: Vector[reads], beta: Vector[reads], first: First = 0,
):  # fmt: skip
    """c = alpha·aᵀ·b + beta·c: the gradient dW = xᵀ·dz. a (k, m), b (k, n), c (m, n); its
    rows are a's columns from ``first`` on.
    """
    size, (m, n), k = a.itemsize, c.shape, a.shape[0]
    columns_of_a, a_step = a.ctypes.data + first * size, a.shape[1] * size
    if are_few(n, size):
        multiply_transposed_few_columns(
            columns_of_a, a_step, b.ctypes.data, c.ctypes.data, m, n, k, size, alpha[0], beta[0]
        )
        return
    MULTIPLY_TRANSPOSED(
        columns_of_a, a_step, b.ctypes.data, n * size, c.ctypes.data, n * size, m, n, k, size, 0,
        alpha[0], beta[0], alpha[0], alpha[0],
    )  # fmt: skip


@operation(product=True)
def gemm_tn_momentum(
    a: Matrix[reads, by_column],
    b: Matrix[reads],
    velocity: Matrix[updates, by_row],
    w: Matrix[updates, by_row],
    mu: Vector[reads],
    learning_rate: Vector[reads],
    decay: Real,
    first: First = 0,
):
    """v ← aᵀ·b + μ·v, w ← w − lr·(v + decay·w): momentum's whole step while v is in registers.
    Shapes as in gemm_tn.
    """
    size, (m, n), moved = a.itemsize, w.shape, w.ctypes.data - velocity.ctypes.data
    MULTIPLY_TRANSPOSED_AND_MOVE(
        a.ctypes.data + first * size, a.shape[1] * size, b.ctypes.data, n * size,
        velocity.ctypes.data, n * size, m, n, a.shape[0], size, moved,
        like(1.0, mu[0]), mu[0], like(learning_rate[0], mu[0]), like(decay, mu[0]),
    )  # fmt: skip


@operation
def transpose(source: Matrix[reads, by_row], target: Matrix[writes, by_column], first: First = 0):
    """target = sourceᵀ, block by block: source's rows become target's columns from ``first`` on."""
    size, lanes = source.itemsize, VECTOR_BYTES // source.itemsize
    (rows, n), m, columns = source.shape, target.shape[1], target.ctypes.data + first * size
    whole_rows, whole_columns = rows // lanes * lanes, n // lanes * lanes
    for row in range(0, whole_rows, lanes):
        for column in range(0, whole_columns, lanes):
            transpose_block(
                source.ctypes.data + (row * n + column) * size, n * size,
                columns + (column * m + row) * size, m * size, source.dtype.type,
            )  # fmt: skip
        for column in range(whole_columns, n):
            for edge_row in range(row, row + lanes):
                target[column, first + edge_row] = source[edge_row, column]
    for row in range(whole_rows, rows):
        for column in range(n):
            target[column, first + row] = source[row, column]
