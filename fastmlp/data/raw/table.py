"""What a reader found: the frame, its notes and where its rows stand."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fastmlp.data.staged.table import Table


@dataclass(frozen=True, eq=False)
class RawTable:
    """A table as it was read, before anything is known of its columns."""

    # at least one row and one column, maybe still in its files. From delimited text every column is
    # String, as written, an empty field null.
    frame: Table
    notes: tuple[str, ...]  # sentences for the user on what the reader decided or left out
    separator: str | None  # what divides the fields; None for Parquet, Arrow and Excel
    has_header: bool  # whether the first row gave the names
    # where a row, counted from 0, stands in its file
    place_of: Callable[[int], str] = field(repr=False)

    def line_of(self, row: int) -> str:
        """Return the place of a row, counted from 0, in words: ``"part-2.csv, line 5"``."""
        return self.place_of(row)


@dataclass(frozen=True, eq=False)
class Lines:
    """The lines of a text, counted from 1 as an editor does, on which the rows begin."""

    first: int  # line of the first row
    # int64 (rows,), the line of every row; None where they follow each other
    numbers: np.ndarray | None = None

    def __call__(self, row: int) -> str:
        """Return where a row, counted from 0, stands."""
        return f"line {self.number(row):,}"

    def number(self, row: int) -> int:
        """Return the line of a row."""
        return self.first + row if self.numbers is None else int(self.numbers[row])


@dataclass(frozen=True)
class Rows:
    """Rows of a source without lines, counted from ``first``."""

    first: int = 1

    def __call__(self, row: int) -> str:
        """Return where a row, counted from 0, stands."""
        return f"row {self.first + row:,}"


@dataclass(frozen=True)
class Pieces:
    """Rows of one text that was read in pieces."""

    begins: tuple[int, ...]  # the row with which each begins
    lines: tuple[Lines, ...]  # where the rows of each stand

    def __call__(self, row: int) -> str:
        """Return where a row, counted from 0, stands."""
        piece = bisect_right(self.begins, row) - 1
        return self.lines[piece](row - self.begins[piece])


@dataclass(frozen=True)
class Parts:
    """Rows of several files, one after the other."""

    names: tuple[str, ...]  # the files' names
    begins: tuple[int, ...]  # the row with which each begins
    places: tuple[Callable[[int], str], ...]  # where the rows of each stand

    def __call__(self, row: int) -> str:
        """Return where a row, counted from 0, stands."""
        part = bisect_right(self.begins, row) - 1
        return f"{self.names[part]}, {self.places[part](row - self.begins[part])}"
