"""Decided: what a look at all columns of a table found, for its roles and notes."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .reading import ColumnReading

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True)
class Nearly:
    """What a column of texts looks like."""

    kind: str  # "number" or "date"
    share: float  # of its cells that are of this kind
    cells: str  # some of the others, in words


@dataclass
class Decided:
    """The readings of all columns, the columns so read, and what the user should know."""

    rows: int  # how many the table has
    # by column, in the table's order; an empty column has none
    readings: dict[str, ColumnReading] = field(default_factory=dict)
    # those that have a reading, read
    columns: MutableMapping[str, polars.Series] = field(default_factory=dict)
    # columns of digits that are read as texts, since they are written as codes are
    codes: set[str] = field(default_factory=set)
    # text columns that look like numbers or dates
    nearly: dict[str, Nearly] = field(default_factory=dict)
    # for the others: how many cells, and which in words, are not of the column's kind and became
    # gaps
    odd: dict[str, tuple[int, str]] = field(default_factory=dict)
    # spellings of a gap that were found in columns of numbers, dates and truth values; "" for an
    # empty cell
    gap_words: set[str] = field(default_factory=set)
    doubtful_dates: list[str] = field(default_factory=list)  # columns of dates that fit two orders
    # columns of numbers in which three digits stand behind each comma or point: which of the two it
    # is
    doubtful_numbers: dict[str, str] = field(default_factory=dict)
    # columns of numbers with several currencies, or with percent on some of them: the marks
    mixed_marks: dict[str, list[str]] = field(default_factory=dict)
