"""Softmax and cross-entropy of rows of a few classes, transposed: a vector register holds one class
of several rows.

A row of two or ten classes is shorter than a register. So a block of ROWS_AT_ONCE rows is copied to
the stack with rows and classes exchanged, and every loop over its rows has a length that LLVM knows
and that fills registers on any processor: nothing is masked, and nothing left over. What stands in
the places of rows that a block lacks is computed and never used.
"""

from __future__ import annotations

from llvmlite import ir
from numba import njit, types

from fastmlp.kernels.cpu.compiling.numba_words import intrinsic
from fastmlp.kernels.cpu.compiling.vector_code import WORD, exchanged

from .elementary import exp
from .rows import ROWS_AT_ONCE


@intrinsic(prefer_literal=True)
def _move_square(
    typing_context,
    size,
    target,
    place,
    target_row,
    source,
    origin,
    source_row,
    factor,
    offset,
    first,
):
    """Exchange rows and columns of a square of ``size`` rows, 1, 2 or 4.

    target.flat[place + c·target_row + r] = source.flat[origin + r·source_row + c], for r and c
    below ``size``; first taken times factor[first + c], and offset[first + c] added, if these are
    arrays.
    """

    def generate(context, builder, signature, arguments):
        _, target, place, target_row, source, origin, source_row, factor, offset, first = arguments
        length, element = size.literal_value, context.get_value_type(source_kind.dtype)
        vector, align = ir.VectorType(element, length), source_kind.dtype.bitwidth // 8

        def address(kind, array, index):
            data = context.make_array(kind)(context, builder, array).data
            return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())

        def row_of(start, stride, number):
            return builder.add(start, builder.mul(stride, WORD(number)))

        rows = [
            builder.load(address(source_kind, source, row_of(origin, source_row, r)), align=align)
            for r in range(length)
        ]
        if isinstance(numbers_kind, types.Array):
            scale, shift = (
                builder.load(address(numbers_kind, x, first), align=align) for x in (factor, offset)
            )
            rows = [
                builder.fadd(builder.fmul(row, scale, ("contract",)), shift, ("contract",))
                for row in rows
            ]
        for c, column in enumerate(exchanged(builder, rows)):
            builder.store(
                column, address(target_kind, target, row_of(place, target_row, c)), align=align
            )
        return context.get_dummy_value()

    word, target_kind, source_kind, numbers_kind = types.int64, target, source, factor
    return types.void(size, target, word, word, source, word, word, factor, offset, word), generate


@njit(inline="always")
def _exchange_some(size, first, source, source_row, target, target_row, rows, factor, offset):
    """Exchange ``size`` columns from the ``first`` on, in squares as far as the rows reach."""
    in_squares = rows // size * size
    for r in range(0, in_squares, size):
        place, origin = first * target_row + r, r * source_row + first
        _move_square(
            size, target, place, target_row, source, origin, source_row, factor, offset, first
        )
    for r in range(in_squares, rows):
        for c in range(first, first + size):
            place, origin = c * target_row + r, r * source_row + c
            _move_square(
                1, target, place, target_row, source, origin, source_row, factor, offset, c
            )


@njit(inline="always")
def exchange(source, source_row, target, target_row, rows, columns, factor, offset):
    """Do target[c, r] = source[r, c], or source[r, c]·factor[c] + offset[c], in squares of four,
    two or one.

    ``source_row`` and ``target_row`` are the lengths of rows, ``rows`` and ``columns`` what is
    taken of the source.
    """
    in_fours, in_twos = columns // 4 * 4, columns // 2 * 2
    for c in range(0, in_fours, 4):
        _exchange_some(4, c, source, source_row, target, target_row, rows, factor, offset)
    for c in range(in_fours, in_twos, 2):
        _exchange_some(2, c, source, source_row, target, target_row, rows, factor, offset)
    for c in range(in_twos, columns):
        _exchange_some(1, c, source, source_row, target, target_row, rows, factor, offset)


@njit(inline="always")
def take_classes(z, block):
    """Copy up to ROWS_AT_ONCE rows of z into the block: block[class, row]."""
    rows, classes = z.shape
    exchange(z, classes, block, ROWS_AT_ONCE, rows, classes, None, None)


@njit(inline="always")
def put_classes(block, a, factor, offset):
    """Do a[row, class] = block[class, row]·factor[row] + offset[row]."""
    rows, classes = a.shape
    exchange(block, ROWS_AT_ONCE, a, classes, classes, rows, factor, offset)


@njit(inline="always")
def class_peaks(block, classes, largest, best):
    """Find each row's largest number and the first class that has it; a NaN may be passed over or
    be returned.
    """
    first_class = block[0]
    for i in range(
        ROWS_AT_ONCE
    ):  # not largest[:] = first_class, for which Numba would take memory, in case they overlap
        largest[i] = first_class[i]
        best[i] = 0
    for c in range(1, classes):
        row_of_block, number = block[c], best.dtype.type(c)
        for i in range(ROWS_AT_ONCE):
            best[i] = number if row_of_block[i] > largest[i] else best[i]
            largest[i] = row_of_block[i] if row_of_block[i] > largest[i] else largest[i]


@njit(inline="always")
def shifted_sums(block, classes, shift, total):
    """Add up x − shift of each row."""
    total[:] = 0
    for c in range(classes):
        row_of_block = block[c]
        for i in range(ROWS_AT_ONCE):
            total[i] += row_of_block[i] - shift[i]


@njit(inline="always")
def take_exponentials(block, classes, shift, total):
    """Replace each number x of the block by exp(x − shift), and add them up for each row."""
    total[:] = 0
    for c in range(classes):
        row_of_block = block[c]
        for i in range(ROWS_AT_ONCE):
            row_of_block[i] = exp(row_of_block[i] - shift[i])
            total[i] += row_of_block[i]
