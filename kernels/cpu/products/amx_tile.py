"""Tiles of AMX: eight registers of sixteen rows of 64 bytes, and one instruction that multiplies
two of them.

``tdpbf16ps`` multiplies sixteen rows of 32 bfloat16 by 32 rows of sixteen columns and adds to a
register of float32 (Intel, "Intel Architecture Instruction Set Extensions Programming Reference",
chapter on AMX). Rows of a come with their numbers one behind the other, b comes as a panel in which
those of two rows alternate: the same that the tiles of ``bfloat16_tile`` read.
"""

from __future__ import annotations

from functools import cache

from llvmlite import ir
from numba import types
from numba.core import cgutils

from fastmlp.kernels.cpu.compiling.numba_words import intrinsic
from fastmlp.kernels.cpu.compiling.vector_code import WORD, VectorCode, exchanged, splat

from .bfloat16_tile import LANES, PAIR, VECTOR, to_bfloat16

BYTE, SHORT = ir.IntType(8), ir.IntType(16)
ROWS = 16  # of a register
PAIRS = 16  # pairs of inner indices in a register
BLOCK = 2 * PAIRS  # inner indices of one product of registers
FIRST_OF_A, FIRST_OF_B = 4, 6  # registers 0 to 3 hold sums
CONFIGURATION = 64  # bytes


@intrinsic
def configure_tiles(typing_context):
    """Let all eight registers of this thread have sixteen rows of 64 bytes."""

    def generate(context, builder, signature, arguments):
        rows_at = 48  # behind the palette, 15 bytes of nothing, and sixteen widths of two bytes
        values = [0] * CONFIGURATION
        values[0] = 1
        for register in range(8):
            values[16 + 2 * register] = VECTOR
            values[rows_at + register] = ROWS
        kind = ir.ArrayType(BYTE, CONFIGURATION)
        place = cgutils.alloca_once(builder, kind)
        builder.store(ir.Constant(kind, values), place)
        pointer = builder.bitcast(place, BYTE.as_pointer())
        _call(builder, "ldtilecfg", ir.VoidType(), pointer)
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def release_tiles(typing_context):
    """Clear the registers, so that the system need not keep them for this thread."""

    def generate(context, builder, signature, arguments):
        _call(builder, "tilerelease", ir.VoidType())
        return context.get_dummy_value()

    return types.void(), generate


@cache
def amx_tile(heights: int, vectors: int, moves: bool = False):
    """Return an intrinsic that computes one tile: c = alpha·a·b + beta·c for up to ``heights``
    times sixteen rows and ``vectors`` vectors of columns, one or two of each.

    The intrinsic takes addresses and strides in bytes: (a, a_row, b, c, c_row, blocks, valid_rows,
    valid_lanes, moved, alpha, beta, rate, decay). There are ``blocks`` times 32 inner indices. Of a
    all rows are read, of c ``valid_rows``, and ``valid_lanes`` lanes of their last vector; c is not
    read where beta is 0. If the tile ``moves``, c is a velocity, and the weights w that lie
    ``moved`` bytes behind it move at once: w = w − rate·(c + decay·w).
    """

    @intrinsic
    def tile(
        typing_context, a, a_row, b, c, c_row, blocks, valid_rows, valid_lanes, moved, alpha, beta,
        rate, decay,
    ):  # fmt: skip
        def generate(context, builder, signature, arguments):
            _AmxTile(builder, heights, vectors, moves, arguments).compute()
            return context.get_dummy_value()

        return types.void(*[types.int64] * 9, alpha, beta, rate, decay), generate

    return tile


