"""Matrix products of float32 matrices whose factors are rounded to bfloat16, by the tiles of AMX:
what ``bfloat16`` computes, 32 inner indices at a time.

A block of a is converted once for all of b, and a panel of b once for a block of a. As in ``gemm``,
a sum runs over the inner index in an order that nothing but that index decides.
"""

from __future__ import annotations

from numba import njit

from fastmlp.kernels.cpu.compiling.vector_code import fetch
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

from .amx_tile import (
    BLOCK,
    PAIRS,
    ROWS,
    amx_tile,
    clear_vectors,
    configure_tiles,
    convert_columns,
    release_tiles,
)
from .bfloat16 import SIZE
from .bfloat16_tile import LANES, VECTOR, convert_row, convert_two_rows
from .tile import reserve

HEIGHT, WIDEST = 2 * ROWS, 2  # of the largest tile: rows, and vectors of columns
WIDTH = WIDEST * LANES  # columns of a panel
INNER_BLOCK = 512  # inner indices at a time: a panel of b is then 32 KiB
# Bytes of what is converted at a time, of a and of b: together a part of the second-level cache.
BYTES_OF_A, BYTES_OF_B = 256 << 10, 256 << 10
LARGE = 1 << 20  # bytes from which on a matrix does not fit the cache
PANELS_AHEAD = 2
SPACE, SPACE_FOR_A = reserve(BYTES_OF_B), reserve(BYTES_OF_A)


@njit(error_model="numpy")
def row_of_a(steps):
    """Return the bytes of a converted row of a: a vector more than it has, lest all rows fall on
    the same lines of the cache.
    """
    return (steps + BLOCK - 1) // BLOCK * VECTOR + VECTOR


@njit(error_model="numpy")
def rows_at_a_time(k):
    """Return how many rows of a are converted at a time."""
    return BYTES_OF_A // row_of_a(min(k, INNER_BLOCK)) // HEIGHT * HEIGHT


