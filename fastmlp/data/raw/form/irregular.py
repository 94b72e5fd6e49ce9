"""Rows by Python's csv module: for irregular quotes and line ends, and to name an uneven row."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastmlp.data.raw.encoding import Content
from fastmlp.errors import DataError

from .records import Record, is_blank, long_fields, records_of

if TYPE_CHECKING:
    import polars

CELLS_AT_ONCE = 1_000_000
SENTINEL = "\x1e"  # a last line of our own: an open quote swallows it


@dataclass(frozen=True)
class Shape:
    """How the rows of a text are to be read."""

    separator: str  # what divides the fields
    width: int  # how many fields every row must have
    first_line: int  # line, counted from 0, of the first row
    before: int = 0  # lines before the text, where it is a piece of one

    @property
    def first_number(self) -> int:
        """The line, counted from 1 in the whole text, of the first row."""
        return self.before + self.first_line + 1


def open_quote(path: Path, line: int) -> str:
    """Return the message on a quote that is not closed before the end of a file."""
    return (
        f"{path} has a quote that is never closed, in the row of line {line:,} or above; quotes "
        "inside a quoted field are doubled."
    )


def ends_open(lines: list[str], separator: str) -> bool:
    """Return whether lines end inside quotes."""
    with long_fields():
        records = list(records_of(chain(lines, [SENTINEL]), separator))
    return records[-1].fields != [SENTINEL]


def read_by_csv(
    content: Content, shape: Shape
) -> tuple[polars.DataFrame, np.ndarray, np.ndarray, int]:
    """Read the rows of a text as csv.reader does.

    Parameters
    ----------
    content
        The text.
    shape
        How its rows are to be read.

    Returns
    -------
    frame
        (rows, width) of String, named by position; empty fields null.
    numbers, nexts
        int64 (rows,): the line, counted from 1, on which each row begins, and the one after its
        end.
    blank
        How many blank lines were left out.

    Raises
    ------
    DataError
        If a row has another length or a quote is never closed.
    """
    import polars

    batches = list(batches_by_csv(content, shape))
    frames = [each.frame for each in batches]
    nothing = polars.DataFrame(schema={str(place): polars.String for place in range(shape.width)})
    frame = polars.concat(frames) if frames else nothing
    none = np.empty(0, np.int64)
    numbers = np.concatenate([none, *(each.numbers for each in batches)])
    nexts = np.concatenate([none, *(each.nexts for each in batches)])
    return frame, numbers, nexts, sum(each.blank for each in batches)


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows of a text: what ``read_by_csv`` returns of all of them."""

    frame: polars.DataFrame
    numbers: np.ndarray
    nexts: np.ndarray
    blank: int


def batches_by_csv(content: Content, shape: Shape) -> Iterator[Batch]:
    """Yield the rows of a text as csv.reader reads them, a million cells at once."""
    import polars

    names = [str(place) for place in range(shape.width)]
    kept: list[Record] = []
    blank = 0

    def batch() -> Batch:
        columns = zip(*(record.fields or [""] for record in kept), strict=True)
        pairs = zip(names, columns, strict=True)
        frame = polars.DataFrame([polars.Series(*pair, polars.String) for pair in pairs])
        frame = frame.with_columns(polars.when(polars.all() != "").then(polars.all()))
        numbers = np.array([record.line for record in kept], np.int64)
        nexts = np.array([record.next_line for record in kept], np.int64)
        return Batch(frame, numbers, nexts, blank)

    with content.open_text() as file, long_fields():
        for record in _checked_records(file, content, shape):
            if shape.width > 1 and is_blank(record.fields, shape.width):
                blank += 1
                continue
            kept.append(record)
            if len(kept) * shape.width >= CELLS_AT_ONCE:
                yield batch()
                kept.clear()
                blank = 0
    if kept:
        yield batch()


def _checked_records(file: Iterator[str], content: Content, shape: Shape) -> Iterator[Record]:
    """Yield records without empty ones at the end; inside a single column those are gaps."""
    lines = chain(islice(file, shape.first_line, None), [SENTINEL])
    empty, path = [], content.path
    try:
        for record in records_of(lines, shape.separator, shape.first_number):
            fields = record.fields
            if fields == [SENTINEL]:
                return
            if fields and fields[-1].endswith(SENTINEL):
                raise DataError(open_quote(path, record.line))
            if is_blank(fields, shape.width):
                empty.append(record)
                continue
            if len(fields) != shape.width:
                raise DataError(
                    f"{path}, line {record.line:,} has {len(fields):,} "
                    f"field{'s' * (len(fields) > 1)}, the table {shape.width:,} "
                    f"column{'s' * (shape.width > 1)}; every row needs as many fields as the first."
                )
            yield from empty
            empty.clear()
            yield record
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as a table: {error}.") from None
