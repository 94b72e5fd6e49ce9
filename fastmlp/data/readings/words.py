"""Words for messages: lists of names, cells with places, counts, texts short enough to print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars

LONGEST = 30
MOST_CELLS = 3
MOST_NAMES = 5


def brief(text: str, longest: int = LONGEST) -> str:
    """Return a text cut to a length."""
    return text if len(text) <= longest else text[: longest - 3] + "..."


def printable(text: str, longest: int = LONGEST) -> str:
    """Return a text of one line, cut to a length, with blanks for signs that cannot be seen."""
    cut = text[: longest + 1]
    return brief("".join(sign if sign.isprintable() else " " for sign in cut), longest)


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: ``1 cell``, ``2,000 cells``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(names: Sequence[str], most: int = MOST_NAMES) -> str:
    """Return names for a message: ``'a', 'b', 'c' and 7 more``."""
    head = ", ".join(repr(brief(name)) for name in names[:most])
    return head if len(names) <= most else f"{head} and {len(names) - most:,} more"


def columns_named(names: Sequence[str]) -> str:
    """Return the subject of a sentence on columns: ``column 'a'``, ``columns 'a', 'b'``."""
    return f"column{'s' * (len(names) != 1)} {listed(names)}"


def shown(column: polars.Series, cells: polars.Series, place_of: Callable[[int], str]) -> str:
    """Return up to three different cells with their first places: ``'<1.0' (line 9)``.

    Parameters
    ----------
    column
        The column as it came.
    cells
        Booleans: which of its cells are meant.
    place_of
        The place of a row.
    """
    column, rows = column.alias("cells"), cells.alias("is meant").arg_true()
    if column.dtype.is_temporal():
        column = column.to_physical()  # a date beyond the calendar cannot be written as one
    odd = column.gather(rows)
    firsts = rows.gather(odd.arg_unique().sort())
    first = firsts.head(MOST_CELLS)
    texts = [brief(str(cell)) for cell in column.gather(first).to_list()]
    pairs = zip(texts, first.to_list(), strict=True)
    parts = [f"{text!r} ({place_of(row)})" for text, row in pairs]
    return ", ".join(parts) + (", …" if len(firsts) > MOST_CELLS else "")
