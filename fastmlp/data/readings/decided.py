"""Decided: what a look at all columns of a table found, for its roles and notes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .reading import ColumnReading

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True)
class Nearly:
    """What a column of texts looks like.

    Parameters
    ----------
    kind
        "number" or "date".
    share
        Of its cells that are of this kind.
    cells
        Some of the others, in words.
    """

    kind: str
    share: float
    cells: str


@dataclass
class Decided:
    """The readings of all columns, the columns as they are then read, and what the user should
    know.

    Attributes
    ----------
    rows
        How many the table has.
    readings
        By column, in the table's order; an empty column has none.
    columns
        Those that have a reading, read.
    codes
        Columns of digits that are read as texts, since they are written as codes are.
    nearly
        Text columns that look like numbers or dates.
    odd
        For the others: how many cells, and which in words, are not of the column's kind and became
        gaps.
    gap_words
        Spellings of a gap that were found in columns of numbers, dates and truth values; "" for an
        empty cell.
    doubtful_dates
        Columns of dates that fit two orders.
    doubtful_numbers
        Columns of numbers in which three digits stand behind each comma or point: which of the two
        it is.
    mixed_marks
        Columns of numbers with several currencies, or with percent on some of them: the marks.
    """

    rows: int
    readings: dict[str, ColumnReading] = field(default_factory=dict)
    columns: dict[str, polars.Series] = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)
    nearly: dict[str, Nearly] = field(default_factory=dict)
    odd: dict[str, tuple[int, str]] = field(default_factory=dict)
    gap_words: set[str] = field(default_factory=set)
    doubtful_dates: list[str] = field(default_factory=list)
    doubtful_numbers: dict[str, str] = field(default_factory=dict)
    mixed_marks: dict[str, list[str]] = field(default_factory=dict)
