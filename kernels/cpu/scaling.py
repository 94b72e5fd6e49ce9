"""Products with factors: of each column by its own, which is learnt, and of a matrix by one
number.
"""

from __future__ import annotations

from fastmlp.kernels.operation import (
    First,
    Matrix,
    Real,
    Vector,
    by_column,
    by_row,
    operation,
    reads,
    updates,
    writes,
)

from .inline.elementary import like
from .inline.rows import end_to_end


@operation
def scale_columns(x: Matrix[reads, by_row], factors: Vector[reads], y: Matrix[writes, by_row]):
    """y = x ⊙ s, the factors s one a column."""
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            y[row, column] = x[row, column] * factors[column]


@operation
def scale_columns_gradient(
    dy: Matrix[reads, by_column],
    x: Matrix[reads, by_column],
    dfactors: Vector[writes, by_column],
    first: First = 0,
):
    """ds = the sum of dy ⊙ x over the rows of the batch."""
    end = first + dfactors.size
    dfactors[:] = 0
    for row in range(dy.shape[0]):
        dy_row, x_row = dy[row, first:end], x[row, first:end]
        for column in range(dfactors.size):
            dfactors[column] += dy_row[column] * x_row[column]


@operation
def scale_matrix(z: Matrix[updates, by_row], factor: Real):
    """z ← factor·z."""
    factor = like(factor, z[0, 0])
    z = end_to_end(z)
    for i in range(z.size):
        z[i] *= factor
