"""A matrix product held in registers, and a transposed block.

``product_tile`` multiplies a few rows of a by a few vectors of columns of b and keeps all of the sums in registers: one load
of b serves every row, one load of a every column. It needs no packed copy of either matrix, which is what a general BLAS
spends much of its time on when a batch has 64 rows.
"""

from __future__ import annotations

from functools import cache

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .vector_code import LANE, WORD, VectorCode, splat, vector_bytes


@cache
def product_tile(rows: int, vectors: int):
    """Return an intrinsic that computes one tile: c = alpha·a·b + beta·c for up to ``rows`` rows.

    The intrinsic takes addresses and strides in bytes: (a, a_row, a_step, b, b_step, c, c_row, steps, valid_rows,
    valid_columns, ahead, alpha, beta). Row r of the tile at inner index p reads a at a + r·a_row + p·a_step, and b at
    b + p·b_step onwards. Rows past ``valid_rows`` repeat the last one and store the same numbers again, columns past
    ``valid_columns`` are masked: one code serves every edge. c is not read where beta is 0. While a row of b
    is in use, what lies ``ahead`` bytes behind it is fetched into the cache.
    """

    @intrinsic
    def tile(
        typing_context, a, a_row, a_step, b, b_step, c, c_row, steps, valid_rows, valid_columns, ahead, alpha, beta
    ):
        def generate(context, builder, signature, arguments):
            a, a_row, a_step, b, b_step, c, c_row, steps, valid_rows, valid_columns, ahead, alpha, beta = arguments
            code = VectorCode(builder, signature.args[-1])
            step_of_vector = [WORD(vector_bytes() * v) for v in range(vectors)]
            masks = [code.lanes_below(builder.sub(valid_columns, WORD(code.width * v))) for v in range(vectors)]
            last = builder.sub(valid_rows, WORD(1))
            row_numbers = [builder.select(builder.icmp_signed("<", WORD(r), last), WORD(r), last) for r in range(rows)]
            a_rows = [builder.add(a, builder.mul(number, a_row)) for number in row_numbers]
            c_rows = [builder.add(c, builder.mul(number, c_row)) for number in row_numbers]

            sums = [[cgutils.alloca_once_value(builder, code.zero) for _ in range(vectors)] for _ in range(rows)]
            for slot in (slot for row in sums for slot in row):
                builder.store(code.zero, slot)
            places = [[builder.add(row, step) for step in step_of_vector] for row in c_rows]
            for place in (place for row in places for place in row):
                code.prefetch(place, to_write=1)  # a large c is on its way while the sums are made
            with cgutils.for_range(builder, steps, intp=WORD) as loop:
                b_row = builder.add(b, builder.mul(loop.index, b_step))
                offset = builder.mul(loop.index, a_step)
                for step in step_of_vector:
                    code.prefetch(builder.add(builder.add(b_row, ahead), step))
                columns = [
                    code.load(builder.add(b_row, step), mask) for step, mask in zip(step_of_vector, masks, strict=True)
                ]
                for row in range(rows):
                    factor = code.broadcast(builder.add(a_rows[row], offset))
                    for slot, column in zip(sums[row], columns, strict=True):
                        builder.store(code.multiply_add(factor, column, builder.load(slot)), slot)

            alphas, betas = splat(builder, alpha, code.width), splat(builder, beta, code.width)
            scaled = [[builder.fmul(alphas, builder.load(slot)) for slot in row] for row in sums]
            with builder.if_else(builder.fcmp_ordered("==", beta, code.element(0.0))) as (overwrite, update):
                with overwrite:
                    _store_all(code, scaled, places, masks)
                with update:  # every load comes before the first store: repeated rows must not add twice
                    old = [[code.load(place, mask) for place, mask in zip(row, masks, strict=True)] for row in places]
                    new = [
                        [code.multiply_add(betas, o, s) for o, s in zip(*pair, strict=True)]
                        for pair in zip(old, scaled, strict=True)
                    ]
                    _store_all(code, new, places, masks)
            return context.get_dummy_value()

        word = types.int64
        return types.void(*[word] * 11, alpha, beta), generate

    return tile


def _store_all(code, values, places, masks):
    for row_values, row_places in zip(values, places, strict=True):
        for value, place, mask in zip(row_values, row_places, masks, strict=True):
            code.store(value, place, mask)


@intrinsic
def transpose_block(typing_context, source, source_row, target, target_row, element):
    """Write the transpose of a square block, as wide as a vector, from ``source`` to ``target`` (addresses, byte strides)."""

    def generate(context, builder, signature, arguments):
        source, source_row, target, target_row = arguments[:4]
        code = VectorCode(builder, signature.args[-1].instance_type)
        width, all_lanes = code.width, ir.Constant(code.mask, [1] * code.width)
        rows = [code.load(builder.add(source, builder.mul(WORD(r), source_row)), all_lanes) for r in range(width)]
        # Each stage exchanges the off-diagonal halves of blocks of size 2·half, half = 1, 2, 4 …
        half = 1
        while half < width:
            for r in (r for r in range(width) if not r & half):
                low, high = rows[r], rows[r + half]
                keep = [i if not i & half else width + i - half for i in range(width)]
                rows[r] = builder.shuffle_vector(low, high, ir.Constant(ir.VectorType(LANE, width), keep))
                other = [i + half if not i & half else width + i for i in range(width)]
                rows[r + half] = builder.shuffle_vector(low, high, ir.Constant(ir.VectorType(LANE, width), other))
            half *= 2
        for r in range(width):
            code.store(rows[r], builder.add(target, builder.mul(WORD(r), target_row)), all_lanes)
        return context.get_dummy_value()

    word = types.int64
    return types.void(word, word, word, word, element), generate
