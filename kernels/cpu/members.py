"""Blocks of rows, one for each member of an ensemble: what a member does to its own block, and the
mean over all of them.
"""

from __future__ import annotations

from fastmlp.kernels.operation import (
    First,
    Integer,
    Matrix,
    Span,
    by_column,
    by_row,
    operation,
    reads,
    updates,
    writes,
)

from .inline.elementary import like


@operation
def copy_rows(source: Matrix[reads, by_row], destination: Matrix[writes, by_row]):
    """destination = source: a member's outputs take their place among those of all."""
    rows, columns = destination.shape
    for row in range(rows):
        for column in range(columns):
            destination[row, column] = source[row, column]


@operation
def mean_of_members(
    values: Matrix[reads], block: Integer, mean: Matrix[writes, by_row], first: First = 0
):
    """mean[r] = Σₘ values[m·block + r]/members: a block of rows for each member, which all saw the
    same rows.
    """
    rows, columns = mean.shape
    members = values.shape[0] // max(block, 1)
    for row in range(rows):
        for column in range(columns):
            total = values[first + row, column]
            for member in range(1, members):
                total += values[member * block + first + row, column]
            mean[row, column] = total / like(members, total)


@operation
def scale_members(
    x: Matrix[reads],
    scale: Matrix[reads],
    block: Integer,
    y: Matrix[writes, by_row],
    first: First = 0,
):
    """y = x ⊙ scale[m] in the block of member m, of ``block`` rows.

    An x of one block serves all members.
    """
    rows, columns = y.shape
    for row in range(rows):
        place = first + row
        x_row, own = x[place % x.shape[0]], scale[place // block]
        for column in range(columns):
            y[row, column] = x_row[column] * own[column]


@operation
def scale_and_shift_members(
    x: Matrix[reads, by_row],
    scale: Matrix[reads],
    shift: Matrix[reads],
    block: Integer,
    y: Matrix[writes, by_row],
    first: First = 0,
):
    """y = x ⊙ scale[m] + shift[m] in the block of member m, of ``block`` rows."""
    rows, columns = y.shape
    for row in range(rows):
        member = (first + row) // block
        factor, term = scale[member], shift[member]
        for column in range(columns):
            y[row, column] = x[row, column] * factor[column] + term[column]


@operation
def scale_members_backward(
    dy: Matrix[updates, by_column],
    x: Matrix[reads, by_column],
    scale: Matrix[reads, by_column],
    block: Integer,
    dscale: Matrix[writes, by_column],
    span: Span = (0, 0),
):
    """dscale[m] = Σ dy ⊙ x over the block of member m, and dx = dy ⊙ scale[m] in place of dy."""
    start, end = span
    for member in range(scale.shape[0]):
        factor, total = scale[member, start:end], dscale[member, start:end]
        total[:] = 0
        for row in range(member * block, (member + 1) * block):
            dy_row, x_row = dy[row, start:end], x[row, start:end]
            for column in range(end - start):
                total[column] += dy_row[column] * x_row[column]
                dy_row[column] *= factor[column]


@operation
def shift_members_backward(
    dy: Matrix[reads, by_column],
    block: Integer,
    dshift: Matrix[writes, by_column],
    span: Span = (0, 0),
):
    """dshift[m] = Σ dy over the block of member m."""
    start, end = span
    for member in range(dshift.shape[0]):
        total = dshift[member, start:end]
        total[:] = 0
        for row in range(member * block, (member + 1) * block):
            dy_row = dy[row, start:end]
            for column in range(end - start):
                total[column] += dy_row[column]
