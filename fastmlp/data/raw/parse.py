"""Rows of delimited text as columns: by polars where quotes are regular, else by csv."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastmlp.data.memory import require_memory
from fastmlp.data.raw.form.irregular import Shape, read_by_csv
from fastmlp.data.raw.form.layout import BLANKS
from fastmlp.data.raw.form.structure import (
    FEED,
    IRREGULAR,
    PLAIN,
    REGULAR,
    Quoting,
    blank_records,
    count,
    places_of,
    quoting_of,
    squeezed,
    structure_of,
)

from .encoding import Content
from .table import Lines

if TYPE_CHECKING:
    import polars

BYTES_A_CELL = 16
LONG_RECORD = 50  # lines


@dataclass(frozen=True, eq=False)
class Parsed:
    """The rows of a text."""

    # as many String columns as fields, named by their position; empty fields null
    frame: polars.DataFrame
    lines: Lines  # where the rows begin
    notes: tuple[str, ...]  # what to tell of lines left out and of records over many lines


def parse(content: Content, shape: Shape) -> Parsed:
    """Read the rows of a text.

    Parameters
    ----------
    content
        The text.
    shape
        How its rows are to be read.

    Raises
    ------
    DataError
        If a row has another length, a quote is never closed, or memory does not suffice.
    """
    require_memory(content.size + BYTES_A_CELL * _cells(content, shape), str(content.path))
    frame, lines, found = rows_of(content, shape)
    return Parsed(frame, lines, found.notes)


@dataclass(frozen=True)
class Found:
    """What is to be told of the lines of a text, or of a piece of it."""

    blank: int = 0  # blank lines that were left out
    longest: tuple[int, int] = (0, 0)  # the first and last line of the row that spans most

    def __add__(self, later: Found) -> Found:
        """Return what is to be told of two pieces, one after the other."""
        longest = max(self.longest, later.longest, key=lambda lines: lines[1] - lines[0])
        return Found(self.blank + later.blank, longest)

    @property
    def notes(self) -> tuple[str, ...]:
        """The same in sentences."""
        notes, (first, last) = [], self.longest
        if self.blank:
            lines = "1 blank line was" if self.blank == 1 else f"{self.blank:,} blank lines were"
            notes.append(f"{lines} left out.")
        if last + 1 - first > LONG_RECORD:
            notes.append(
                f"lines {first:,} to {last:,} are one row, whose quoted text spans them; look "
                "whether a quote is missing there."
            )
        return tuple(notes)

    @classmethod
    def of(cls, blank: int, numbers: np.ndarray | None, nexts: np.ndarray | None) -> Found:
        """Return what the lines tell on which rows begin, and on which the next ones do."""
        if numbers is None or nexts is None or not len(numbers):
            return cls(blank)
        row = int((nexts - numbers).argmax())
        return cls(blank, (int(numbers[row]), int(nexts[row]) - 1))


def rows_of(content: Content, shape: Shape) -> tuple[polars.DataFrame, Lines, Found]:
    """Return the rows of a text that memory holds, where they begin, and what is to be told."""
    read = None
    if not content.lone_returns and shape.separator.isascii():
        read = _read_by_polars(content, shape)
    frame, numbers, nexts, blank = read_by_csv(content, shape) if read is None else read
    return frame, lines_from(shape.first_number, numbers), Found.of(blank, numbers, nexts)


def lines_from(first: int, numbers: np.ndarray | None) -> Lines:
    """Return the lines of rows, their numbers only where they do not follow each other."""
    if numbers is not None and np.array_equal(numbers, np.arange(first, first + len(numbers))):
        numbers = None
    return Lines(first, numbers)


def _cells(content: Content, shape: Shape) -> int:
    """Return about how many cells a text has, judged by its first lines."""
    lines, _ = content.head()
    body = lines[shape.first_line :] or lines
    return content.size * shape.width * len(body) // max(1, sum(map(len, body)))


def _read_by_polars(
    content: Content, shape: Shape
) -> tuple[polars.DataFrame, np.ndarray | None, np.ndarray | None, int] | None:
    """Read rows like ``read_by_csv``; None where polars cannot, or would take quotes otherwise."""
    import polars

    quoting, runs = Quoting(PLAIN), shape.separator == BLANKS
    source, skipped = content.source, shape.first_line
    values = body_of(content, shape) if content.has_quotes or runs else None
    if values is not None and content.has_quotes:
        quoting = quoting_of(values, ord(shape.separator))
        if quoting.kind == IRREGULAR or runs:
            return None
    if values is not None and runs:
        source, skipped = squeezed(values), 0
        values = np.frombuffer(source, np.uint8)
    frame = _frame(source, skipped, shape, quoting.kind == REGULAR)
    if frame is None:
        return None
    # At the very end of a text polars overlooks a separator too many.
    doubtful = content.last == shape.separator.encode()
    if doubtful and (shape.width == 1 or not _ends_with_gap(frame)):
        return None
    if shape.width == 1:
        frame = frame.head(frame.height - _empty_at_end(frame))
    if values is None and _has_gaps_at_end(frame):
        values = body_of(content, shape)
    read = _checked(frame, shape, quoting.kind == REGULAR, values, doubtful)
    if read is None or not quoting.has_empty:
        return read
    frame, numbers, nexts, blank = read
    frame = frame.with_columns(polars.when(polars.all() != "").then(polars.all()))
    return frame, numbers, nexts, blank


def _frame(
    source: Path | bytes, skipped: int, shape: Shape, quoted: bool
) -> polars.DataFrame | None:
    import polars

    try:
        return polars.read_csv(
            source,
            separator=shape.separator,
            has_header=False,
            skip_lines=skipped,
            schema={str(place): polars.String for place in range(shape.width)},
            quote_char='"' if quoted else None,
            infer_schema=False,
            glob=False,
        )
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException):
        return None  # the csv module reads it, or says what is wrong


def body_of(content: Content, shape: Shape) -> np.ndarray:
    """Return the bytes from the first row on."""
    values, begin = content.values(), 0
    for _ in range(shape.first_line):
        step = 1 << 16
        while begin < len(values):
            feeds = np.flatnonzero(values[begin : begin + step] == FEED)
            if feeds.size:
                begin += int(feeds[0]) + 1
                break
            begin += step
    return values[begin:]


def _has_gaps_at_end(frame: polars.DataFrame) -> bool:
    return frame.width > 1 and frame.to_series(frame.width - 1).null_count() > 0


def _ends_with_gap(frame: polars.DataFrame) -> bool:
    return frame.height > 0 and frame.to_series(frame.width - 1)[-1] is None


def _empty_at_end(frame: polars.DataFrame) -> int:
    """Return how many empty lines end a table of one column, where those inside it are gaps."""
    filled = frame.to_series(0).is_not_null().arg_true()
    return frame.height - (filled[-1] + 1 if len(filled) else 0)


def _checked(
    frame: polars.DataFrame, shape: Shape, quoted: bool, values: np.ndarray | None, doubtful: bool
) -> tuple[polars.DataFrame, np.ndarray | None, np.ndarray | None, int] | None:
    """Leave out blank lines, which polars makes nulls; None if a row is short, which it fills too.

    Both show as gaps in the last column. Where it has none, or there are as many separators as full
    rows have, no row is looked at; polars itself refuses long ones.
    """
    import polars

    if values is None:  # there are neither quotes nor gaps in the last column
        return frame, None, None, 0
    mark = ord(shape.separator)
    uneven = _has_gaps_at_end(frame)
    if uneven and not (quoted or doubtful):
        uneven = count(values, mark) != frame.height * (frame.width - 1)
    joined = quoted and count(values, FEED) > frame.height - (values[-1] != FEED)
    if not uneven and not joined:
        return frame, None, None, 0
    structure = structure_of(values, mark, quoted)
    if len(structure) < frame.height or (uneven and len(structure) != frame.height):
        return None
    begins, ends, blank = structure.begins[: frame.height], structure.ends[: frame.height], 0
    if uneven:
        empty = blank_records(values, structure, mark)
        if ((structure.separators != frame.width - 1) & ~empty).any():
            return None
        begins, ends = begins[~empty], ends[~empty]
        frame = frame.filter(polars.Series(~empty))
        # None of those at the end.
        blank = int(np.flatnonzero(~empty).max(initial=-1)) + 1 - frame.height
    feeds, first = places_of(values, FEED), shape.first_number
    numbers, lasts = (first + np.searchsorted(feeds, places) for places in (begins, ends))
    return frame, numbers, lasts + 1, blank
