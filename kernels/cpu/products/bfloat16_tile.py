"""A register tile of bfloat16 factors with float32 sums, and the conversions that feed it.

``vdpbf16ps`` adds two products to each float32 lane: pairs of bfloat16 that follow each other along
the inner index. So the factors are not read where they lie. Rows of b come as a panel in which the
numbers of two rows alternate, a pair in each lane, and rows of a come with their numbers one behind
the other, where a pair is what is broadcast.
"""

from __future__ import annotations

from functools import cache

from llvmlite import ir
from numba import types
from numba.core import cgutils

from fastmlp.kernels.cpu.compiling.numba_words import intrinsic
from fastmlp.kernels.cpu.compiling.vector_code import LANE, WORD, VectorCode, splat

from .tile import MovingTile, Tile, move_on

# A bfloat16 by its bits: LLVM takes these intrinsics' old signature, and llvmlite has no such type.
HALF = ir.IntType(16)
LANES = 16  # pairs in a vector
VECTOR = 64  # bytes
PAIR = 4  # bytes


@cache
def bfloat16_tile(rows: int, vectors: int, moves: bool = False):
    """Return an intrinsic that computes one tile: c = alpha·a·b + beta·c for up to ``rows`` rows, c
    in float32.

    The arguments are those of ``product_tile`` without strides of b, whose panel is packed: (a,
    a_row, a_step, b, c, c_row, pairs, valid_rows, valid_lanes, upcoming, upcoming_row,
    upcoming_bytes, moved, alpha, beta, rate, decay). Row r of the tile reads the pair p of a at a +
    r·a_row + p·a_step.
    """

    @intrinsic
    def tile(
        typing_context, a, a_row, a_step, b, c, c_row, pairs, valid_rows, valid_lanes, upcoming,
        upcoming_row, upcoming_bytes, moved, alpha, beta, rate, decay,
    ):  # fmt: skip
        def generate(context, builder, signature, arguments):
            a, a_row, a_step, b, *others = arguments
            step = WORD(vectors * VECTOR)
            passed = a, a_row, a_step, b, step, b, step, *others
            (_MovingPairTile if moves else _PairTile)(
                builder, types.float32, rows, vectors, passed
            ).compute()
            return context.get_dummy_value()

        word = types.int64
        return types.void(*[word] * 13, alpha, beta, rate, decay), generate

    return tile


class _PairTile(Tile):
    """The instructions of one tile."""

    def _fetcher(self):
        fetch_line = super()._fetcher()

        def fetch_lines():  # a step is two inner indices, and takes no longer than one of float32
            fetch_line()
            fetch_line()

        return fetch_lines

    def _stepper(self, slots):
        """Return what writes the instructions that add the products of one more pair of columns of
        a and rows of b.
        """
        code, builder = self.code, self.builder
        places = [
            (cgutils.alloca_once(builder, WORD), step)
            for step in (self.a_step, WORD(self.vectors * VECTOR))
        ]
        for (slot, _), start in zip(places, (WORD(0), self.b), strict=True):
            builder.store(start, slot)

        def add_step():
            offset, b_row = (builder.load(slot) for slot, _ in places)
            columns = [
                _load_pairs(builder, builder.add(b_row, WORD(v * VECTOR)))
                for v in range(self.vectors)
            ]
            for row, a_row in zip(slots, self.a_rows, strict=True):
                pair = builder.load(builder.inttoptr(builder.add(a_row, offset), LANE.as_pointer()))
                factor = splat(builder, pair, LANES)
                for slot, column in zip(row, columns, strict=True):
                    builder.store(_add_products(code, builder.load(slot), factor, column), slot)
            for slot, step in places:
                move_on(builder, slot, step)

        return add_step


class _MovingPairTile(_PairTile, MovingTile):
    """A tile of a velocity, which moves the weights at once."""


def _load_pairs(builder, address):
    return builder.load(
        builder.inttoptr(address, ir.VectorType(LANE, LANES).as_pointer()), align=VECTOR
    )


def _add_products(code, total, a, b):
    """Return total + a.odd·b.odd + a.even·b.even, lane by lane."""
    pairs = ir.VectorType(LANE, LANES)
    kind = ir.FunctionType(code.vector, [code.vector, pairs, pairs])
    name = "llvm.x86.avx512bf16.dpbf16ps.512"
    return code.builder.call(
        cgutils.get_or_insert_function(code.builder.module, kind, name), [total, a, b]
    )


def to_bfloat16(code, low, high):
    """Return 32 bfloat16 as their bits: those of ``low``, then those of ``high``, rounded to
    nearest even.
    """
    kind = ir.FunctionType(ir.VectorType(HALF, 2 * LANES), [code.vector, code.vector])
    name = "llvm.x86.avx512bf16.cvtne2ps2bf16.512"
    return code.builder.call(
        cgutils.get_or_insert_function(code.builder.module, kind, name), [high, low]
    )


def _store_halves(builder, halves, address):
    builder.store(halves, builder.inttoptr(address, halves.type.as_pointer()), align=VECTOR)


@intrinsic
def convert_row(typing_context, source, target, count):
    """Write ``count`` float32 as bfloat16, with zeros up to whole vectors."""

    def generate(context, builder, signature, arguments):
        source, target, count = arguments
        code = VectorCode(builder, types.float32)
        with cgutils.for_range_slice(builder, WORD(0), count, WORD(2 * LANES), intp=WORD) as (
            start,
            _,
        ):
            here, left = builder.add(source, builder.mul(start, WORD(4))), builder.sub(count, start)
            low = code.load_first(here, left)
            high = code.load_first(builder.add(here, WORD(VECTOR)), builder.sub(left, WORD(LANES)))
            _store_halves(
                builder,
                to_bfloat16(code, low, high),
                builder.add(target, builder.mul(start, WORD(2))),
            )
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def convert_two_rows(typing_context, first, second, target, count, second_count):
    """Write ``count`` pairs of bfloat16, a number of the first row and one of the second, with
    zeros up to whole vectors.

    Of the second row ``second_count`` numbers are there: all or none.
    """

    def generate(context, builder, signature, arguments):
        first, second, target, count, second_count = arguments
        code = VectorCode(builder, types.float32)
        alternate = ir.Constant(
            ir.VectorType(LANE, 2 * LANES), [i // 2 + i % 2 * LANES for i in range(2 * LANES)]
        )
        with cgutils.for_range_slice(builder, WORD(0), count, WORD(LANES), intp=WORD) as (start, _):
            offset = builder.mul(start, WORD(4))
            low = code.load_first(builder.add(first, offset), builder.sub(count, start))
            high = code.load_first(builder.add(second, offset), builder.sub(second_count, start))
            halves = to_bfloat16(code, low, high)
            pairs = builder.shuffle_vector(
                halves, ir.Constant(halves.type, ir.Undefined), alternate
            )
            _store_halves(builder, pairs, builder.add(target, offset))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), generate
