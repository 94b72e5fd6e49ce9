"""Workspace: the folder in which a table becomes matrices, in plain writes."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fastmlp.data.mapped.rows import Matrix, within
from fastmlp.data.memory import in_units
from fastmlp.errors import DataError
from fastmlp.files.atomic import WriteError

from .columns import ColumnFiles

# Told of what goes on: a word, rows done and rows to do.
Report = Callable[[str, int, int], None]
REMEDY = "Free space, or give another --cache-dir"


def silent(what: str, done: int, total: int) -> None:
    """Say nothing of what goes on."""


@dataclass(frozen=True)
class Workspace:
    """A folder of one run's own.

    Attributes
    ----------
    folder
        Exists.
    memory
        Bytes that the data may take.
    report
        Told how far the work is.
    """

    folder: Path
    memory: int
    report: Report = silent
    _numbers: itertools.count = field(default_factory=itertools.count, repr=False)
    seconds: dict[str, float] = field(default_factory=dict)  # that each sort of work has taken

    def place(self, name: str) -> Path:
        """Return a path in the folder that was not returned before."""
        return self.folder / f"{name}-{next(self._numbers):03d}"

    def shelf(self) -> ColumnFiles:
        """Return a place for columns."""
        return ColumnFiles(self.place("columns"))

    def write(
        self, shape: tuple[int, int], dtype: np.dtype, blocks: Iterable[np.ndarray], what: str
    ) -> np.memmap:
        """Write a matrix, rows after rows, and return it mapped.

        It is written, not mapped for writing: pages of a map that were changed count as memory.

        Parameters
        ----------
        shape, dtype
            Of the matrix.
        blocks
            Its rows in order, in arrays of (some, columns).
        what
            Subject of messages: ``"the encoded rows"``.

        Raises
        ------
        DataError
            If the disk has no room for it.
        WriteError
            If it cannot be written.
        """
        path = self.place("matrix").with_suffix(".npy")
        self.require_room(shape[0] * shape[1] * dtype.itemsize, what)
        done, began = 0, time.perf_counter()
        try:
            with path.open("wb") as file:
                described = {"descr": dtype.str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, described)
                for block in blocks:
                    file.write(np.ascontiguousarray(block, dtype).data)
                    done += len(block)
                    self.report("encoding", done, shape[0])
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self.unwritable(path, error) from None
        assert done == shape[0], "blocks do not add up to the matrix"
        self.took("encoding", began)
        return np.load(path, mmap_mode="r", allow_pickle=False)

    def bytes_of(self, shape: tuple[int, int], what: str) -> RowFile:
        """Return a file for rows of bytes, which may be written in any order."""
        self.require_room(shape[0] * shape[1], what)
        return RowFile(self.place("matrix").with_suffix(".npy"), shape, self.memory)

    def append(self, path: Path, pieces: Iterable[bytes], what: str) -> None:
        """Write bytes into a new file, piece by piece; an error in making them is let through."""
        with path.open("wb") as file:
            for piece in pieces:
                self.require_room(len(piece), what)
                try:
                    file.write(piece)
                except OSError as error:
                    raise self.unwritable(path, error) from None

    @staticmethod
    def unwritable(path: Path, error: Exception) -> WriteError:
        """Return the error for a file that cannot be written."""
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        return WriteError(f"cannot write {path}: {reason or type(error).__name__}. {REMEDY}.")

    def require_room(self, size: int, what: str) -> None:
        """Raise a DataError if the disk has no room for so many bytes."""
        free = shutil.disk_usage(self.folder).free
        if size > free:
            raise DataError(
                f"{what} need {in_units(size)} on the disk of {self.folder.parent}, which has "
                f"{in_units(free)}. {REMEDY}."
            )

    def took(self, what: str, began: float) -> None:
        """Add the seconds since ``began`` to those of a sort of work."""
        self.seconds[what] = self.seconds.get(what, 0.0) + time.perf_counter() - began


class RowFile:
    """Rows of bytes in a .npy file, written one by one; all must be before it is finished."""

    def __init__(self, path: Path, shape: tuple[int, int], memory: int):
        self._path, self._shape, self._memory = path, shape, memory
        self._file = path.open("wb")
        described = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, described)
        self._start = self._file.tell()
        self._file.truncate(self._start + shape[0] * shape[1])

    def __setitem__(self, row: int, values: np.ndarray) -> None:
        try:
            self._file.seek(self._start + int(row) * self._shape[1])
            self._file.write(np.ascontiguousarray(values, np.uint8).data)
        except OSError as error:
            raise Workspace.unwritable(self._path, error) from None

    def mapped(self) -> np.ndarray:
        """Return the rows so far, mapped."""
        if not self._file.closed:
            self._file.flush()
        return np.load(self._path, mmap_mode="r", allow_pickle=False)

    def finished(self) -> Matrix:
        """Return the rows, mapped or in their file."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return within(self.mapped(), str(self._memory))
