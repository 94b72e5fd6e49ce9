"""What the members of an ensemble share: one matrix of their outputs, and the mean of these."""

from __future__ import annotations

from fastmlp.kernels.operation import First, Integer, Matrix, by_row, operation, reads, writes

from .elementary import like


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
    members = values.shape[0] // block
    for row in range(rows):
        for column in range(columns):
            total = values[first + row, column]
            for member in range(1, members):
                total += values[member * block + first + row, column]
            mean[row, column] = total / like(members, total)
