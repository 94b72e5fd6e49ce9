"""CSV and its relatives as raw tables."""

from __future__ import annotations

from pathlib import Path

from fastmlp.data.raw.form.beginning import Beginning, find_beginning
from fastmlp.data.raw.form.irregular import Shape, ends_open, open_quote
from fastmlp.data.raw.form.layout import Layout
from fastmlp.data.raw.form.names import names_of
from fastmlp.data.raw.form.separators import NONE, separator_of_one_column
from fastmlp.data.source import numbered_names
from fastmlp.errors import DataError

from .encoding import Content, read_content
from .parse import parse
from .table import RawTable

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
    lines, begin = beginning_of(content, layout)
    parsed = parse(content, Shape(begin.separator, begin.width, begin.first_line))
    frame = parsed.frame
    frame.columns, unnamed, notes = names_at(begin, frame.height)
    empty = [name for name in unnamed if frame[name].null_count() == frame.height]
    if empty and len(empty) < frame.width:
        frame = frame.drop(empty)
        notes = (*notes, on_unnamed(len(empty)))
    require_rows(path, frame.width, frame.height, begin, layout)
    return RawTable(
        frame,
        content.notes + begin.notes + parsed.notes + notes,
        separator_of(begin, lines),
        begin.header is not None,
        parsed.lines,
    )


def beginning_of(content: Content, layout: Layout) -> tuple[list[str], Beginning]:
    """Return the first lines of a text, and where and how its table begins.

    Raises
    ------
    DataError
        If the text is empty, or ends inside a quote.
    """
    path = content.path
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
    return lines, begin


def separator_of(begin: Beginning, lines: list[str]) -> str | None:
    """Return what divides the fields, or would in a table of one column."""
    return separator_of_one_column(lines) if begin.separator == NONE else begin.separator


def require_rows(path: Path, width: int, height: int, begin: Beginning, layout: Layout) -> None:
    """Raise a DataError if a text has no columns or no rows."""
    if width and height:
        return
    part = "columns" if not width else "rows"
    remedy = ""
    if begin.header and layout.header is None:
        remedy = "; --no-header reads its first line as a row"
    raise DataError(f"{path} has no {part}; a table needs at least one row and one column{remedy}.")


def names_at(begin: Beginning, height: int) -> tuple[list[str], list[str], tuple[str, ...]]:
    """Return the names of the columns, those of columns that had none, and notes on them.

    Of the columns without a name those that are empty are to be left out.
    """
    if begin.header is None:
        names, notes = list(numbered_names(begin.width)), ()
        unnamed = {begin.width - 1} if height > 1 and begin.width > 1 else set()
    else:
        names, notes = names_of(begin.header)
        unnamed = {place for place, cell in enumerate(begin.header) if not cell.strip()}
    return names, [names[place] for place in sorted(unnamed)] if height else [], notes


def on_unnamed(count: int) -> str:
    """Return the note on columns that were left out."""
    if count == 1:
        return "1 column without a name or a value was left out."
    return f"{count:,} columns without names or values were left out."
