"""Products with fewer columns than a quarter of a vector, as those of two classes: a tile would
leave most lanes idle.
"""

from __future__ import annotations

from numba import njit, types
from numba.core import cgutils

from fastmlp.kernels.cpu.compiling.intrinsics import matrix
from fastmlp.kernels.cpu.compiling.numba_words import intrinsic
from fastmlp.kernels.cpu.compiling.vector_code import WORD, VectorCode, vector_bytes
from fastmlp.kernels.cpu.inline.elementary import like

from .tile import copy_panel, product_tile, reserve

VECTOR_BYTES = vector_bytes()
MOST_COLUMNS = VECTOR_BYTES // 16  # of float32; rows of the tile below
PANEL_BYTES = 2 * VECTOR_BYTES
INNER_BLOCK = 256
TILE = product_tile(MOST_COLUMNS, 2)
SPACE, SPACE_FOR_SUMS = reserve(INNER_BLOCK * VECTOR_BYTES), reserve(MOST_COLUMNS * PANEL_BYTES)
SPACE_FOR_COLUMNS = reserve(INNER_BLOCK * MOST_COLUMNS * 8)


@njit(inline="always")
def are_few(columns, size):
    """Return whether a product of so many columns of elements of ``size`` bytes belongs here."""
    return columns * size * 4 <= VECTOR_BYTES


@intrinsic
def dot(typing_context, x, y, count, element):
    """Return the sum of the products of ``count`` numbers at two addresses, in an order that the
    count alone decides.
    """

    def generate(context, builder, signature, arguments):
        x, y, count, _ = arguments
        code = VectorCode(builder, signature.args[-1].instance_type)
        total = cgutils.alloca_once_value(builder, code.zero)
        builder.store(code.zero, total)
        whole = builder.and_(count, WORD(-code.width))

        def add(load, start):
            offset = builder.mul(start, WORD(code.size))
            product = load(builder.add(x, offset)), load(builder.add(y, offset))
            builder.store(code.multiply_add(*product, builder.load(total)), total)

        with cgutils.for_range_slice(builder, WORD(0), whole, WORD(code.width), intp=WORD) as (
            start,
            _,
        ):
            add(code.load_whole, start)
        left = builder.sub(count, whole)
        with builder.if_then(builder.icmp_signed(">", left, WORD(0))):
            add(lambda address: code.load_first(address, left), whole)
        return code.reduce(builder.load(total), builder.fadd)

    return element.instance_type(types.int64, types.int64, types.int64, element), generate


@njit(error_model="numpy")
def multiply_few_columns(a, a_row, b, c, m, n, k, size, alpha, beta):
    """c (m, n) = alpha·a·b + beta·c, each element the dot product of a row of a and a column of b,
    which is copied.
    """
    element, space = type(alpha), SPACE_FOR_COLUMNS()
    result = matrix(c, m, n, element)
    for inner in range(0, max(k, 1), INNER_BLOCK):
        steps, kept = min(INNER_BLOCK, k - inner), beta if inner == 0 else like(1.0, beta)
        rows_of_b, columns = (
            matrix(b + inner * n * size, steps, n, element),
            matrix(space, n, steps, element),
        )
        for p in range(steps):
            for j in range(n):
                columns[j, p] = rows_of_b[p, j]
        for i in range(m):
            for j in range(n):
                total = dot(a + i * a_row + inner * size, space + j * steps * size, steps, element)
                result[i, j] = alpha * total + (
                    kept * result[i, j] if kept != 0 else like(0.0, total)
                )


@njit(error_model="numpy")
def multiply_transposed_few_columns(a, a_step, b, c, m, n, k, size, alpha, beta):
    """c (m, n) = alpha·aᵀ·b + beta·c as cᵀ = alpha·bᵀ·a + beta·cᵀ: two vectors of columns of a at a
    time.
    """
    element, lanes, sums = type(alpha), VECTOR_BYTES // size, SPACE_FOR_SUMS()
    result = matrix(c, m, n, element)
    for first in range(0, m, 2 * lanes):
        rows = min(2 * lanes, m - first)
        for inner in range(0, max(k, 1), INNER_BLOCK):
            steps, kept = min(INNER_BLOCK, k - inner), like(0.0 if inner == 0 else 1.0, beta)
            panel, step = a + first * size + inner * a_step, a_step
            last, last_step = panel + VECTOR_BYTES, a_step
            if (
                rows < 2 * lanes
            ):  # whole vectors are read, and behind the last column there may be no memory
                last = SPACE()
                if rows <= lanes:  # the second vector repeats the first
                    step = last_step = copy_panel(panel, a_step, last, steps, rows, size, element)
                    panel = last
                else:
                    last_step = copy_panel(
                        panel + VECTOR_BYTES, a_step, last, steps, rows - lanes, size, element
                    )
            TILE(
                b + inner * n * size, size, n * size, panel, step, last, last_step, sums,
                PANEL_BYTES, steps, n, lanes, panel, 0, 0, 0, like(1.0, beta), kept, beta, beta,
            )  # fmt: skip
        transposed = matrix(sums, n, 2 * lanes, element)
        for i in range(rows):
            for j in range(n):
                before = beta * result[first + i, j] if beta != 0 else like(0.0, beta)
                result[first + i, j] = alpha * transposed[j, i] + before
