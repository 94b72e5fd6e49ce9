"""What a softmax does along one row, in vector code: its peak, the sum of its exponentials, these scaled and shifted.

A row of ten classes is shorter than one register, so that a loop over it stays scalar code unless its edge is masked. The
exponentials are taken twice rather than kept: a processor that has just stored part of a register cannot load from there
before the store is through, which takes longer. The lanes of a sum are added in an order that the number of columns alone
decides.
"""

from __future__ import annotations

import math
from contextlib import contextmanager

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .elementary import EXP_HIGHEST, EXP_LOWEST, EXP_POLYNOMIAL, LN2_HIGH, LN2_LOW, like
from .intrinsics import vector
from .vector_code import BIT, WORD, VectorCode, splat

ROWS_AT_ONCE = 32  # each stage does so many rows: one row alone is a long chain in which every instruction waits
# Of eˣ by type: below and above which it saturates, ln 2 in two parts, and g in eʳ = 1 + r + r²·g(r), highest power first;
# in float64 Taylor's, whose next term is 3e-17 of the result.
EXPONENTIALS = {
    types.float32: (EXP_LOWEST, EXP_HIGHEST, LN2_HIGH, LN2_LOW, EXP_POLYNOMIAL),
    types.float64: (-708.0, 709.0, 0.6931471803691238, 1.9082149292705877e-10,
                    [1.0 / math.factorial(power) for power in range(13, 1, -1)]),
}  # fmt: skip
BIAS_AND_FRACTION = {types.float32: (127, 23), types.float64: (1023, 52)}


@njit(inline="always")
def row_address(matrix, row):
    """Return the address of a row of a C-contiguous matrix."""
    return matrix.ctypes.data + row * matrix.shape[1] * matrix.itemsize


@intrinsic
def _reserve(typing_context, element):
    """Return the address of ROWS_AT_ONCE numbers on the stack."""

    def generate(context, builder, signature, arguments):
        kind = context.get_value_type(signature.args[0].instance_type)
        return builder.ptrtoint(cgutils.alloca_once(builder, kind, size=ROWS_AT_ONCE), WORD)

    return types.int64(element), generate


@njit(inline="always")
def row_numbers(element):
    """Return memory for a number of each of ROWS_AT_ONCE rows, for as long as the kernel runs."""
    return vector(_reserve(element), ROWS_AT_ONCE, element)


@intrinsic
def row_peak(typing_context, row, columns, element):
    """Return the largest of the ``columns`` numbers at ``row`` and its place, the first of several.

    A NaN among them may be passed over or be returned.
    """

    def generate(context, builder, signature, arguments):
        row, columns, _ = arguments
        code = VectorCode(builder, signature.args[-1].instance_type)
        lowest = code.constant(float("-inf"))
        largest = cgutils.alloca_once_value(builder, lowest)
        with _each_chunk(code, columns) as (start, mask):
            chunk = builder.select(mask, code.load(_place(code, row, start), mask), lowest)
            builder.store(_larger(builder, chunk, builder.load(largest)), largest)
        peak = code.reduce(builder.load(largest), lambda a, b: _larger(builder, a, b))
        everywhere = splat(builder, peak, code.width)
        first = cgutils.alloca_once_value(builder, columns)
        with _each_chunk(code, columns) as (start, mask):
            is_peak = builder.fcmp_ordered("==", code.load(_place(code, row, start), mask), everywhere)
            bits = builder.zext(builder.bitcast(builder.and_(is_peak, mask), ir.IntType(code.width)), WORD)
            place = builder.add(start, builder.cttz(bits, BIT(0)))
            found, before = builder.icmp_signed("!=", bits, WORD(0)), builder.load(first)
            is_first = builder.and_(found, builder.icmp_signed("<", place, before))
            builder.store(builder.select(is_first, place, before), first)
        return context.make_tuple(builder, signature.return_type, [peak, builder.load(first)])

    number = element.instance_type
    return types.Tuple((number, types.int64))(types.int64, types.int64, element), generate


@intrinsic
def row_exp_sum(typing_context, row, columns, shift):
    """Return Σ exp(x − shift) of the ``columns`` numbers x at ``row``."""

    def generate(context, builder, signature, arguments):
        row, columns, shift = arguments
        code = VectorCode(builder, signature.args[-1])
        shifts = splat(builder, shift, code.width)
        total = cgutils.alloca_once_value(builder, code.zero)
        with _each_chunk(code, columns) as (start, mask):
            power = _exp(code, builder.fsub(code.load(_place(code, row, start), mask), shifts))
            builder.store(builder.fadd(builder.load(total), builder.select(mask, power, code.zero)), total)
        return code.reduce(builder.load(total), builder.fadd)

    return shift(types.int64, types.int64, shift), generate


@njit(inline="always")
def row_shifted_sum(matrix, row, shift):
    """Return Σ (x − shift) along a row."""
    result = like(0.0, shift)
    for column in range(matrix.shape[1]):
        result += matrix[row, column] - shift
    return result


@intrinsic
def write_row_exp(typing_context, row, target, columns, shift, factor, offset):
    """Write factor·exp(x − shift) + offset of the ``columns`` numbers x at ``row`` to ``target``."""

    def generate(context, builder, signature, arguments):
        row, target, columns, *numbers = arguments
        code = VectorCode(builder, signature.args[-1])
        shifts, factors, offsets = (splat(builder, number, code.width) for number in numbers)
        with _each_chunk(code, columns) as (start, mask):
            power = _exp(code, builder.fsub(code.load(_place(code, row, start), mask), shifts))
            code.store(code.multiply_add(power, factors, offsets), _place(code, target, start), mask)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, shift, shift, shift), generate


def _exp(code, x):
    """Return eˣ of each lane as elementary.exp does: 2ⁿ·eʳ with x = n·ln 2 + r; NaN stays NaN."""
    builder, constant = code.builder, code.constant
    lowest, highest, ln2_high, ln2_low, polynomial = EXPONENTIALS[code.kind]
    bias, fraction = BIAS_AND_FRACTION[code.kind]
    x = builder.select(builder.fcmp_ordered("<", x, constant(lowest)), constant(lowest), x)
    x = builder.select(builder.fcmp_ordered(">", x, constant(highest)), constant(highest), x)
    n = code.floor(code.multiply_add(x, constant(math.log2(math.e)), constant(0.5)))
    r = code.multiply_add(n, constant(-ln2_low), code.multiply_add(n, constant(-ln2_high), x))
    g = constant(polynomial[0])
    for coefficient in polynomial[1:]:
        g = code.multiply_add(g, r, constant(coefficient))
    power = builder.fadd(constant(1.0), code.multiply_add(builder.fmul(r, r), g, r))
    integers = ir.VectorType(ir.IntType(8 * code.size), code.width)
    exponent = builder.add(builder.fptosi(n, integers), ir.Constant(integers, [bias] * code.width))
    shifted = builder.shl(exponent, ir.Constant(integers, [fraction] * code.width))
    return builder.fmul(power, builder.bitcast(shifted, code.vector))


@contextmanager
def _each_chunk(code, columns):
    """Loop over a row; yield the number of the first column of a chunk, and the mask of its lanes that are in the row."""
    with cgutils.for_range_slice(code.builder, WORD(0), columns, WORD(code.width), intp=WORD) as (start, _):
        yield start, code.lanes_below(code.builder.sub(columns, start))


def _place(code, row, column):
    return code.builder.add(row, code.builder.mul(column, WORD(code.size)))


def _larger(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)
