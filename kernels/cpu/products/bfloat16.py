"""Matrix products of float32 matrices whose factors are rounded to bfloat16, two inner indices at a
time; sums are float32.

The factors are converted as they are used: a panel of b once for ROW_BLOCK rows, and these rows of
a once. As in ``gemm``, a sum runs over the inner index in an order that nothing but that index
decides.
"""

from __future__ import annotations

from numba import njit

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

from .bfloat16_tile import LANES, PAIR, VECTOR, bfloat16_tile, convert_row, convert_two_rows
from .tile import reserve

TILE_ROWS = {3: 8, 2: 12, 1: 8}
WIDEST = max(TILE_ROWS)
SIZE = 4  # bytes of a float32
INNER_BLOCK = 256  # inner indices at a time
ROW_BLOCK = 128  # rows at a time: a panel of b is converted anew for as many
ROW_OF_A = (
    2 * INNER_BLOCK + VECTOR
)  # bytes: a vector more, lest all rows fall on the same lines of the cache
LARGE = (
    2 << 20
)  # bytes from which on a matrix does not fit the cache, and is fetched ahead of its use
PANELS_AHEAD = 2
SPACE, SPACE_FOR_A = reserve(INNER_BLOCK // 2 * WIDEST * VECTOR), reserve(ROW_BLOCK * ROW_OF_A)


@njit(error_model="numpy")
def convert_panel(source, source_row, target, rows, columns):
    """Convert rows of a few columns two by two; return the bytes of such a row of pairs."""
    width = (columns + LANES - 1) // LANES * VECTOR
    for row in range(0, rows, 2):
        here = source + row * source_row
        convert_two_rows(
            here,
            here + source_row,
            target + row // 2 * width,
            columns,
            columns if row + 1 < rows else 0,
        )
    return width


def strip_of_tiles(vectors: int, moves: bool):
    """Return the product of all rows with a panel of b that is ``vectors`` wide; arguments as those
    of the tile.

    Meanwhile each tile fetches its part of ``upcoming_rows`` rows.
    """
    height, tile = TILE_ROWS[vectors], bfloat16_tile(TILE_ROWS[vectors], vectors, moves)

    @njit(error_model="numpy")
    def strip(
        a, a_row, a_step, b, c, c_row, pairs, rows, valid_lanes, upcoming, upcoming_row,
        upcoming_bytes, upcoming_rows, moved, alpha, beta, rate, decay,
    ):  # fmt: skip
        part = (upcoming_rows * height + rows - 1) // rows * upcoming_row
        for i in range(0, rows, height):
            tile(
                a + i * a_row, a_row, a_step, b, c + i * c_row, c_row, pairs, rows - i,
                valid_lanes, upcoming + i // height * part, upcoming_row, upcoming_bytes, moved,
                alpha, beta, rate, decay,
            )  # fmt: skip

    return strip


def product_of_blocks(moves: bool):
    """Return the product of a block of converted rows of a with all of b's panels, which are
    converted one by one.
    """
    strip_of_1, strip_of_2, strip_of_3 = (strip_of_tiles(vectors, moves) for vectors in (1, 2, 3))

    @njit(error_model="numpy")
    def multiply_block(
        a, a_row, a_step, b, b_row, c, c_row, rows, n, steps, next_a, next_a_row, b_is_far, moved,
        alpha, beta, rate, decay,
    ):  # fmt: skip
        space, column, pairs = SPACE(), 0, (steps + 1) // 2
        while column < n:
            vectors = min(WIDEST, (n - column + LANES - 1) // LANES)
            columns = min(n - column, vectors * LANES)
            valid = columns - (vectors - 1) * LANES
            panel, place = b + column * SIZE, c + column * SIZE
            convert_panel(panel, b_row, space, steps, columns)
            upcoming, upcoming_row, width, upcoming_rows = (
                place + vectors * VECTOR,
                c_row,
                vectors * VECTOR,
                rows,
            )
            if b_is_far:
                upcoming, upcoming_row, upcoming_rows = (
                    panel + PANELS_AHEAD * WIDEST * VECTOR,
                    b_row,
                    steps,
                )
            elif next_a and column == 0:
                upcoming, upcoming_row, width = next_a, next_a_row, steps * SIZE
            if vectors == 1:
                strip_of_1(
                    a, a_row, a_step, space, place, c_row, pairs, rows, valid, upcoming,
                    upcoming_row, width, upcoming_rows, moved, alpha, beta, rate, decay,
                )  # fmt: skip
            elif vectors == 2:
                strip_of_2(
                    a, a_row, a_step, space, place, c_row, pairs, rows, valid, upcoming,
                    upcoming_row, width, upcoming_rows, moved, alpha, beta, rate, decay,
                )  # fmt: skip
            else:
                strip_of_3(
                    a, a_row, a_step, space, place, c_row, pairs, rows, valid, upcoming,
                    upcoming_row, width, upcoming_rows, moved, alpha, beta, rate, decay,
                )  # fmt: skip
            column += vectors * LANES

    return multiply_block


MULTIPLY_BLOCK, MULTIPLY_BLOCK_AND_MOVE = (
    product_of_blocks(moves=False),
    product_of_blocks(moves=True),
)


@njit(error_model="numpy")
def multiply(a, a_row, b, b_row, c, c_row, m, n, k, alpha, beta):
    """c (m, n) = alpha·a·b + beta·c for a (m, k) and b (k, n) at addresses, strides in bytes."""
    space, a_is_far = SPACE_FOR_A(), m * a_row > LARGE
    for first in range(0, m, ROW_BLOCK):
        rows = min(ROW_BLOCK, m - first)
        for inner in range(
            0, max(k, 1), INNER_BLOCK
        ):  # once even for an empty sum: c is then beta·c
            steps, kept = min(INNER_BLOCK, k - inner), beta if inner == 0 else like(1.0, beta)
            next_a = 0
            if a_is_far:
                after = inner + INNER_BLOCK
                next_a = (
                    a + first * a_row + after * SIZE
                    if after < k
                    else a + (first + ROW_BLOCK) * a_row
                )
            for i in range(rows):
                convert_row(a + (first + i) * a_row + inner * SIZE, space + i * ROW_OF_A, steps)
            MULTIPLY_BLOCK(
                space, ROW_OF_A, PAIR, b + inner * b_row, b_row, c + first * c_row, c_row, rows, n,
                steps, next_a, a_row, k * b_row > LARGE, 0, alpha, kept, alpha, alpha,
            )  # fmt: skip


def transposed_product(moves: bool):
    """Return the function that computes c (m, n) = alpha·aᵀ·b + beta·c for a (k, m) and b (k, n),
    and moves weights then.
    """
    multiply_last = MULTIPLY_BLOCK_AND_MOVE if moves else MULTIPLY_BLOCK

    @njit(error_model="numpy")
    def multiply_transposed(a, a_row, b, b_row, c, c_row, m, n, k, moved, alpha, beta, rate, decay):
        space = SPACE_FOR_A()
        for first in range(0, m, ROW_BLOCK):
            rows, rows_of_c = min(ROW_BLOCK, m - first), c + first * c_row
            for inner in range(0, max(k, 1), INNER_BLOCK):
                steps, kept = min(INNER_BLOCK, k - inner), beta if inner == 0 else like(1.0, beta)
                step = convert_panel(a + inner * a_row + first * SIZE, a_row, space, steps, rows)
                rows_of_b = b + inner * b_row
                if inner + steps >= k:
                    multiply_last(
                        space, PAIR, step, rows_of_b, b_row, rows_of_c, c_row, rows, n, steps, 0,
                        0, False, moved, alpha, kept, rate, decay,
                    )  # fmt: skip
                else:
                    MULTIPLY_BLOCK(
                        space, PAIR, step, rows_of_b, b_row, rows_of_c, c_row, rows, n, steps, 0,
                        0, False, moved, alpha, kept, rate, decay,
                    )  # fmt: skip

    return multiply_transposed


MULTIPLY_TRANSPOSED, MULTIPLY_TRANSPOSED_AND_MOVE = (
    transposed_product(moves=False),
    transposed_product(moves=True),
)


@operation(product=True)
def bfloat16_gemm_nn(
    a: Matrix[reads, by_row],
    b: Matrix[reads],
    c: Matrix[writes, by_row],
    alpha: Vector[reads],
    beta: Vector[reads],
):
    """c = alpha·a·b + beta·c of factors in bfloat16, by rows. a (m, k), b (k, n), c (m, n)."""
    (m, n), k = c.shape, a.shape[1]
    multiply(
        a.ctypes.data, k * SIZE, b.ctypes.data, n * SIZE, c.ctypes.data, n * SIZE, m, n, k,
        alpha[0], beta[0],
    )  # fmt: skip


@operation(product=True)
def bfloat16_gemm_nn_by_columns(
    a: Matrix[reads], b: Matrix[reads, by_column], c: Matrix[writes, by_column],
    alpha: Vector[reads], beta: Vector[reads], columns: Span,
):  # fmt: skip
    """The same product divided by columns: each thread converts its own part of a wide b, and of it
    no part twice.
    """
    first = columns[0]
    multiply(
        a.ctypes.data, a.shape[1] * SIZE, b.ctypes.data + first * SIZE, b.shape[1] * SIZE,
        c.ctypes.data + first * SIZE, c.shape[1] * SIZE, c.shape[0], columns[1] - first, a.shape[1],
        alpha[0], beta[0],
    )  # fmt: skip


@operation(product=True)
def bfloat16_gemm_tn(
    a: Matrix[reads, by_column], b: Matrix[reads], c: Matrix[updates, by_row],
    alpha: Vector[reads], beta: Vector[reads], first: First = 0,
):  # fmt: skip
    """c = alpha·aᵀ·b + beta·c of factors in bfloat16. a (k, m), b (k, n), c (m, n); its
    rows are a's columns from ``first`` on.
    """
    m, n = c.shape
    MULTIPLY_TRANSPOSED(
        a.ctypes.data + first * SIZE, a.shape[1] * SIZE, b.ctypes.data, n * SIZE,
        c.ctypes.data, n * SIZE, m, n, a.shape[0], 0,
        alpha[0], beta[0], alpha[0], alpha[0],
    )  # fmt: skip


@operation(product=True)
def bfloat16_gemm_tn_momentum(
    a: Matrix[reads, by_column],
    b: Matrix[reads],
    velocity: Matrix[updates, by_row],
    w: Matrix[updates, by_row],
    mu: Vector[reads],
    learning_rate: Vector[reads],
    decay: Real,
    first: First = 0,
):
    """v ← aᵀ·b + μ·v, w ← w − lr·(v + decay·w) with factors a and b in bfloat16. Shapes as in
    bfloat16_gemm_tn.
    """
    (m, n), moved = w.shape, w.ctypes.data - velocity.ctypes.data
    MULTIPLY_TRANSPOSED_AND_MOVE(
        a.ctypes.data + first * SIZE, a.shape[1] * SIZE, b.ctypes.data, n * SIZE,
        velocity.ctypes.data, n * SIZE, m, n, a.shape[0], moved,
        like(1.0, mu[0]), mu[0], like(learning_rate[0], mu[0]), like(decay, mu[0]),
    )  # fmt: skip
