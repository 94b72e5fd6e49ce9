"""Lines before a table that are not rows: titles in words, set apart or in one cell."""

from __future__ import annotations

from fastmlp.data.raw.cells import is_gap, is_name_like, is_value

from .header import decide_header

LONGEST_SHOWN = 40


def are_titles(leading: list[list[str]], width: int, apart: bool) -> bool:
    """Return whether the records before the table are titles: in words, and short or set apart.

    Parameters
    ----------
    leading
        Their fields.
    width
        The length of the table's rows.
    apart
        Whether a blank line stands between them and the table.
    """
    short = max(1, width // 2)
    return all(
        len(fields) < width
        and (apart or len(fields) <= short)
        and any(map(is_name_like, fields))
        and not all(is_value(cell) or is_gap(cell) for cell in fields)
        for fields in leading
    )


def count_titles(rows: list[list[str]], width: int) -> int:
    """Return how many rows at the top are titles: one text, empty fields, and a header below.

    Parameters
    ----------
    rows
        The first rows.
    width
        Their usual length.
    """
    place = 0
    while place < len(rows) and _is_sparse(rows[place], width):
        place += 1
    is_blank = not any(cell.strip() for row in rows[:place] for cell in row)
    if not 0 < place < len(rows) - 1 or is_blank:
        return 0
    return place if decide_header(rows[place], rows[place + 1 :]).has_header else 0


def _is_sparse(fields: list[str], width: int) -> bool:
    filled = [cell for cell in fields if cell.strip()]
    return width > 2 and len(fields) == width and len(filled) < 2 and not any(map(is_value, filled))


def titles_note(count: int, first: list[str], what: str = "line") -> tuple[str, ...]:
    """Return a note on titles that were skipped, with the text of the first, if there are any."""
    if not count:
        return ()
    title = next((cell.strip() for cell in first if cell.strip()), "")
    title = title if len(title) <= LONGEST_SHOWN else title[: LONGEST_SHOWN - 1] + "…"
    return (f"{counted(count, what)} skipped before the table, from {title!r} on.",)


def counted(count: int, what: str) -> str:
    """Return ``"1 line was"`` or ``"3 lines were"``."""
    return f"1 {what} was" if count == 1 else f"{count:,} {what}s were"
