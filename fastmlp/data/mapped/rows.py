"""MappedRows: a matrix whose rows stay in a file, and are converted when they are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from fastmlp.data.memory import in_units, memory_budget, require_memory

from .reader import RowReader, Stored, can_be_read

PIECE_BYTES = 4 << 20  # read and converted at a time
SHARE_OF_A_BLOCK = 4  # blocks of columns take a quarter of what the data may take


@dataclass(frozen=True)
class Conversion:
    """What rows become while they are read, each by itself.

    Attributes
    ----------
    apply
        Makes (rows, columns) of ``dtype`` of rows as they were before.
    columns, dtype
        Of the result.
    """

    apply: Callable[[np.ndarray], np.ndarray]
    columns: int
    dtype: np.dtype


class MappedRows:
    """Rows of a matrix in a file that is too large to be copied into memory.

    It stands where else an array of (rows, columns) does. Slices and arrays of row numbers give
    arrays; all else has to go through it in parts.

    Parameters
    ----------
    reader
        Reads the file's rows as bytes.
    conversions
        What is done to them one after the other; the first is given bytes (rows, bytes of a row).
    memory
        Bytes that the data may take: windows and blocks follow from it.
    numbers
        (rows,) int64, which of the file's rows these are; None for all in their order.

    Attributes
    ----------
    reader, memory
        As given.
    shape, dtype
        Of the rows, once converted.
    """

    ndim = 2

    def __init__(
        self,
        reader: RowReader,
        conversions: tuple[Conversion, ...],
        memory: int,
        numbers: np.ndarray | None = None,
    ):
        self.reader, self._conversions = reader, conversions
        self.memory, self._numbers = memory, numbers
        rows = reader.rows if numbers is None else len(numbers)
        self.shape: tuple[int, int] = (rows, conversions[-1].columns)
        self.dtype = conversions[-1].dtype

    @classmethod
    def of(cls, stored: Stored, memory: int) -> MappedRows:
        """Return the rows of an array, flattened where it has more than two axes.

        Parameters
        ----------
        stored
            Where it is.
        memory
            Bytes that the data may take.
        """
        dtype, columns = stored.dtype, math.prod(stored.shape[1:])
        as_stored = Conversion(lambda block: block.view(dtype), columns, dtype)
        return cls(RowReader(stored), (as_stored,), memory)

    @property
    def itemsize(self) -> int:
        """Bytes of a number, once converted."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes that all rows would take in memory."""
        return self.shape[0] * self.shape[1] * self.itemsize

    @property
    def is_whole(self) -> bool:
        """Whether these are all of the file's rows, as they are there."""
        return self._numbers is None and len(self._conversions) == 1

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        rows, columns = self.shape
        size = in_units(self.nbytes)
        return f"<{rows:,} rows of {columns:,} {self.dtype} in {self.reader.path}, {size}>"

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise TypeError(f"{self!r} are read in parts; take some of them.")

    def __getitem__(self, chosen: slice | np.ndarray) -> np.ndarray:
        """Return some rows as an array of its own, C-contiguous."""
        if isinstance(chosen, slice):
            chosen = np.arange(*chosen.indices(len(self)))
        chosen = np.asarray(chosen)
        if chosen.dtype == bool:
            chosen = np.flatnonzero(chosen)
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
            raise TypeError(f"rows are chosen by a slice or by their numbers, not by {chosen!r}")
        out = np.empty((len(chosen), self.shape[1]), self.dtype)
        self.take(chosen, out)
        return out

    def take(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Write rows into an array.

        Parameters
        ----------
        rows
            (count,) int64: row ``rows[i]`` goes to ``out[i]``; a row may come several times.
        out
            C-contiguous (count, columns) of ``dtype``.

        Raises
        ------
        DataError
            If the file cannot be read any more.
        """
        if not len(rows):
            return
        numbers, places = self._in_order(rows)
        if len(self._conversions) == 1 and self.dtype.isnative and out.dtype == self.dtype:
            self.reader.read(numbers, out.reshape(len(out), -1).view(np.uint8), places)
            return
        step = max(PIECE_BYTES // max(self.reader.row_bytes, 1), 1)
        for start in range(0, len(numbers), step):
            some = numbers[start : start + step]
            where = slice(start, start + step) if places is None else places[start : start + step]
            out[where] = self._read(some)

    def announce(self, rows: np.ndarray) -> None:
        """Tell the system that these rows will be wanted soon."""
        self.reader.announce(self._in_order(rows)[0])

    def only(self, rows: np.ndarray) -> MappedRows:
        """Return some of the rows, of which none is read yet."""
        rows = np.asarray(rows, np.int64)
        numbers = rows if self._numbers is None else self._numbers[rows]
        return MappedRows(self.reader, self._conversions, self.memory, numbers)

    def converted(
        self, apply: Callable[[np.ndarray], np.ndarray], columns: int, dtype: np.dtype
    ) -> MappedRows:
        """Return the same rows as ``apply`` makes them, whenever they are read."""
        conversions = (*self._conversions, Conversion(apply, columns, np.dtype(dtype)))
        return MappedRows(self.reader, conversions, self.memory, self._numbers)

    def column_blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first column, (columns, rows)) of blocks of columns that fit the memory.

        Each block is a pass over the file.

        Raises
        ------
        DataError
            If not even one column fits what is available.
        """
        rows, columns = self.shape
        size = max(rows * self.itemsize, 1)
        require_memory(size, f"one column of {rows:,} rows")
        step = max(1, self.memory // SHARE_OF_A_BLOCK // size)
        for start in range(0, columns, step):
            block = np.empty((min(step, columns - start), rows), self.dtype)
            for first, some in self.pieces():
                block[:, first : first + len(some)] = some[:, start : start + step].T
            yield start, block

    def pieces(self, size: int = PIECE_BYTES) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first row, rows) of about ``size`` bytes each, in order."""
        step = max(size // max(self.shape[1] * self.itemsize, 1), 1)
        for start in range(0, len(self), step):
            yield start, self[start : start + step]

    def _in_order(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the file's rows in ascending order, and which of the wanted each is.

        The latter is None where they are wanted in that order.
        """
        numbers = np.asarray(rows, np.int64)
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(self):
            raise IndexError(f"there are {len(self):,} rows, numbered from 0")
        if self._numbers is not None:
            numbers = self._numbers[numbers]
        if (numbers[1:] >= numbers[:-1]).all():
            return numbers, None
        places = np.argsort(numbers, kind="stable")
        return numbers[places], places

    def _read(self, numbers: np.ndarray) -> np.ndarray:
        """Return ascending rows of the file, converted."""
        block = np.empty((len(numbers), self.reader.row_bytes), np.uint8)
        self.reader.read(numbers, block)
        for conversion in self._conversions:
            block = conversion.apply(block)
        return block


Matrix = np.ndarray | MappedRows  # what a network's rows may be


def within(matrix: Matrix, setting: str = "auto") -> Matrix:
    """Return rows as they can be trained on: of a mapped file that is too large MappedRows.

    ``setting`` is that of ``memory``, which is looked at only where a file is mapped.
    """
    if isinstance(matrix, MappedRows) or not isinstance(matrix, np.memmap):
        return matrix
    memory = memory_budget(setting)
    fits = matrix.nbytes <= memory or not can_be_read(matrix)
    return matrix if fits else MappedRows.of(Stored.of(matrix), memory)


def whole(matrix: Matrix, what: str) -> np.ndarray:
    """Return all rows in memory.

    Raises
    ------
    DataError
        If they do not fit.
    """
    if isinstance(matrix, MappedRows):
        require_memory(matrix.nbytes, what)
        return matrix[:]
    return matrix
