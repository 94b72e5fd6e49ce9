"""Reads rows of one length out of a file, in its order, near ones at once; and announces them."""

from __future__ import annotations

import math
import mmap
import os
import weakref
from dataclasses import dataclass

import numpy as np

from fastmlp.errors import DataError

NEAR = 4096  # bytes between two rows: a disk reads whole pages, so what lies between comes anyway
SCRATCH = 4 << 20  # bytes that are read at once, and of which single rows are then taken
ANNOUNCED = 128 << 10  # bytes at once: of longer stretches Linux would bring the beginning alone


@dataclass(frozen=True)
class Stored:
    """An array in a file, of which nothing is read or mapped yet.

    Attributes
    ----------
    path, start
        The file, and the byte with which the array begins.
    shape, dtype
        As NumPy has them; the first axis are the rows.
    rows_lie_together
        Whether a row lies in one place, as in C order; in Fortran's a column does.
    kept
        What has to live as long as the file is read, as a temporary file.
    """

    path: str
    start: int
    shape: tuple[int, ...]
    dtype: np.dtype
    rows_lie_together: bool = True
    kept: object = None

    @property
    def nbytes(self) -> int:
        """Bytes of the whole array."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    @classmethod
    def of(cls, matrix: np.memmap) -> Stored:
        """Return where a mapped array lies that ``can_be_read``."""
        return cls(str(matrix.filename), _place_of(matrix), matrix.shape, matrix.dtype)


class RowReader:
    """Rows in a file, all of one length, without anything between them.

    They are read rather than mapped: a page that is mapped counts as the process's own, a missing
    one costs more than a call, and a file that became shorter meanwhile would end the process.
    Where the system cannot read at a place (Windows), the file is mapped.

    Attributes
    ----------
    path
        Of the file.
    rows, row_bytes
        How many rows there are, and how long one is.
    """

    def __init__(self, stored: Stored):
        self.path, self._start, self._kept = stored.path, stored.start, stored.kept
        self.rows, self.row_bytes = stored.shape[0], stored.row_bytes
        self._scanned = self._picked = -1
        if hasattr(os, "preadv"):
            # Of a scanned file the system reads ahead, of one where rows are picked it does not.
            self._scanned, self._picked = (_opened(self, self.path) for _ in range(2))
            _advise(self._picked, 0, 0, "POSIX_FADV_RANDOM")
        else:
            shape = self.rows, self.row_bytes
            self._map = np.memmap(self.path, np.uint8, "r", self._start, shape)

    def read(self, rows: np.ndarray, out: np.ndarray, places: np.ndarray | None = None) -> None:
        """Read rows.

        Parameters
        ----------
        rows
            (count,) int64, ascending; a row may come several times.
        out
            C-contiguous uint8 (any, row_bytes), which is written to.
        places
            (count,) int64: where in ``out`` each goes; by default one after the other.

        Raises
        ------
        DataError
            If the file has become shorter or cannot be read.
        """
        if not len(rows):
            return
        if self._scanned < 0:
            out[slice(len(rows)) if places is None else places] = self._map[rows]
            return
        memory, width = out.data.cast("B"), self.row_bytes
        starts, stops = self._groups(rows, NEAR, SCRATCH)
        alone = (stops - starts == 1).tolist()
        firsts = (self._start + rows[starts] * width).tolist()
        scratch = np.empty(0, np.uint8)
        for start, stop, first, is_alone in zip(
            starts.tolist(), stops.tolist(), firsts, alone, strict=True
        ):
            if is_alone:
                at = width * (start if places is None else int(places[start]))
                self._fill(self._picked, memory[at : at + width], first)
                continue
            chosen = rows[start:stop] - rows[start]
            span = int(chosen[-1]) + 1
            if places is None and (np.diff(chosen) == 1).all():
                self._fill(self._scanned, memory[start * width : stop * width], first)
                continue
            if len(scratch) < span * width:
                scratch = np.empty(span * width, np.uint8)
            self._fill(self._scanned, scratch.data[: span * width], first)
            found = scratch[: span * width].reshape(span, width)
            out[slice(start, stop) if places is None else places[start:stop]] = found[chosen]

    def announce(self, rows: np.ndarray) -> None:
        """Tell the system that ascending rows will be read, so that the disk begins."""
        if self._picked < 0:
            return
        starts, stops = self._groups(rows, NEAR, ANNOUNCED)
        firsts = self._start + rows[starts] * self.row_bytes
        lengths = (rows[stops - 1] - rows[starts] + 1) * self.row_bytes
        for first, length in zip(firsts.tolist(), lengths.tolist(), strict=True):
            for begin in range(first, first + length, ANNOUNCED):
                count = min(ANNOUNCED, first + length - begin)
                _advise(self._picked, begin, count, "POSIX_FADV_WILLNEED")

    def held(self, rows: np.ndarray) -> np.ndarray:
        """Return whether memory holds the beginning of each row, as far as the system tells."""
        buffer = [memoryview(bytearray(1))]

        def is_held(row: int) -> bool:
            try:
                first = self._start + row * self.row_bytes
                return os.preadv(self._picked, buffer, first, os.RWF_NOWAIT) > 0
            except OSError:  # it would have to wait, or the file system does not say
                return False

        return np.array([is_held(row) for row in rows.tolist()], bool)

    def _groups(self, rows: np.ndarray, near: int, longest: int) -> tuple[np.ndarray, np.ndarray]:
        """Return where in ``rows`` each stretch that is read at once begins and ends."""
        if not len(rows):
            return rows, rows
        apart = np.diff(rows) * self.row_bytes > near + self.row_bytes
        # A stretch ends too where it would cross a multiple of the longest.
        piece = rows // max(longest // max(self.row_bytes, 1), 1)
        starts = np.flatnonzero(apart | (np.diff(piece) > 0)) + 1
        return np.append(0, starts), np.append(starts, len(rows))

    def _fill(self, descriptor: int, memory: memoryview, first: int) -> None:
        try:
            while len(memory):
                count = os.preadv(descriptor, [memory], first)
                if not count:
                    raise DataError(
                        f"{self.path} has become shorter since it was opened; let it be while a "
                        "run reads it."
                    )
                memory, first = memory[count:], first + count
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror}.") from None


def can_be_read(matrix: np.ndarray) -> bool:
    """Return whether an array is a view of a file whose rows a RowReader can read."""
    if not isinstance(matrix, np.memmap) or not matrix.flags.c_contiguous or not matrix.size:
        return False
    # Changes to a private copy are not in the file.
    return matrix.filename is not None and getattr(matrix, "mode", "c") != "c"


def _place_of(matrix: np.memmap) -> int:
    """Return where in its file a view of a map begins; ``offset`` is that of the whole map."""
    whole = np.frombuffer(matrix._mmap, np.uint8)  # pyright: ignore[reportAttributeAccessIssue]
    begin = matrix.offset - matrix.offset % mmap.ALLOCATIONGRANULARITY
    return begin + matrix.ctypes.data - whole.ctypes.data


def _opened(owner: RowReader, path: str) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    weakref.finalize(owner, os.close, descriptor)
    return descriptor


def _advise(descriptor: int, first: int, count: int, advice: str) -> None:
    """Advise the system where it takes advice; without it all is slower and no less right."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, first, count, getattr(os, advice))