class _AmxTile:
    """The instructions of one tile."""

    def __init__(self, builder, heights, vectors, moves, arguments):
        self.builder, self.code = builder, VectorCode(builder, types.float32)
        self.heights, self.vectors, self.moves = heights, vectors, moves
        (self.a, self.a_row, self.b, self.c, self.c_row, self.blocks, self.valid_rows,
         self.valid_lanes, self.moved, *self.factors) = arguments  # fmt: skip

    def compute(self):
        """Sum in the registers, store the sums aside, scale and store them."""
        row_of_sums = self.vectors * VECTOR
        size = self.heights * ROWS * row_of_sums
        place = cgutils.alloca_once(self.builder, BYTE, size=size)
        place.align = VECTOR
        sums = self.builder.ptrtoint(place, WORD)
        self._sum()
        for height in range(self.heights):
            for v in range(self.vectors):
                corner = self.builder.add(sums, WORD(height * ROWS * row_of_sums + v * VECTOR))
                self._move("tilestored64", self._sums(height, v), corner, WORD(row_of_sums))
        self._finish(sums, row_of_sums)

    def _sums(self, height, v):
        return height * self.vectors + v

    def _sum(self):
        builder = self.builder
        for number in range(self.heights * self.vectors):
            _call(builder, "tilezero", ir.VoidType(), BYTE(number))
        width = WORD(self.vectors * VECTOR)
        of_rows = builder.mul(self.a_row, WORD(ROWS))
        with cgutils.for_range_slice(builder, WORD(0), self.blocks, WORD(1), intp=WORD) as (
            block,
            _,
        ):
            a = builder.add(self.a, builder.mul(block, WORD(PAIRS * PAIR)))
            b = builder.add(self.b, builder.mul(block, WORD(PAIRS * self.vectors * VECTOR)))
            for v in range(self.vectors):
                self._move("tileloadd64", FIRST_OF_B + v, builder.add(b, WORD(v * VECTOR)), width)
            for height in range(self.heights):
                self._move("tileloadd64", FIRST_OF_A + height, a, self.a_row)
                a = builder.add(a, of_rows)
                for v in range(self.vectors):
                    registers = self._sums(height, v), FIRST_OF_A + height, FIRST_OF_B + v
                    _call(builder, "tdpbf16ps", ir.VoidType(), *map(BYTE, registers))

    def _finish(self, sums, row_of_sums):
        """Let each row of sums go into its row of c."""
        builder, code = self.builder, self.code
        alpha, beta, rate, decay = (splat(builder, each, code.width) for each in self.factors)
        lanes = code.lanes_below(self.valid_lanes)
        everywhere, nowhere = (ir.Constant(code.mask, [bit] * code.width) for bit in (1, 0))
        is_read = builder.fcmp_unordered("!=", self.factors[1], code.element(0.0))
        rows = cgutils.for_range_slice(builder, WORD(0), self.valid_rows, WORD(1), intp=WORD)
        with rows as (row, _):
            source = builder.add(sums, builder.mul(row, WORD(row_of_sums)))
            target = builder.add(self.c, builder.mul(row, self.c_row))
            for v in range(self.vectors):
                mask = lanes if v == self.vectors - 1 else everywhere
                here = builder.add(target, WORD(v * VECTOR))
                total = code.load_whole(builder.add(source, WORD(v * VECTOR)))
                old = code.load(here, builder.select(is_read, mask, nowhere))
                new = code.multiply_add(beta, old, builder.fmul(alpha, total))
                code.store(new, here, mask)
                if self.moves:
                    weights = builder.add(here, self.moved)
                    w = code.load(weights, mask)
                    direction = code.multiply_add(decay, w, new)
                    code.store(builder.fsub(w, builder.fmul(rate, direction)), weights, mask)

    def _move(self, name, register, address, stride):
        """Load or store a register whose rows lie a stride apart."""
        pointer = self.builder.inttoptr(address, BYTE.as_pointer())
        _call(self.builder, name, ir.VoidType(), BYTE(register), pointer, stride)


def _call(builder, name, result, *arguments):
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.{name}")
    return builder.call(function, arguments)


@intrinsic
def convert_columns(typing_context, source, source_row, target, target_row, rows, columns):
    """Write up to 32 rows of up to sixteen columns as sixteen rows of bfloat16: the transpose, with
    zeros for what is not there.
    """

    def generate(context, builder, signature, arguments):
        source, source_row, target, target_row, rows, columns = arguments
        code = VectorCode(builder, types.float32)
        alternate = ir.Constant(
            ir.VectorType(ir.IntType(32), BLOCK), [i // 2 + i % 2 * LANES for i in range(BLOCK)]
        )

        def row_of(number):
            is_there = builder.icmp_signed("<", WORD(number), rows)
            count = builder.select(is_there, columns, WORD(0))
            return code.load_first(
                builder.add(source, builder.mul(source_row, WORD(number))), count
            )

        pairs = []
        for pair in range(PAIRS):
            halves = to_bfloat16(code, row_of(2 * pair), row_of(2 * pair + 1))
            mixed = builder.shuffle_vector(
                halves, ir.Constant(halves.type, ir.Undefined), alternate
            )
            pairs.append(builder.bitcast(mixed, ir.VectorType(ir.IntType(32), LANES)))
        for number, row in enumerate(exchanged(builder, pairs)):
            place = builder.add(target, builder.mul(target_row, WORD(number)))
            builder.store(row, builder.inttoptr(place, row.type.as_pointer()), align=VECTOR)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6), generate


@intrinsic
def clear_vectors(typing_context, target, vectors):
    """Write so many vectors of zeros."""

    def generate(context, builder, signature, arguments):
        target, vectors = arguments
        code = VectorCode(builder, types.float32)
        with cgutils.for_range_slice(builder, WORD(0), vectors, WORD(1), intp=WORD) as (v, _):
            code.store_whole(code.zero, builder.add(target, builder.mul(v, WORD(VECTOR))))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate
