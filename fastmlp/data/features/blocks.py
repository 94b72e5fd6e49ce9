"""Blocks of a table: of columns to learn from, of rows that become a matrix in a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fastmlp.data.mapped.rows import Matrix, within
from fastmlp.data.readings.kinds.plain import frame_of
from fastmlp.data.staged.table import StagedTable

from .columns import CategoryColumn, as_numbers

if TYPE_CHECKING:
    import polars

    from fastmlp.data.staged.table import Table

    from .statistics import TargetRows

BLOCK_BYTES, BLOCK_SHARE = 32 << 20, 8  # of rows at once, and that at most of the memory
COLUMN_BYTES, COLUMN_SHARE = 64 << 20, 16  # of columns of numbers at once, and that
CELL_BYTES = 24  # of a cell while it is encoded: as it was read, and as its parts become numbers

Fitted = Iterable[tuple[slice, np.ndarray]]  # statistics, and in which columns they stand


def column_blocks(frame: Table, names: list[str]) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yield columns in blocks as float64 (rows, columns) with NaN: a long table piece by piece.

    The arrays are the receiver's to change.
    """
    size = COLUMN_BYTES
    if isinstance(frame, StagedTable):
        size = min(size, frame.workspace.memory // COLUMN_SHARE)
    step = max(1, size // (8 * max(1, frame.height)))
    for start in range(0, len(names), step):
        block = names[start : start + step]
        if isinstance(frame, StagedTable) or block != frame.columns:
            yield block, as_numbers(frame_of(frame[name] for name in block))
        else:
            yield block, as_numbers(frame)


def span_of(places: list[int]) -> slice | list[int]:
    """Return consecutive places as a slice, which NumPy writes three times as fast."""
    first, last = places[0], places[-1]
    return slice(first, last + 1) if last - first + 1 == len(places) else places


class Encoder(Protocol):
    """What makes a matrix of columns that were read, as ``FramePlan`` does."""

    @property
    def columns(self) -> Sequence[Any]:
        """The columns that are learnt from."""
        ...

    @property
    def output_names(self) -> tuple[str, ...]:
        """The columns of the matrix."""
        ...

    def matrix_of(
        self,
        read: polars.DataFrame,
        dtype: np.dtype,
        notes: list[str] | None = None,
        first_row: int = 0,
    ) -> np.ndarray:
        """Return some rows as a matrix."""
        ...

    def cross_fitted(
        self, read: StagedTable, target: TargetRows, left_out: np.ndarray | None = None
    ) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield the target statistics of all rows."""
        ...


def staged_matrix(
    plan: Encoder,
    read: StagedTable,
    dtype: np.dtype,
    notes: list[str] | None = None,
    fitted: Fitted = (),
) -> Matrix:
    """Return what ``plan.matrix_of`` makes of all rows, in a file of the table's workspace.

    Parameters
    ----------
    plan
        Encodes a block of rows.
    read
        The columns as the plan's readings have them.
    dtype
        Of the matrix.
    notes
        Gets what ``matrix_of`` has to say.
    fitted
        Target statistics that stand in place of those that later rows would have.
    """
    width, space = len(plan.output_names), read.workspace
    kept = [(place, _aside(read, values)) for place, values in fitted]

    def encoded() -> Iterator[np.ndarray]:
        for start, block in read.blocks(_step(space.memory, read.width, width)):
            matrix = plan.matrix_of(block, dtype, first_row=start)
            for place, values in kept:
                matrix[:, place] = values[start : start + len(matrix)]
            yield matrix

    matrix = space.write((read.height, width), dtype, encoded(), "the encoded rows")
    if notes is not None:
        for column in plan.columns:
            if isinstance(column, CategoryColumn):
                notes += column.surprises(read[column.name])
    return within(matrix, str(space.memory))


def staged_stacks(
    plan: Encoder, read: StagedTable, matrix: Matrix, target: TargetRows, folds: np.ndarray
) -> Matrix:
    """Return the training rows once for each fold, without what its targets tell, in a file."""
    rows, width = matrix.shape
    stacks = int(folds.max()) + 1

    def stacked() -> Iterator[np.ndarray]:
        step = _step(read.workspace.memory, 0, width)
        for fold in range(stacks):
            fitted = plan.cross_fitted(read, target, folds == fold)
            kept = [(place, _aside(read, values)) for place, values in fitted]
            for start in range(0, rows, step):
                block = np.array(matrix[start : start + step])
                for place, values in kept:
                    block[:, place] = values[start : start + step]
                yield block

    what = f"{rows:,} training rows once for each of {stacks} folds"
    result = read.workspace.write((stacks * rows, width), matrix.dtype, stacked(), what)
    return within(result, str(read.workspace.memory))


def _aside(read: StagedTable, values: np.ndarray) -> np.ndarray:
    """Return statistics of all rows in a file: with many classes or columns they are many."""
    shape = values.shape[0], values.shape[1]
    return read.workspace.write(shape, values.dtype, [values], "target statistics")


def _step(memory: int, columns: int, width: int) -> int:
    """Return how many rows to encode at once."""
    size = min(BLOCK_BYTES, memory // BLOCK_SHARE)
    return max(1, size // (CELL_BYTES * columns + 8 * width))
