"""Where a table begins in a text: past blank lines, comments and titles, at its header or not."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastmlp.data.raw.cells import is_name_like, is_value

from .header import Verdict, decide_header, header_of
from .layout import Layout
from .records import long_fields, records_of
from .separators import Division, divide, find_division
from .titles import are_titles, count_titles, counted, titles_note

SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
ROW_NAMES = "row_names"


@dataclass(frozen=True)
class Beginning:
    """How a text is to be read."""

    separator: str  # what divides the fields; ``NONE`` for one column
    width: int  # how many fields every row must have
    # the cells that name the columns, as many as ``width``; None without a header
    header: list[str] | None
    first_line: int  # line, counted from 0, on which the first row begins
    notes: tuple[str, ...]  # what was decided or skipped


def find_beginning(
    lines: list[str], complete: bool, layout: Layout, tabs_by_name: bool
) -> Beginning | None:
    """Find where the table begins in the first lines of a text.

    Parameters
    ----------
    lines
        The lines with their line breaks.
    complete
        Whether they are all.
    layout
        What the user says.
    tabs_by_name
        Whether the file's name promises tabs.

    Returns
    -------
    Beginning
        None where no line holds anything.
    """
    begin, separator, notes = 0, layout.separator, []
    while begin < len(lines) and not lines[begin].strip():
        begin += 1
    if begin < len(lines) and (said := SEPARATOR_LINE.fullmatch(lines[begin].rstrip("\r\n"))):
        separator, begin = separator or said[1], begin + 1
        notes.append(f"line {begin:,} says how fields are divided and was obeyed.")
    comments = _comments(lines, begin)
    body = comments[-1] + 1 if comments else begin

    def divided(first: int) -> tuple[Division, str | None]:
        if separator is not None:
            return divide(lines[first:], first, separator, complete), None
        return find_division(lines[first:], first, complete, tabs_by_name)

    division, doubt = divided(body)
    if comments and _are_rows(comments, lines, division):
        comments = []
        division, doubt = divided(begin)
    if not division.records:
        return None
    if doubt is not None:
        notes.append(doubt)
    return _begin(division, lines, comments, layout, tuple(notes))


def _comments(lines: list[str], begin: int) -> list[int]:
    """Return the lines that begin with # before the table, unless all do."""
    found = []
    for place in range(begin, len(lines)):
        if lines[place].startswith("#"):
            found.append(place)
        elif lines[place].strip():
            return found
    return []


def _are_rows(comments: list[int], lines: list[str], division: Division) -> bool:
    """Return whether lines that begin with # are rows: several of them, as long as the others."""
    widths = [len(_fields(lines[place], division.separator)) for place in comments]
    return division.width > 1 and len(widths) > 1 and set(widths) == {division.width}


def _fields(line: str, separator: str) -> list[str]:
    with long_fields():
        return next((record.fields for record in records_of([line], separator)), [])


@dataclass(frozen=True)
class _Shape:
    """The record that begins the table, the length of its rows, and its header, if it has one."""

    start: int
    width: int
    header: list[str]
    note: str | None = None


def _begin(
    division: Division,
    lines: list[str],
    comments: list[int],
    layout: Layout,
    notes: tuple[str, ...],
) -> Beginning:
    wanted = layout.header
    shape = _shape(division, lines, wanted)
    records = division.records[shape.start :]
    below = [record.fields for record in records[1:]]
    verdict = header_of(shape.header, below, layout)
    if shape.note is not None:  # no row has its length, so it is a header
        verdict = Verdict(True, shape.note)
    if comments:
        skipped = counted(len(comments), "line")
        notes = (*notes, f"{skipped} skipped before the table, which began with #.")
    notes = (*notes, *titles_note(shape.start, division.records[0].fields))
    header = shape.header if verdict.has_header else None
    first = records[1:2] if verdict.has_header else records[:1]
    if header is None and comments and wanted is not False:
        names = _fields(lines[comments[-1]].lstrip("#"), division.separator)
        if len(names) == shape.width > 1 and not any(map(is_value, names)):
            header, line = names, comments[-1] + 1
            note = f"the names of the columns were taken from line {line:,}, after its #."
            verdict = Verdict(True, note)
    said = () if verdict.note is None else (verdict.note,)
    first_line = first[0].line if first else len(lines)
    return Beginning(division.separator, shape.width, header, first_line, (*notes, *said))


def _shape(division: Division, lines: list[str], wanted: bool | None) -> _Shape:
    rows = [record.fields for record in division.records]
    width, start = division.width, division.start
    uneven = _uneven_header(rows, width) if start == 1 and wanted is not False else None
    if uneven is not None and not (len(rows[0]) == 1 and _has_sure_header(rows[1:])):
        return uneven
    if start:
        last, first = division.records[start - 1], division.records[start]
        apart = any(not line.strip() for line in lines[last.line + 1 : first.line])
        if len(rows) - start < 2 or width < 2 or not are_titles(rows[:start], width, apart):
            # Refused later, where the first row of another length stands.
            return _Shape(0, len(rows[0]), rows[0])
    if wanted is not False:
        start += count_titles(rows[start:], width)
    return _Shape(start, width, rows[start])


def _has_sure_header(rows: list[list[str]]) -> bool:
    verdict = decide_header(rows[0], rows[1:])
    return len(rows) > 1 and verdict.has_header and verdict.note is None


def _uneven_header(rows: list[list[str]], width: int) -> _Shape | None:
    """Return the shape of a table whose header is a field shorter or longer than every row."""
    first, below = rows[0], rows[1:]
    if any(len(row) != width for row in below):
        return None
    if len(first) == width + 1 and not first[-1].strip():
        return _Shape(0, width, first[:-1], "the header ends with a separator that no row has.")
    verdict = decide_header(["", *first], below)
    could_name = verdict.numbered or any(map(is_name_like, first))
    if len(first) != width - 1 or not verdict.has_header or not could_name:
        return None
    if all(not row[-1].strip() for row in below):
        return _Shape(
            0, width, [*first, ""], "every row ends with a separator that the header has not."
        )
    note = (
        "the header has a field less than the rows, as R writes it: the first column is called "
        f"{ROW_NAMES!r}."
    )
    return _Shape(0, width, [ROW_NAMES, *first], note)
