"""The separator of a text: the one under which its lines agree best and its fields are cleanest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from fastmlp.data.raw.cells import is_gap, is_name_like, is_number, is_value

from .header import MOSTLY
from .layout import BLANKS, IN_WORDS
from .records import Record, is_blank, long_fields, records_of

SEPARATORS = (",", ";", "\t", "|")
NONE = "\x1f"  # divides a text of one column: a sign that no such text holds
RECORDS_JUDGED = 250
CELLS_JUDGED = 4000
FEWEST_ALIKE = 0.5  # lines of one length, for a sign to be a separator at all
CLEARLY_ALIKE = 0.9
CLEARLY_CLEAN = 0.8
DOUBTFUL = 0.75  # of the best score: the next best separator is worth a note
SPARE_HEADER = 0.8  # score of a division under which the first lines are of another length
TABS_BY_NAME = 1.2


@dataclass(frozen=True)
class Division:
    """The first records of a text under one separator."""

    separator: str  # what divides the fields
    records: list[Record]  # the first records, blank lines left out
    width: int  # the length that most of them have
    start: int  # which of them is the first of that length
    # alike, clean: how many of the records from there on have it, and how clean their fields are,
    # from 0 to 1
    alike: float
    clean: float

    @property
    def score(self) -> float:
        """How well the separator fits."""
        return self.alike**2 * self.clean * (SPARE_HEADER if self.start else 1)


def divide(lines: list[str], first_line: int, separator: str, complete: bool) -> Division:
    """Divide lines by one separator.

    Parameters
    ----------
    lines
        The first lines of the text, with their line breaks.
    first_line
        Number of the first of them.
    separator
        What is tried.
    complete
        Whether these are all lines; if not, the last record may be cut and is left out.
    """
    with long_fields():
        found = list(islice(records_of(lines, separator, first_line), RECORDS_JUDGED + 1))
    if len(found) > RECORDS_JUDGED or (not complete and len(found) > 1):
        found.pop()
    records = [record for record in found if not is_blank(record.fields, 2)]
    counts = Counter(len(record.fields) for record in records)
    width = max(counts, key=lambda count: (counts[count], count), default=0)
    start = next((place for place, record in enumerate(records) if len(record.fields) == width), 0)
    kept = records[start:]
    alike = sum(len(record.fields) == width for record in kept) / len(kept) if kept else 0.0
    clean = _cleanliness(kept, width, separator)
    return Division(separator, records, width, start, alike, clean)


def find_division(
    lines: list[str], first_line: int, complete: bool, tabs_by_name: bool
) -> tuple[Division, str | None]:
    """Return the division that fits lines best, and what to tell where another would do as well.

    Parameters
    ----------
    lines, first_line, complete
        As for ``divide``.
    tabs_by_name
        Whether the file's name promises tabs, which counts only where the lines have them.
    """
    text = "".join(lines)
    tried = [divide(lines, first_line, sign, complete) for sign in SEPARATORS if sign in text]

    def weight(division: Division) -> float:
        return division.score * (TABS_BY_NAME if tabs_by_name and division.separator == "\t" else 1)

    fitting = [each for each in tried if each.width > 1 and each.alike >= FEWEST_ALIKE]
    fitting = sorted(
        (each for each in fitting if not _are_decimal_commas(each, lines)), key=weight, reverse=True
    )
    best = fitting[0] if fitting else None
    if best is None or best.alike < CLEARLY_ALIKE or best.clean < CLEARLY_CLEAN or best.start:
        runs = divide(lines, first_line, BLANKS, complete)
        if _fits_blanks(runs, lines) and (best is None or runs.score > best.score):
            return runs, None
    if best is None:
        return divide(lines, first_line, NONE, complete), None
    doubt = None
    if len(fitting) > 1 and weight(fitting[1]) > DOUBTFUL * weight(best):
        doubt = (
            f"fields are divided by {IN_WORDS[best.separator]}; {IN_WORDS[fitting[1].separator]} "
            "would fit as well. --separator sets what divides them."
        )
    return best, doubt


def separator_of_one_column(lines: list[str]) -> str:
    """Return a usual separator that does not occur in lines of one field."""
    text = "".join(lines)
    return next((sign for sign in SEPARATORS if sign not in text), NONE)


def _cleanliness(records: list[Record], width: int, separator: str) -> float:
    """Return the mean over fields of how likely each is one field, from 0 to 1."""
    rows = [record.fields for record in (records[1:] or records) if len(record.fields) == width]
    cells = list(islice(_spread(rows, width), CELLS_JUDGED))
    return sum(_cleanness(cell, separator) for cell in cells) / len(cells) if cells else 0.0


def _spread(rows: list[list[str]], width: int) -> Iterator[str]:
    step = max(1, len(rows) * width // CELLS_JUDGED)
    yield from (cell for row in rows for cell in row[::step])


def _cleanness(cell: str, separator: str) -> float:
    text = cell.strip()
    if text.count('"') % 2:  # half of a quoted text
        return 0.0
    if is_gap(text) or is_value(text):
        return 1.0
    if "\t" in text and separator != BLANKS:
        return 0.0
    if ";" in text or "|" in text:
        return 0.2
    if "," in text and separator != "\t":
        return 0.8 if ", " in text else 0.4
    if not is_name_like(text) and " " in text:  # numbers side by side
        return 0.3
    return 0.9


def _are_decimal_commas(division: Division, lines: list[str]) -> bool:
    """Return whether commas are decimal: below a name without one each line is a number."""
    if division.separator != "," or len(division.records) < 2:
        return False
    whole = [line.strip().strip('"') for line in lines[:RECORDS_JUDGED] if line.strip()]
    return "," not in whole[0] and all(is_number(line) or is_gap(line) for line in whole[1:])


def _fits_blanks(division: Division, lines: list[str]) -> bool:
    """Return whether runs of blanks divide a table: its lines agree, and a column is numeric."""
    records = (record.fields for record in division.records[division.start :])
    rows = [fields for fields in records if len(fields) == division.width]
    if division.width < 2 or division.alike < CLEARLY_ALIKE or division.clean < CLEARLY_CLEAN:
        return False
    is_quoted = '"' in "".join(lines[:2])
    if division.start and division.width == 2 and not is_quoted:  # one name over dates and times
        return False
    below = rows[1:] or rows
    columns = zip(*below, strict=True)
    return any(sum(map(is_number, column)) >= MOSTLY * len(below) for column in columns)
