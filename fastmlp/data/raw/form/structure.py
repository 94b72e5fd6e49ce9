"""The structure of delimited text by its bytes: quotes, lengths and beginnings of records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PIECE = 4 << 20
QUOTE, FEED, RETURN = ord('"'), ord("\n"), ord("\r")
BLANK_BYTES = b" \t\x0b\x0c\r"
PLAIN, REGULAR, LITERAL, IRREGULAR = "plain", "regular", "literal", "irregular"


@dataclass(frozen=True)
class Quoting:
    """How a text uses quotes."""

    # ``PLAIN``: not at all; ``REGULAR``: around whole fields, doubled inside; ``LITERAL``: never at
    # the beginning of a field, so that all are ordinary signs; ``IRREGULAR``: otherwise, for
    # csv.reader alone to read
    kind: str
    # whether two quotes stand side by side, as where they are an empty field
    has_empty: bool = False


def quoting_of(values: np.ndarray, separator: int) -> Quoting:
    """Return how a text uses quotes.

    Parameters
    ----------
    values
        The bytes of the rows, uint8 (size,); a carriage return stands before a line feed only.
    separator
        The byte between fields.
    """
    # Quotes alternate between opening and closing; of a doubled one the first closes and the second
    # opens again.
    seen, last, has_empty = 0, -2, False
    allowed = np.zeros(256, bool)
    allowed[[separator, FEED, RETURN, QUOTE]] = True
    for begin in range(0, len(values), PIECE):
        places = np.flatnonzero(values[begin : begin + PIECE] == QUOTE) + begin
        if not len(places):
            continue
        opening, closing = places[seen % 2 :: 2], places[1 - seen % 2 :: 2]
        before, after = opening[opening > 0] - 1, closing[closing < len(values) - 1] + 1
        if not allowed[values[before]].all() or not allowed[values[after]].all():
            return Quoting(IRREGULAR if _open_fields(values, separator) else LITERAL)
        has_empty = has_empty or bool(places[0] == last + 1 or (np.diff(places) == 1).any())
        seen, last = seen + len(places), places[-1]
    if seen % 2:
        return Quoting(IRREGULAR if _open_fields(values, separator) else LITERAL)
    return Quoting(REGULAR if seen else PLAIN, has_empty)


def _open_fields(values: np.ndarray, separator: int) -> bool:
    """Return whether any quote stands at the beginning of a field."""
    for begin in range(0, len(values), PIECE):
        places = np.flatnonzero(values[begin : begin + PIECE] == QUOTE) + begin
        before = values[places[places > 0] - 1]
        if np.isin(before, (separator, FEED, RETURN)).any() or (len(places) and places[0] == 0):
            return True
    return False


@dataclass(frozen=True)
class Structure:
    """The records of a text."""

    # begins, ends: int64 (records,), where each begins, and its line feed or the end of the text
    begins: np.ndarray
    ends: np.ndarray
    separators: np.ndarray  # int64 (records,), how many separators each has

    def __len__(self) -> int:
        return len(self.ends)


def structure_of(values: np.ndarray, separator: int, quoted: bool) -> Structure:
    """Return where records begin and end, and how many separators each has.

    Parameters
    ----------
    values
        The bytes of the rows, uint8 (size,).
    separator
        The byte between fields.
    quoted
        Whether separators and line feeds inside quotes are ordinary signs; quotes must then be
        regular.
    """
    ends, totals, total, inside = [], [], 0, False
    for begin in range(0, len(values), PIECE):
        piece = values[begin : begin + PIECE]
        feeds, marks = piece == FEED, piece == separator
        if quoted:
            parity = np.logical_xor.accumulate(piece == QUOTE) ^ inside
            inside = bool(parity[-1])
            feeds, marks = feeds & ~parity, marks & ~parity
        feeds, marks = np.flatnonzero(feeds), np.flatnonzero(marks)
        ends.append(feeds + begin)
        totals.append(total + np.searchsorted(marks, feeds))
        total += len(marks)
    nothing = np.empty(0, np.int64)
    ends, totals = np.concatenate([nothing, *ends]), np.concatenate([nothing, *totals])
    if len(values) and (not len(ends) or ends[-1] < len(values) - 1):
        ends, totals = np.append(ends, len(values)), np.append(totals, total)
    return Structure(np.append(0, ends[:-1] + 1)[: len(ends)], ends, np.diff(totals, prepend=0))


def places_of(values: np.ndarray, byte: int) -> np.ndarray:
    """Return where a byte occurs, int64."""
    begins = range(0, len(values), PIECE)
    found = [np.flatnonzero(values[begin : begin + PIECE] == byte) + begin for begin in begins]
    return np.concatenate(found) if found else np.empty(0, np.int64)


def count(values: np.ndarray, byte: int) -> int:
    """Return how often a byte occurs."""
    begins = range(0, len(values), PIECE)
    return sum(int(np.count_nonzero(values[begin : begin + PIECE] == byte)) for begin in begins)


def blank_records(values: np.ndarray, structure: Structure, separator: int) -> np.ndarray:
    """Return bool (records,): lines of blanks alone, without a separator."""
    blank = np.zeros(len(structure), bool)
    bare = BLANK_BYTES.replace(bytes([separator]), b"")
    for record in np.flatnonzero(structure.separators == 0).tolist():
        line = values[structure.begins[record] : structure.ends[record]].tobytes()
        blank[record] = not line.strip(bare)
    return blank


def squeezed(values: np.ndarray) -> bytes:
    """Return a text without quotes with single blanks for runs, and none at the ends of lines."""
    pieces, before = [], FEED
    for begin in range(0, len(values), PIECE):
        piece = values[begin : begin + PIECE]
        blanks = (piece == 32) | (piece == 9)
        stops = blanks | (piece == FEED)
        # Of a run the last blank is kept, unless the line ends or the run began it.
        following = values[begin + len(piece)] if begin + len(piece) < len(values) else FEED
        next_stops = np.append(stops[1:], following in (32, 9, FEED, RETURN))
        next_stops[:-1] |= piece[1:] == RETURN
        kept = ~blanks | ~next_stops
        text = np.where(blanks, np.uint8(32), piece)[kept]
        previous = np.append(np.uint8(before), text[:-1])
        text = text[~((text == 32) & (previous == FEED))]
        if len(text):
            before = int(text[-1])
            pieces.append(text.tobytes())
    return b"".join(pieces)
