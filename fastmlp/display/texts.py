"""Texts from data as people may see them: on one line, not too long, without control characters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

LONGEST = 40  # characters of a name


def plain(text: Any, most: int = LONGEST) -> str:
    """Return a text whose characters can all be printed, cut where it is longer than ``most``."""
    text = str(text)
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def listed(names: Iterable[Any], most: int = 6) -> str:
    """Return names with commas between, the first few of many."""
    names = list(names)
    more = f", … ({len(names):,})" if len(names) > most else ""
    return ", ".join(plain(name) for name in names[:most]) + more


def counted(count: int, word: str, plural: str = "") -> str:
    """Return ``1 row``, ``1,438 rows``; ``plural`` where an s does not do."""
    return f"{count:,} {word if count == 1 else plural or f'{word}s'}"


def measured(value: Any) -> str:
    """Return a number with four digits that count, anything else as a text; no number is a dash."""
    if value is None or value != value:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return plain(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.3e}"
