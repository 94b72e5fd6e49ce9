"""Delimited text of any size: read in pieces that end with a row, and kept as columns of texts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastmlp.data.raw.delimited import (
    beginning_of,
    names_at,
    on_unnamed,
    require_rows,
    separator_of,
)
from fastmlp.data.raw.encoding import Content
from fastmlp.data.raw.form.irregular import Shape, batches_by_csv
from fastmlp.data.raw.form.layout import BLANKS, Layout
from fastmlp.data.raw.form.structure import FEED, IRREGULAR, QUOTE, REGULAR, quoting_of
from fastmlp.data.raw.parse import Found, body_of, lines_from, rows_of
from fastmlp.data.raw.table import Lines, Pieces, RawTable

from .content import stream_content
from .files import FileColumns, FilePart
from .table import StagedTable
from .workspace import Workspace

if TYPE_CHECKING:
    import polars

PIECE_BYTES, PIECE_SHARE = 32 << 20, 16  # of text at once, and that at most of the memory
BLANK_ENDS = b" \t\x0b\x0c\r\n"

Part = tuple["polars.DataFrame", Lines, Found]


def stage_text(path: Path, layout: Layout, space: Workspace) -> RawTable:
    """Read a file of delimited text as ``read_delimited`` does, its columns into files.

    Raises
    ------
    DataError, WriteError
        As ``read_delimited``, or if there is no room for the columns.
    """
    content = stream_content(path, space)
    lines, begin = beginning_of(content, layout)
    shape = Shape(begin.separator, begin.width, begin.first_line)
    parts, pieces, found = _kept(content, shape, space)
    height = sum(part.height for part in parts)
    names, unnamed, notes = names_at(begin, height)
    columns = _columns(parts, names)
    empty = [name for name in unnamed if columns[name].null_count() == height]
    if empty and len(empty) < len(names):
        names = [name for name in names if name not in empty]
        notes = (*notes, on_unnamed(len(empty)))
    require_rows(path, len(names), height, begin, layout)
    return RawTable(
        StagedTable(columns, names, height, space),
        content.notes + begin.notes + found.notes + notes,
        separator_of(begin, lines),
        begin.header is not None,
        pieces,
    )


def _columns(parts: list[FilePart], names: list[str]) -> FileColumns:
    import polars

    schema: dict[str, polars.DataType] = dict.fromkeys(names, polars.String())
    named = [FilePart(part.path, schema, part.height) for part in parts]
    return FileColumns(named, names, schema)


def _kept(content: Content, shape: Shape, space: Workspace) -> tuple[list[FilePart], Pieces, Found]:
    """Write the rows of a text into files; return these, where rows stand, and what to tell."""
    import polars

    parts, begins, lines, found, height = [], [], [], Found(), 0
    done, began = 0, time.perf_counter()
    for frame, where, told in _pieces(content, shape, space.memory):
        found += told
        if not frame.height:
            continue
        path = space.place("texts").with_suffix(".arrow")
        space.require_room(int(frame.estimated_size()), "the table's texts")
        try:
            frame.write_ipc(path, compression="lz4", compat_level=polars.CompatLevel.newest())
        except (OSError, polars.exceptions.PolarsError) as error:
            raise space.unwritable(path, error) from None
        parts.append(FilePart(path, dict(frame.schema), frame.height))
        begins.append(height)
        lines.append(where)
        height += frame.height
        done += frame.height
        space.report(f"reading {content.path.name}", done, 0)
    space.took("reading", began)
    return parts, Pieces(tuple(begins), tuple(lines)), found


def _pieces(content: Content, shape: Shape, memory: int) -> Iterator[Part]:
    """Yield the rows of a text piece by piece, each as ``rows_of`` returns them of a whole text."""
    quoted = None
    if not content.lone_returns and shape.separator.isascii():
        quoted = _is_quoted(content, shape)
    if quoted is None:
        for batch in batches_by_csv(content, shape):
            lines = lines_from(int(batch.numbers[0]), batch.numbers)
            yield batch.frame, lines, Found.of(batch.blank, batch.numbers, batch.nexts)
        return
    values, before = body_of(content, shape), shape.first_line
    for start, stop in _cuts(values, quoted, min(PIECE_BYTES, max(1, memory // PIECE_SHARE))):
        data = values[start:stop].tobytes()
        piece = Content(content.path, data, len(data), b'"' in data, False)
        yield rows_of(piece, Shape(shape.separator, shape.width, 0, before))
        before += data.count(b"\n")


def _is_quoted(content: Content, shape: Shape) -> bool | None:
    """Return whether line breaks may stand inside quotes; None where only csv.reader can tell."""
    if not content.has_quotes:
        return False
    kind = quoting_of(body_of(content, shape), ord(shape.separator)).kind
    if kind == IRREGULAR or shape.separator == BLANKS:
        return None
    return kind == REGULAR


def _cuts(values: np.ndarray, quoted: bool, size_of_piece: int) -> Iterator[tuple[int, int]]:
    """Yield where pieces of a size begin and end: behind a row that is no blank line.

    So a piece never ends with blank lines: these are left out at the end of a text, and are gaps or
    counted elsewhere.
    """
    start, size = 0, len(values)
    while start < size:
        length = size_of_piece
        while True:
            stop = min(start + length, size)
            if stop < size:
                stop = _last_end(values[start:stop], quoted)
                stop = stop and start + stop
            if stop:
                break
            length *= 2  # a row that is longer than a piece, or very many blank lines
        yield start, stop
        start = stop


def _last_end(piece: np.ndarray, quoted: bool) -> int:
    """Return the place behind the last row that is no blank line and ends in a piece, or 0."""
    feeds = piece == FEED
    if quoted:
        feeds &= ~np.logical_xor.accumulate(piece == QUOTE)
    ends = np.flatnonzero(feeds)
    for number in range(len(ends) - 1, -1, -1):
        first = int(ends[number - 1]) + 1 if number else 0
        if piece[first : ends[number]].tobytes().strip(BLANK_ENDS):
            return int(ends[number]) + 1
    return 0
