"""Spellings: texts that are no level of a column but mean one, or a gap."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from fastmlp.data.readings.kinds.gaps import GAP_SPELLINGS, GAP_WORDS


def spelt_gap(levels: Sequence[str]) -> int:
    """Return the place of the only level that is a word for a gap, else -1."""
    spelt = [place for place, level in enumerate(levels) if level.lower() in GAP_WORDS]
    return spelt[0] if len(spelt) == 1 else -1


def other_spellings(
    levels: Sequence[str], gap: int, had_gaps: bool, gaps: Sequence[str]
) -> dict[str, int]:
    """Return the places of texts that are no level but spell one, or a gap.

    1.0 and 1 are the level 01, as codes become where a program made numbers of them, unless two
    levels are that number; where training saw gaps, a word that spells one elsewhere is one. These
    are all: an exported model holds them too.

    Parameters
    ----------
    levels
        The texts that have a place of their own.
    gap
        The place of a gap.
    had_gaps
        Whether the training rows had some.
    gaps
        What spells a gap in this column.
    """
    found = dict.fromkeys(GAP_SPELLINGS, gap) if had_gaps else {}
    values = [_number_or_none(level) for level in levels]
    counts = Counter(values)
    for place, value in enumerate(values):
        if value is not None and counts[value] == 1:
            found |= dict.fromkeys(number_spellings(value), place)
    found |= dict.fromkeys(gaps, gap)
    known = frozenset(levels)
    return {text: place for text, place in found.items() if text not in known}


def number_spellings(value: float) -> set[str]:
    """Return how programs write a number: 1.0 and 1, 1e-05 and 0.00001."""
    import polars

    whole = {str(int(value))} if value == int(value) else set()
    return {repr(value), str(polars.Series([value]).cast(polars.String)[0])} | whole


def _number_or_none(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
