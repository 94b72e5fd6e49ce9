"""The columns of a frame that are plain numbers, found for the whole frame at once: a wide table has thousands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .cells import chosen, columns_with, of_each
from .gaps import gap_cells, trimmed
from .levels import Levels

if TYPE_CHECKING:
    import polars

LONGEST_EXACT = 1e18  # whole numbers beyond it lose digits as float64, and do not fit int64
SHORTEST_DIALLED = 1e7  # telephone numbers with a plus, +4930123456, have eight digits or more


@dataclass(frozen=True)
class Plain:
    """What a look at all text columns of a frame found.

    Parameters
    ----------
    texts
        The text columns by name that are plain numbers as they came.
    levels
        The other text columns, trimmed, their empty cells null.
    numbers
        Those of both that hold plain numbers and gaps alone, as int64 or float64.
    codes
        Names of columns of digits that are no quantities: written with leading zeros, too long to be exact, or all with
        a plus as telephone numbers are.
    gap_words
        The spellings of a gap that were found, by column, in columns of numbers.
    """

    texts: dict[str, polars.Series]
    levels: dict[str, Levels]
    numbers: dict[str, polars.Series]
    codes: frozenset[str]
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
    names = {str(position): series.name for position, series in enumerate(columns)}
    # A name may be empty, or look like a pattern; neither can be said in an expression.
    texts = polars.DataFrame([series.alias(key) for key, series in zip(names, columns, strict=True)])
    numbers = finite_numbers(texts)
    lost = failed(texts, numbers)
    by_key = dict(zip(texts.columns, texts, strict=True))
    repaired = _repaired({key: Levels.of(by_key[key]) for key in lost}, gaps)
    good = {key: each for key, each in repaired.items() if each.numbers is not None}
    found = dict(zip(numbers.columns, numbers, strict=True))
    for key, each in repaired.items():
        del found[key]
        if key in good:
            found[key] = each.levels.rows(each.numbers).alias(key)
            by_key[key] = each.levels.rows(each.levels.texts).alias(key)
    found, codes = _with_integers(by_key, polars.DataFrame(list(found.values())))
    return Plain(
        {name: by_key[key].alias(name) for key, name in names.items() if key not in repaired},
        {names[key]: each.levels for key, each in repaired.items()},
        {names[key]: series.alias(names[key]) for key, series in found.items()},
        frozenset(names[key] for key in codes),
        {names[key]: each.words for key, each in good.items() if each.words},
    )


def frame_of(columns: Iterable[polars.Series]) -> polars.DataFrame:
    """Return columns of different names side by side; one may be called "", which polars would name anew."""
    import polars

    columns = list(columns)
    is_named = all(series.name for series in columns)
    return polars.DataFrame(columns if is_named else {series.name: series for series in columns})


@dataclass(frozen=True, eq=False)
class _Repaired:
    """A column of texts, trimmed; its numbers if the rest are words that spell gaps, and these words."""

    levels: Levels
    numbers: polars.Series | None
    words: tuple[str, ...]


def _repaired(columns: dict[str, Levels], gaps: tuple[str, ...]) -> dict[str, _Repaired]:
    """Trim columns and take out the words that spell gaps, all columns' texts in one pass."""
    import polars

    if not columns:
        return {}
    ends = np.cumsum([len(each.texts) for each in columns.values()]).tolist()
    texts = trimmed(polars.concat([each.texts for each in columns.values()], rechunk=True))
    spelt = gap_cells(texts, gaps)
    numbers = _finite(texts.set(spelt, None).cast(polars.Float64, strict=False))
    starts = [0, *ends[:-1]]
    others = np.add.reduceat((numbers.is_null() & texts.is_not_null() & ~spelt).to_numpy(), starts, dtype=np.int64)
    have_words = np.add.reduceat(spelt.to_numpy(), starts, dtype=np.int64)
    result = {}
    for (key, each), start, end, is_other, has_words in zip(
        columns.items(), starts, ends, others.tolist(), have_words.tolist(), strict=True
    ):
        own, words = texts.slice(start, end - start), ()
        if has_words and not is_other:
            words = tuple(own.filter(spelt.slice(start, end - start)).unique().sort())
        found = None if is_other else numbers.slice(start, end - start)
        result[key] = _Repaired(replace(each, texts=own.alias(each.texts.name)), found, words)
    return result


def finite_numbers(columns: polars.DataFrame) -> polars.DataFrame:
    """Return columns of texts, or of numbers of one type, as float64; what is no finite number is null."""
    import polars

    return of_each(columns, lambda cell: _finite(cell.cast(polars.Float64, strict=False)))


def _finite(values: polars.Expr | polars.Series) -> polars.Expr | polars.Series:
    import polars

    if isinstance(values, polars.Series):
        return values.set(~values.is_finite().fill_null(True), None)
    return polars.when(values.is_finite()).then(values)


def failed(texts: polars.DataFrame, numbers: polars.DataFrame) -> list[str]:
    """Return the columns in which a text became no number."""
    if not texts.width:
        return []
    before, after = texts.null_count().row(0), numbers.null_count().row(0)
    return [name for name, gaps, nulls in zip(texts.columns, before, after, strict=True) if nulls > gaps]


def _with_integers(
    texts: dict[str, polars.Series], numbers: polars.DataFrame
) -> tuple[dict[str, polars.Series], set[str]]:
    """Make int64 of the columns that hold whole numbers; return those of codes apart."""
    import polars

    fractional = set(columns_with(numbers, lambda cell: cell != cell.floor()))
    integral = polars.DataFrame([texts[name] for name in numbers.columns if name not in fractional])
    whole = of_each(integral, lambda cell: cell.cast(polars.Int64, strict=False)) if integral.width else integral
    other = set(failed(chosen(numbers, integral.columns), whole))
    integers = [name for name in integral.columns if name not in other]
    codes = set(columns_with(chosen(integral, integers), lambda cell: cell.str.contains(r"^[+-]?0[0-9]")))
    for name in columns_with(numbers, lambda cell: cell.abs() >= LONGEST_EXACT):
        if texts[name].str.contains(r"^[+-]?[0-9]{19,}$").any():
            codes.add(name)
    for name in columns_with(chosen(numbers, integers), lambda cell: cell >= SHORTEST_DIALLED):
        if texts[name].str.contains(r"^\+[0-9]{8,15}$").all():
            codes.add(name)
    found = dict(zip(numbers.columns, numbers, strict=True))
    found |= {series.name: series for series in chosen(whole, integers)}
    return {name: series for name, series in found.items() if name not in codes}, codes
