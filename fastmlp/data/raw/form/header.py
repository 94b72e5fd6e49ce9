"""Whether a table's first row is a header, decided column by column from the rows below."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from fastmlp.data.raw.cells import is_gap, is_name_like, is_number, is_value

from .layout import Layout

ROWS_JUDGED = 200
COLUMNS_JUDGED = 300  # spread over the table, the first and the last among them
MOSTLY = 0.8  # so many of a column's cells must be values for it to be a column of values
FEW_LEVELS = 0.5  # a column with at most so many different texts a row has levels
SHORT_RUN = 5  # 0, 1, 2, ... as a row of data is a matter of chance up to this length
YEARS = (1800, 2100)
NUMBERED = re.compile(r"column_[0-9]+")


@dataclass(frozen=True)
class Verdict:
    """Whether there is a header, a note if that is uncertain, and whether its names are numbers."""

    has_header: bool
    note: str | None = None
    numbered: bool = False


@dataclass
class _Votes:
    """How many columns say what of the first row.

    ``named``: a text over values. ``valued``: a value over values. ``levelled``: a text that is
    none of the few levels below. ``recurring``: a text that occurs again, below or beside.
    ``unlike``: any other text over texts.
    """

    named: int = 0
    valued: int = 0
    levelled: int = 0
    recurring: int = 0
    unlike: int = 0


def decide_header(first: list[str], below: list[list[str]]) -> Verdict:
    """Decide whether a row is the header of the rows below it.

    Parameters
    ----------
    first
        The cells of the first row.
    below
        Those of the rows below, as many as are at hand; rows of another length are not asked.
    """
    below = [row for row in below[:ROWS_JUDGED] if len(row) == len(first)]
    votes = _count(first, below)
    if votes == _Votes():  # nothing below to compare with
        return _of_one_row(first)
    if _is_run(first, below) and not _recurs(first, below):
        return _numbers_as_names(first)
    if not votes.valued and not votes.named:
        return _of_texts(votes)
    if not votes.valued:
        return Verdict(True, _doubt() if votes.recurring > votes.named + votes.levelled else None)
    if _are_named_numbers(first, below, votes):
        return _numbers_as_names(first)
    if votes.named and votes.named >= votes.valued and votes.named >= votes.recurring:
        return Verdict(True, _doubt())
    return Verdict(False, no_header_note())


def header_of(first: list[str], below: list[list[str]], layout: Layout) -> Verdict:
    """Return what the user says of a header, else what a model expects, else what rows show."""
    if layout.header is not None:
        return Verdict(layout.header)
    return expected_header(first, layout.expected) or decide_header(first, below)


def expected_header(first: list[str], expected: tuple[str, ...]) -> Verdict | None:
    """Decide by the names that a model expects; None where they tell nothing."""
    if not expected:
        return None
    cells = {cell.strip() for cell in first}
    if 2 * sum(name in cells for name in expected) >= len(expected):
        return Verdict(True)
    return Verdict(False) if all(NUMBERED.fullmatch(name) for name in expected) else None


def no_header_note() -> str:
    """Return the note for a table in which no header was found."""
    return (
        "the first row is like those below it, so the table has no header; its columns are called "
        "column_1 and so on. --header takes the first row as their names."
    )


def _doubt() -> str:
    return (
        "the first row is taken as the header, which the rows below leave in doubt; --no-header "
        "reads it as a row."
    )


def _numbers_as_names(first: list[str]) -> Verdict:
    shown = ", ".join(first[:4]) + (", …" if len(first) > 4 else "")
    note = f"the first row ({shown}) is taken as the header; --no-header reads it as a row."
    return Verdict(True, note, numbered=True)


def _of_one_row(first: list[str]) -> Verdict:
    if any(is_value(cell) for cell in first) or all(is_gap(cell) for cell in first):
        return Verdict(False, no_header_note().replace("is like those below it", "holds values"))
    return Verdict(True)


def _of_texts(votes: _Votes) -> Verdict:
    if votes.recurring and votes.recurring >= votes.levelled:
        return Verdict(False, no_header_note())
    return Verdict(True, None if votes.levelled and not votes.recurring else _doubt())


def _count(first: list[str], below: list[list[str]]) -> _Votes:
    votes, tops = _Votes(), set()
    columns = np.unique(np.linspace(0, len(first) - 1, min(len(first), COLUMNS_JUDGED)).astype(int))
    for column in columns.tolist():
        top = first[column].strip()
        cells = [cell for row in below if not is_gap(cell := row[column].strip())]
        if is_gap(top) or not cells:
            continue
        values = sum(map(is_value, cells)) >= MOSTLY * len(cells)
        if values and is_value(top):
            votes.valued += 1
        elif top in cells or top in tops:
            votes.recurring += 1
        elif values:
            votes.named += is_name_like(top)
        elif len(cells) >= 4 and len(set(cells)) <= FEW_LEVELS * len(cells):
            votes.levelled += 1
        else:
            votes.unlike += 1
        tops.add(top)
    return votes


def _whole(cells: list[str]) -> list[int] | None:
    """Return cells as whole numbers as a name would spell them, or None."""
    texts = [cell.strip() for cell in cells]
    digits = all(text.isascii() and text.isdigit() and len(text) < 10 for text in texts)
    plain = digits and all(str(int(text)) == text for text in texts)
    return [int(text) for text in texts] if plain else None


def _is_run(first: list[str], below: list[list[str]]) -> bool:
    """Return whether a row counts from 0 or 1, perhaps after an empty cell, as pandas names do."""
    led = len(first) > 1 and not first[0].strip()
    if led and any(is_gap(row[0]) for row in below):  # no index
        return False
    numbers = _whole(first[1:] if led else first)
    return numbers is not None and (_is_counted(numbers) or (led and numbers == [0]))


def _is_counted(numbers: list[int]) -> bool:
    if len(numbers) < 2 or numbers[0] not in (0, 1):
        return False
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _recurs(first: list[str], below: list[list[str]]) -> bool:
    """Return whether whole numbers in a row may be data: every column has some, those among them.

    Of two columns the whole numbers are enough.
    """
    if not first[0].strip() or len(first) > SHORT_RUN:
        return False
    columns = [[row[column].strip() for row in below] for column in range(len(first))]
    if any(_whole([cell for cell in cells if not is_gap(cell)]) is None for cells in columns):
        return False
    pairs = zip(first, columns, strict=True)
    return len(first) == 2 or all(cell.strip() in cells for cell, cells in pairs)


def _are_named_numbers(first: list[str], below: list[list[str]], votes: _Votes) -> bool:
    """Return whether a row holds years, or even steps beside names: ``country,2019,2020``."""
    places = [column for column, cell in enumerate(first) if is_number(cell)]
    numbers = _whole([first[column] for column in places])
    if votes.recurring or not numbers:
        return False
    rows = [_whole([row[column] for column in places]) for row in below]
    named = votes.named + votes.levelled + votes.unlike
    if _are_years(numbers):
        alike = sum(row is not None and any(map(_is_year, row)) for row in rows)
        return alike < len(rows) / 2 if named else alike < len(rows) / 5 and len(numbers) > 2
    alike = sum(row is not None and _are_steps(row) for row in rows)
    return named > 0 and _are_steps(numbers) and alike < len(rows) / 2


def _is_year(number: int) -> bool:
    return YEARS[0] <= number <= YEARS[1]


def _are_years(numbers: list[int]) -> bool:
    return all(map(_is_year, numbers)) and _go_one_way(numbers)


def _are_steps(numbers: list[int]) -> bool:
    even = len(numbers) > 2 and len(set(np.diff(numbers).tolist())) == 1
    return _is_counted(numbers) or (even and _go_one_way(numbers))


def _go_one_way(numbers: list[int]) -> bool:
    steps = np.diff(numbers)
    return bool((steps > 0).all() or (steps < 0).all())
