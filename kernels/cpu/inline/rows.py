"""What a softmax does along one row, in vector code: its peak, the sum of its exponentials, these
scaled and shifted.

A row of ten classes is shorter than one register, so that a loop over it stays scalar code unless
its edge is masked. The exponentials are taken twice rather than kept: a processor that has just
stored part of a register cannot load from there before the store is through, which takes longer.
The lanes of a sum are added in an order that the number of columns alone decides.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.np.numpy_support import carray

from fastmlp.kernels.cpu.compiling.intrinsics import vector
from fastmlp.kernels.cpu.compiling.numba_words import intrinsic
from fastmlp.kernels.cpu.compiling.vector_code import BIT, WORD, VectorCode, splat

from .elementary import EXP_HIGHEST, EXP_LOWEST, EXP_POLYNOMIAL, LN2_HIGH, LN2_LOW, like

# each stage does so many rows: one row alone is a long chain in which every instruction waits
ROWS_AT_ONCE = 32
FEW = 64  # classes: so many or fewer are taken with rows and columns exchanged (``few_classes``)
BLOCK = FEW * ROWS_AT_ONCE
# Of eˣ by type: below and above which it saturates, ln 2 in two parts, and g in eʳ = 1 + r +
# r²·g(r), highest power first; in float64 Taylor's, whose next term is 3e-17 of the result.
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


@njit(inline="always")
def end_to_end(matrix) -> Any:
    """Return a matrix as one vector: a loop over it leaves a part of a register over only once."""
    return vector(matrix.ctypes.data, matrix.size, matrix.dtype.type)


@intrinsic(prefer_literal=True)
def _reserve(typing_context, element, size):
    """Return a pointer to ``size`` numbers on the stack, which LLVM knows to lie apart from all
    other memory.
    """

    def generate(context, builder, signature, arguments):
        place = cgutils.alloca_once(
            builder, context.get_value_type(element.instance_type), size=size.literal_value
        )
        place.align = 64
        return place

    return types.CPointer(element.instance_type)(element, size), generate


@njit(inline="always")
def row_numbers(element):
    """Return memory for a number of each of ROWS_AT_ONCE rows, for as long as the kernel runs."""
    return carray(_reserve(element, ROWS_AT_ONCE), (ROWS_AT_ONCE,))


@njit(inline="always")
def class_numbers(element):
    """Return memory for FEW numbers of each of ROWS_AT_ONCE rows: (FEW, ROWS_AT_ONCE)."""
    return carray(_reserve(element, BLOCK), (FEW, ROWS_AT_ONCE))


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

        def take_larger(start, mask):
            chunk = builder.select(mask, code.load(_place(code, row, start), mask), lowest)
            builder.store(_larger(builder, chunk, builder.load(largest)), largest)

        _in_chunks(code, columns, take_larger)
        peak = code.reduce(builder.load(largest), lambda a, b: _larger(builder, a, b))
        everywhere = splat(builder, peak, code.width)
        first = cgutils.alloca_once_value(builder, columns)

        def look_for_peak(start, mask):
            is_peak = builder.fcmp_ordered(
                "==", code.load(_place(code, row, start), mask), everywhere
            )
            bits = builder.zext(
                builder.bitcast(builder.and_(is_peak, mask), ir.IntType(code.width)), WORD
            )
            place = builder.add(start, builder.cttz(bits, BIT(0)))
            found, before = builder.icmp_signed("!=", bits, WORD(0)), builder.load(first)
            is_first = builder.and_(found, builder.icmp_signed("<", place, before))
            builder.store(builder.select(is_first, place, before), first)

        _in_chunks(code, columns, look_for_peak)
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

        def add_exponentials(start, mask):
            power = _exp(code, builder.fsub(code.load(_place(code, row, start), mask), shifts))
            builder.store(
                builder.fadd(builder.load(total), builder.select(mask, power, code.zero)), total
            )

        _in_chunks(code, columns, add_exponentials)
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
    """Write factor·exp(x − shift) + offset of ``columns`` numbers x at ``row`` to ``target``."""

    def generate(context, builder, signature, arguments):
        row, target, columns, *numbers = arguments
        code = VectorCode(builder, signature.args[-1])
        shifts, factors, offsets = (splat(builder, number, code.width) for number in numbers)

        def write_exponentials(start, mask):
            power = _exp(code, builder.fsub(code.load(_place(code, row, start), mask), shifts))
            code.store(
                code.multiply_add(power, factors, offsets), _place(code, target, start), mask
            )

        _in_chunks(code, columns, write_exponentials)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, shift, shift, shift), generate


@njit(inline="always")
def row_peaks(z, largest, best):
    """Find each row's largest number and the first place of it."""
    for i in range(z.shape[0]):
        largest[i], place = row_peak(row_address(z, i), z.shape[1], z.dtype.type)
        best[i] = place


@njit(inline="always")
def row_exp_sums(z, shift, total):
    """Add up exp(x − shift) of each row."""
    for i in range(z.shape[0]):
        total[i] = row_exp_sum(row_address(z, i), z.shape[1], shift[i])


@njit(inline="always")
def row_shifted_sums(z, shift, total):
    """Add up x − shift of each row."""
    for i in range(z.shape[0]):
        total[i] = row_shifted_sum(z, i, shift[i])


@njit(inline="always")
def write_row_exps(z, g, shift, factor, offset):
    """Write factor·exp(x − shift) + offset of each row of z to that of g."""
    for i in range(z.shape[0]):
        write_row_exp(
            row_address(z, i), row_address(g, i), z.shape[1], shift[i], factor[i], offset[i]
        )


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


def _in_chunks(code, columns, each):
    """Call each(first column, mask of the lanes in the row) for whole chunks of a row in a loop,
    then for what is left.

    The mask of a whole chunk is constant, so that a processor on which masks cost something sees
    plain loads and stores.
    """
    builder = code.builder
    rest = builder.and_(columns, WORD(code.width - 1))
    whole = builder.sub(columns, rest)
    with cgutils.for_range_slice(builder, WORD(0), whole, WORD(code.width), intp=WORD) as (
        start,
        _,
    ):
        each(start, ir.Constant(code.mask, [1] * code.width))
    with builder.if_then(builder.icmp_signed("!=", rest, WORD(0))):
        each(whole, code.lanes_below(rest))


def _place(code, row, column):
    return code.builder.add(row, code.builder.mul(column, WORD(code.size)))


def _larger(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)