@njit(error_model="numpy")
def convert_panels(b, b_row, space, steps, columns, size, ahead):
    """Convert rows two by two into panels of WIDTH columns that take ``size`` bytes each, with
    zeros up to whole blocks of inner indices.

    Each row is read at one go, and what lies ``ahead`` bytes behind is fetched into the cache.
    """
    for row in range(0, steps, 2):
        here = b + row * b_row
        if ahead:
            for line in range(0, WIDEST * VECTOR, VECTOR):
                fetch(here + ahead + line)
                fetch(here + b_row + ahead + line)
        for panel in range((columns + WIDTH - 1) // WIDTH):
            first = panel * WIDTH
            wide = min(columns - first, WIDTH)
            of_panel = (wide + LANES - 1) // LANES * VECTOR
            convert_two_rows(
                here + first * SIZE, here + b_row + first * SIZE,
                space + panel * size + row // 2 * of_panel, wide, wide if row + 1 < steps else 0,
            )  # fmt: skip
    pairs, all_pairs = (steps + 1) // 2, (steps + BLOCK - 1) // BLOCK * PAIRS
    for panel in range((columns + WIDTH - 1) // WIDTH):
        vectors = (min(columns - panel * WIDTH, WIDTH) + LANES - 1) // LANES
        place = space + panel * size + pairs * vectors * VECTOR
        clear_vectors(place, (all_pairs - pairs) * vectors)


def tile_of_any_size(moves: bool):
    """Return the product of up to HEIGHT converted rows of a with one panel of b."""
    (low_1, high_1), (low_2, high_2) = (
        (amx_tile(1, vectors, moves), amx_tile(2, vectors, moves)) for vectors in (1, 2)
    )

    @njit(error_model="numpy")
    def multiply_tile(
        a, a_row, b, c, c_row, blocks, rows, columns, moved, alpha, beta, rate, decay
    ):
        if columns <= LANES and rows <= ROWS:
            low_1(
                a, a_row, b, c, c_row, blocks, rows, columns, moved, alpha, beta, rate, decay,
            )  # fmt: skip
        elif columns <= LANES:
            high_1(
                a, a_row, b, c, c_row, blocks, rows, columns, moved, alpha, beta, rate, decay,
            )  # fmt: skip
        elif rows <= ROWS:
            low_2(
                a, a_row, b, c, c_row, blocks, rows, columns - LANES, moved, alpha, beta, rate,
                decay,
            )  # fmt: skip
        else:
            high_2(
                a, a_row, b, c, c_row, blocks, rows, columns - LANES, moved, alpha, beta, rate,
                decay,
            )  # fmt: skip

    return multiply_tile


def product_of_blocks(moves: bool, along_rows: bool):
    """Return the product of a block of converted rows of a with b, some of whose panels are
    converted at a time.

    It stays with a panel of b as long as it can; or goes along the rows of c, page after page, for
    a c that does not fit the cache.
    """
    multiply_tile = tile_of_any_size(moves)

    @njit(error_model="numpy")
    def multiply_block(
        a, a_row, b, b_row, c, c_row, rows, n, steps, moved, alpha, beta, rate, decay
    ):
        space, blocks = SPACE(), (steps + BLOCK - 1) // BLOCK
        size = max(blocks, 1) * PAIRS * WIDEST * VECTOR
        group = BYTES_OF_B // size * WIDTH if along_rows else WIDTH
        ahead = 0 if along_rows or steps * b_row <= LARGE else PANELS_AHEAD * WIDTH * SIZE
        for first in range(0, n, group):
            columns = min(n - first, group)
            convert_panels(b + first * SIZE, b_row, space, steps, columns, size, ahead)
            heights, panels = (rows + HEIGHT - 1) // HEIGHT, (columns + WIDTH - 1) // WIDTH
            for number in range(heights * panels):
                if along_rows:
                    height, panel = number // panels, number % panels
                else:
                    height, panel = number % heights, number // heights
                row, column = height * HEIGHT, panel * WIDTH
                multiply_tile(
                    a + row * a_row, a_row, space + panel * size,
                    c + row * c_row + (first + column) * SIZE, c_row, blocks,
                    min(rows - row, HEIGHT), min(columns - column, WIDTH), moved, alpha, beta,
                    rate, decay,
                )  # fmt: skip

    return multiply_block


MULTIPLY_BLOCK, MULTIPLY_ALONG_ROWS = (
    product_of_blocks(moves=False, along_rows=along_rows) for along_rows in (False, True)
)
MULTIPLY_BLOCK_AND_MOVE, MULTIPLY_ALONG_ROWS_AND_MOVE = (
    product_of_blocks(moves=True, along_rows=along_rows) for along_rows in (False, True)
)


@njit(error_model="numpy")
def multiply(a, a_row, b, b_row, c, c_row, m, n, k, alpha, beta):
    """c (m, n) = alpha·a·b + beta·c for a (m, k) and b (k, n) at addresses, strides in bytes."""
    space, row_block = SPACE_FOR_A(), rows_at_a_time(k)
    configure_tiles()
    for first in range(0, m, row_block):
        rows = min(row_block, m - first)
        for inner in range(0, max(k, 1), INNER_BLOCK):  # once even for an empty sum
            steps, kept = min(INNER_BLOCK, k - inner), beta if inner == 0 else like(1.0, beta)
            row = row_of_a(steps)
            for i in range(rows):
                convert_row(a + (first + i) * a_row + inner * SIZE, space + i * row, steps)
            MULTIPLY_BLOCK(
                space, row, b + inner * b_row, b_row, c + first * c_row, c_row, rows, n, steps, 0,
                alpha, kept, alpha, alpha,
            )  # fmt: skip
    release_tiles()


@njit(error_model="numpy")
def convert_transposed(a, a_row, target, target_row, rows, columns):
    """Convert rows of a few columns into rows of bfloat16 for each column."""
    for column in range(0, columns, LANES):
        for row in range(0, rows, BLOCK):
            convert_columns(
                a + row * a_row + column * SIZE, a_row,
                target + column * target_row + row // BLOCK * VECTOR, target_row,
                rows - row, min(columns - column, LANES),
            )  # fmt: skip


def transposed_product(moves: bool):
    """Return the function that computes c (m, n) = alpha·aᵀ·b + beta·c for a (k, m) and b (k, n),
    and moves weights then.
    """
    last = MULTIPLY_BLOCK_AND_MOVE if moves else MULTIPLY_BLOCK
    last_along_rows = MULTIPLY_ALONG_ROWS_AND_MOVE if moves else MULTIPLY_ALONG_ROWS

    @njit(error_model="numpy")
    def multiply_transposed(a, a_row, b, b_row, c, c_row, m, n, k, moved, alpha, beta, rate, decay):
        space, row_block = SPACE_FOR_A(), rows_at_a_time(k)
        configure_tiles()
        for first in range(0, m, row_block):
            rows, rows_of_c = min(row_block, m - first), c + first * c_row
            for inner in range(0, max(k, 1), INNER_BLOCK):
                steps, kept = min(INNER_BLOCK, k - inner), beta if inner == 0 else like(1.0, beta)
                row, rows_of_b = row_of_a(steps), b + inner * b_row
                convert_transposed(a + inner * a_row + first * SIZE, a_row, space, row, steps, rows)
                if inner + steps < k:
                    MULTIPLY_BLOCK(
                        space, row, rows_of_b, b_row, rows_of_c, c_row, rows, n, steps, moved,
                        alpha, kept, rate, decay,
                    )  # fmt: skip
                elif m * c_row > LARGE:
                    last_along_rows(
                        space, row, rows_of_b, b_row, rows_of_c, c_row, rows, n, steps, moved,
                        alpha, kept, rate, decay,
                    )  # fmt: skip
                else:
                    last(
                        space, row, rows_of_b, b_row, rows_of_c, c_row, rows, n, steps, moved,
                        alpha, kept, rate, decay,
                    )  # fmt: skip
        release_tiles()

    return multiply_transposed


MULTIPLY_TRANSPOSED, MULTIPLY_TRANSPOSED_AND_MOVE = (
    transposed_product(moves=False),
    transposed_product(moves=True),
)


@operation(product=True)
def amx_gemm_nn(
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
def amx_gemm_nn_by_columns(
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
def amx_gemm_tn(
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
def amx_gemm_tn_momentum(
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
    amx_gemm_tn.
    """
    (m, n), moved = w.shape, w.ctypes.data - velocity.ctypes.data
    MULTIPLY_TRANSPOSED_AND_MOVE(
        a.ctypes.data + first * SIZE, a.shape[1] * SIZE, b.ctypes.data, n * SIZE,
        velocity.ctypes.data, n * SIZE, m, n, a.shape[0], moved,
        like(1.0, mu[0]), mu[0], like(learning_rate[0], mu[0]), like(decay, mu[0]),
    )  # fmt: skip
