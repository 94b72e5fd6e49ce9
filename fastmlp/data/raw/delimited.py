"""CSV and its relatives as raw tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastmlp.data.raw.form.beginning import Beginning, find_beginning
from fastmlp.data.raw.form.irregular import Shape, ends_open, open_quote
from fastmlp.data.raw.form.layout import Layout
from fastmlp.data.raw.form.names import names_of
from fastmlp.data.raw.form.separators import NONE, separator_of_one_column
from fastmlp.data.source import numbered_names
from fastmlp.errors import DataError

from .encoding import read_content
from .parse import parse
from .table import RawTable

if TYPE_CHECKING:
    import polars

TAB_SUFFIXES = (".tsv", ".tab")


def read_delimited(path: Path, layout: Layout) -> RawTable:
    """Read a file of delimited text, gzipped or not.

    Parameters
    ----------
    path
        The file.
    layout
        What the user says of it.

    Raises
    ------
    DataError
        If the file is empty or no text, holds rows of different lengths, an open quote, or more
        than memory can take.
    """
    content = read_content(path)
    lines, complete = content.head()
    tabs_by_name = any(
        suffix in TAB_SUFFIXES
        for suffix in path.name.lower().removesuffix(".gz").rpartition(".")[1:]
    )
    begin = find_beginning(lines, complete, layout, tabs_by_name)
    if begin is None:
        raise DataError(f"{path} is empty; a table needs a header and rows.")
    if begin.first_line >= len(lines) and content.has_quotes and ends_open(lines, begin.separator):
        raise DataError(open_quote(path, 1))
    parsed = parse(content, Shape(begin.separator, begin.width, begin.first_line))
    frame, notes = _named(parsed.frame, begin)
    if not frame.width or not frame.height:
        part = "columns" if not frame.width else "rows"
        remedy = ""
        if begin.header and layout.header is None:
            remedy = "; --no-header reads its first line as a row"
        raise DataError(
            f"{path} has no {part}; a table needs at least one row and one column{remedy}."
        )
    return RawTable(
        frame,
        content.notes + begin.notes + parsed.notes + notes,
        separator_of_one_column(lines) if begin.separator == NONE else begin.separator,
        begin.header is not None,
        parsed.lines,
    )


def _named(frame: polars.DataFrame, begin: Beginning) -> tuple[polars.DataFrame, tuple[str, ...]]:
    """Return the frame with its columns' names, without empty columns that have none."""
    if begin.header is None:
        names, notes = list(numbered_names(begin.width)), ()
        unnamed = {begin.width - 1} if frame.height > 1 and begin.width > 1 else set()
    else:
        names, notes = names_of(begin.header)
        unnamed = {place for place, cell in enumerate(begin.header) if not cell.strip()}
    frame.columns = names
    nameless = [names[place] for place in sorted(unnamed)] if frame.height else []
    empty = [name for name in nameless if frame[name].null_count() == frame.height]
    if empty and len(empty) < frame.width:
        frame = frame.drop(empty)
        what = f"{len(empty):,} columns without names or values were"
        if len(empty) == 1:
            what = "1 column without a name or a value was"
        notes = (*notes, f"{what} left out.")
    return frame, notes
