"""The columns of plain numbers, found for the whole frame at once: it may have thousands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .cells import Cells
from .gaps import gap_cells, trimmed
from .levels import Levels

if TYPE_CHECKING:
    import polars

SHORTEST_DIALLED = 1e7  # telephone numbers with a plus, +4930123456, have eight digits or more
LONGEST_EXACT = 1e18  # whole numbers beyond it lose digits as float64, and do not fit int64


@dataclass(frozen=True)
class Plain:
    """What a look at all text columns of a frame found."""

    # the text columns by name that are no plain numbers as they came, trimmed, their empty cells
    # null
    levels: dict[str, Levels]
    # the text columns that hold plain numbers and gaps alone, as int64 or float64
    numbers: dict[str, polars.Series]
    # names of columns of digits that are no quantities: written with leading zeros, too long to be
    # exact, or all with a plus as telephone numbers are
    codes: frozenset[str]
    # the spellings of a gap that were found, by column, in columns of numbers
    gap_words: dict[str, tuple[str, ...]]


def plain_numbers(frame: polars.DataFrame, gaps: tuple[str, ...] = ()) -> Plain:
    """Look at all text columns of a frame.

    Parameters
    ----------
    frame
        Columns of any type; those that are not String are passed over.
    gaps
        Spellings that count as gaps beside the usual ones.
    """
    import polars

    columns = [series for series in frame if series.dtype == polars.String]
    texts = Cells.of(columns)
    numbers = texts.changed(finite_number)
    lost = numbers.null_counts() > texts.null_counts()
    kept = [columns[place] for place in np.flatnonzero(~lost)]
    found, codes = _typed(texts.take(~lost), numbers.take(~lost), kept)
    repaired = _repaired([columns[place] for place in np.flatnonzero(lost)], gaps)
    good = {name: each.numbers for name, each in repaired.items() if each.numbers is not None}
    levels = {name: each.levels for name, each in repaired.items()}
    if good:
        columns = [levels[name].rows(levels[name].texts).alias(name) for name in good]
        read = [levels[name].rows(numbers).alias(name) for name, numbers in good.items()]
        more, more_codes = _typed(Cells.of(columns), Cells.of(read), columns)
        found, codes = found | more, codes | more_codes
    words = {name: repaired[name].words for name in good if repaired[name].words}
    return Plain(levels, found, frozenset(codes), words)


def frame_of(columns: Iterable[polars.Series]) -> polars.DataFrame:
    """Return columns of different names side by side; polars would rename one called ""."""
    import polars

    columns = list(columns)
    is_named = all(series.name for series in columns)
    return polars.DataFrame(columns if is_named else {series.name: series for series in columns})


@dataclass(frozen=True, eq=False)
class _Repaired:
    """A column of texts, trimmed; its numbers if the rest are words for gaps, and these words."""

    levels: Levels
    numbers: polars.Series | None
    words: tuple[str, ...]


def _repaired(columns: list[polars.Series], gaps: tuple[str, ...]) -> dict[str, _Repaired]:
    """Trim columns and take out the words that spell gaps, all columns' texts in one pass."""
    import polars

    if not columns:
        return {}
    levels = [Levels.of(series.alias("")) for series in columns]
    ends = np.cumsum([len(each.texts) for each in levels]).tolist()
    texts = trimmed(polars.concat([each.texts for each in levels], rechunk=True))
    spelt = gap_cells(texts, gaps)
    numbers = texts.set(spelt, None).to_frame("").select(finite_number(polars.all())).to_series()
    starts = [0, *ends[:-1]]
    is_other = numbers.is_null() & texts.is_not_null() & ~spelt
    others = np.add.reduceat(is_other.to_numpy(), starts, dtype=np.int64)
    have_words = np.add.reduceat(spelt.to_numpy(), starts, dtype=np.int64)
    result = {}
    places = zip(columns, levels, starts, ends, others.tolist(), have_words.tolist(), strict=True)
    for series, each, start, end, has_others, has_words in places:
        own, words = texts.slice(start, end - start), ()
        if has_words and not has_others:
            words = tuple(own.filter(spelt.slice(start, end - start)).unique().sort())
        found = None if has_others else numbers.slice(start, end - start)
        result[series.name] = _Repaired(replace(each, texts=own), found, words)
    return result


def finite_number(cell: polars.Expr) -> polars.Expr:
    """Return texts or numbers as float64; what is no finite number is null."""
    import polars

    value = cell.cast(polars.Float64, strict=False)
    return polars.when(value.is_finite()).then(value)


def _typed(
    texts: Cells, numbers: Cells, columns: list[polars.Series]
) -> tuple[dict[str, polars.Series], set[str]]:
    """Return numeric columns by name, int64 where whole, and the names of those that are codes."""
    import polars

    is_whole = ~numbers.having(lambda cell: cell != cell.floor())
    written = texts.take(is_whole)
    whole = written.changed(lambda cell: cell.cast(polars.Int64, strict=False))
    as_written = whole.null_counts() == numbers.null_counts()[is_whole]  # 1.0 and 1e3 are not
    is_code = np.zeros(len(columns), bool)
    led_by_zero = written.having(lambda cell: cell.str.contains(r"^[+-]?0[0-9]+$"))
    is_code[is_whole] = as_written & led_by_zero

    def spelt(place: int, pattern: str) -> polars.Series:
        return columns[place].alias("").str.strip_chars().str.contains(pattern)

    for place in np.flatnonzero(numbers.having(lambda cell: cell.abs() >= LONGEST_EXACT)).tolist():
        is_code[place] |= spelt(place, r"^[+-]?[0-9]{19,}$").any()
    is_whole[is_whole] = as_written
    could_be_dialled = is_whole & numbers.having(lambda cell: cell >= SHORTEST_DIALLED)
    for place in np.flatnonzero(could_be_dialled).tolist():
        is_code[place] |= spelt(place, r"^\+[0-9]{8,15}$").all()
    found = dict(zip(np.flatnonzero(~is_whole).tolist(), numbers.columns(~is_whole), strict=True))
    found |= zip(np.flatnonzero(is_whole).tolist(), whole.columns(as_written), strict=True)
    names = [series.name for series in columns]
    return (
        {name: found[place].alias(name) for place, name in enumerate(names) if not is_code[place]},
        {names[place] for place in np.flatnonzero(is_code)},
    )
