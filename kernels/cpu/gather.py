"""Where a batch and an update begin; rows chosen by the epoch's order, copied, converted and scaled
in one pass.

Data stay as they are stored (uint8 images a quarter of the size); only the batch at hand is in
floating point.
"""

from __future__ import annotations

from fastmlp.kernels.constants import BATCH_START, NEXT_START, STEP, UPDATE
from fastmlp.kernels.cpu.compiling.compiler import scalar
from fastmlp.kernels.cpu.compiling.vector_code import fetch
from fastmlp.kernels.operation import (
    First,
    Integer,
    Matrix,
    Real,
    Vector,
    by_row,
    operation,
    reads,
    updates,
    writes,
)

from .inline.elementary import like

LINE = 64  # bytes of a cache line
# Short rows lie anywhere in memory, which no hardware foresees: so many bytes of them are under way
# while one is copied. Along a long row it foresees the next line.
FETCHED_AHEAD, SHORT = 8192, 1024


@scalar
def fetch_row(source, order, place):
    """Begin to fetch a chosen row."""
    width = source.shape[1] * source.itemsize
    row = source.ctypes.data + order[place] * width
    for offset in range(0, width, LINE):
        fetch(row + offset)
    fetch(row + width - 1)


@scalar
def fetch_first_rows(source, order, start, stop):
    """Begin to fetch the first of some rows, where they are short; return how many."""
    width = source.shape[1] * source.itemsize
    ahead = FETCHED_AHEAD // width if 0 < width <= SHORT else 0
    for place in range(start, min(start + ahead, stop)):
        fetch_row(source, order, place)
    return ahead


@scalar
def advance(counters, batch_size):
    """Go to the batch that starts in the epoch's order where the one before ended."""
    counters[BATCH_START] = counters[NEXT_START]
    counters[NEXT_START] += batch_size


@scalar
def advance_update(counters, batch_size, learning_rates):
    """Also count the update (from 1); return its learning rate from the epoch's table."""
    advance(counters, batch_size)
    rate = learning_rates[counters[STEP]]
    counters[UPDATE] += 1
    counters[STEP] += 1
    return rate


@operation
def begin_batch(counters: Vector[updates], batch_size: Integer):
    """Move on to the next batch, without an update: to measure or to predict."""
    advance(counters, batch_size)


@operation
def begin_update(
    counters: Vector[updates],
    batch_size: Integer,
    learning_rates: Vector[reads],
    learning_rate: Vector[writes],
):
    """Move on to the next batch and to its update: count it and take its learning rate."""
    learning_rate[0] = advance_update(counters, batch_size, learning_rates)


@operation
def begin_folded_update(
    counters: Vector[updates],
    batch_size: Integer,
    learning_rates: Vector[reads],
    decay: Real,
    learning_rate: Vector[writes],
    scale: Vector[writes],
    keep: Vector[writes],
):
    """Do the same, and set scale = −lr, keep = 1 − lr·decay: W ← scale·xᵀ·dz + keep·W is then the
    step of ``sgd`` on dW.
    """
    rate = advance_update(counters, batch_size, learning_rates)
    learning_rate[0] = rate
    scale[0] = -rate
    keep[0] = 1.0 - rate * decay


@operation
def take_of_step(table: Vector[reads], counters: Vector[reads], taken: Vector[writes]):
    """Take the number of the update that has just begun from the epoch's table."""
    taken[0] = table[counters[STEP] - 1]


@operation
def gather_rows(
    source: Matrix[reads],
    order: Vector[reads],
    counters: Vector[reads],
    batch: Matrix[writes, by_row],
    first: First = 0,
):
    """batch[r] = source[order[start + r]], converted to the batch's type."""
    start, (rows, columns) = counters[BATCH_START] + first, batch.shape
    ahead = fetch_first_rows(source, order, start, start + rows)
    for row in range(rows):
        if 0 < ahead < rows - row:
            fetch_row(source, order, start + row + ahead)
        chosen = order[start + row]
        for column in range(columns):
            batch[row, column] = source[chosen, column]


@operation
def gather_scaled_rows(
    source: Matrix[reads],
    order: Vector[reads],
    counters: Vector[reads],
    scale: Vector[reads],
    shift: Vector[reads],
    batch: Matrix[writes, by_row],
    first: First = 0,
):
    """batch[r] = source[order[start + r]]·scale + shift, column by column."""
    start, (rows, columns) = counters[BATCH_START] + first, batch.shape
    ahead = fetch_first_rows(source, order, start, start + rows)
    for row in range(rows):
        if 0 < ahead < rows - row:
            fetch_row(source, order, start + row + ahead)
        chosen = order[start + row]
        for column in range(columns):
            batch[row, column] = (
                like(source[chosen, column], scale[0]) * scale[column] + shift[column]
            )


@operation
def gather_centred_rows(
    source: Matrix[reads],
    order: Vector[reads],
    counters: Vector[reads],
    origin: Vector[reads],
    scale: Vector[reads],
    shift: Vector[reads],
    batch: Matrix[writes, by_row],
    first: First = 0,
):
    """batch[r] = (source[order[start + r]] − origin)·scale + shift, the difference in float64.

    Rounding to the batch's type first would lose what tells the values of a column apart that lies
    far from zero. Where the origin is 0, the bits are those of ``gather_scaled_rows``.
    """
    start, (rows, columns) = counters[BATCH_START] + first, batch.shape
    ahead = fetch_first_rows(source, order, start, start + rows)
    for row in range(rows):
        if 0 < ahead < rows - row:
            fetch_row(source, order, start + row + ahead)
        chosen = order[start + row]
        for column in range(columns):
            difference = like(source[chosen, column] - origin[column], scale[0])
            batch[row, column] = difference * scale[column] + shift[column]


@operation
def gather_elements(
    source: Vector[reads],
    order: Vector[reads],
    counters: Vector[reads],
    batch: Vector[writes, by_row],
    first: First = 0,
):
    """batch[r] = source[order[start + r]]: labels or sample weights."""
    start = counters[BATCH_START] + first
    for row in range(batch.size):
        batch[row] = source[order[start + row]]


@operation
def scatter_rows(
    batch: Matrix[reads, by_row],
    order: Vector[reads],
    counters: Vector[reads],
    destination: Matrix[writes],
    first: First = 0,
):
    """destination[order[start + r]] = batch[r]: predictions return to the order of the data."""
    start, (rows, columns) = counters[BATCH_START] + first, batch.shape
    for row in range(rows):
        chosen = order[start + row]
        for column in range(columns):
            destination[chosen, column] = batch[row, column]
