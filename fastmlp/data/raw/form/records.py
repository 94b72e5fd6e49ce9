"""Records of delimited text by Python's csv module, the measure of how quotes are read."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .layout import BLANKS

LONGEST_FIELD = 2**31 - 1  # what a C long holds everywhere
BLANK_SIGNS = " \t\x0b\x0c"
RUN = re.compile(r"[ \t]+")


@dataclass(frozen=True)
class Record:
    """The fields of one record, the line on which it begins, and that of the next one."""

    line: int
    fields: list[str]
    next_line: int


@contextmanager
def long_fields() -> Iterator[None]:
    """Lift the csv module's limit on the length of a field, which is one for the whole process."""
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def is_blank(fields: list[str], width: int) -> bool:
    """Return whether a record is a blank line; in a single column a line of blanks is a cell."""
    return not fields or (
        width > 1 and len(fields) == 1 and fields[0] != "" and not fields[0].strip(BLANK_SIGNS)
    )


def records_of(lines: Iterable[str], separator: str, first_line: int = 0) -> Iterator[Record]:
    """Yield the records of lines as csv.reader does; an empty line has no fields.

    Parameters
    ----------
    lines
        The text with its line breaks.
    separator
        One character; ``BLANKS`` for runs of blanks and tabs.
    first_line
        Number of the first of the lines.
    """
    runs = separator == BLANKS
    reader = csv.reader(
        map(_narrowed, lines) if runs else lines, delimiter=separator, skipinitialspace=runs
    )
    line = first_line
    for fields in reader:
        next_line = first_line + reader.line_num
        yield Record(line, fields, next_line)
        line = next_line


def _narrowed(line: str) -> str:
    """Return a line with one blank for every run of blanks, none at its ends."""
    body = line.rstrip("\r\n")
    end = line[len(body) :]
    return (
        RUN.sub(" ", body).strip(" ") if '"' not in body else body.replace("\t", " ").strip(" ")
    ) + end
