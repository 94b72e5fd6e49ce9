"""Each column's part: feature, target, or left out as dropped, empty, constant, identifier."""

from __future__ import annotations

import re
from shlex import quote
from typing import TYPE_CHECKING

import numpy as np

from .choices import ColumnChoices
from .decided import Decided
from .notes import on_left_out
from .reading import CELLS, ColumnReading, extremes
from .schema import ColumnFacts, Schema
from .words import columns_named, counted, printable

if TYPE_CHECKING:
    import polars

INDEX_NAMES = frozenset(
    ["", "index", "id", "row", "rows", "rowid", "row id", "row_id", "rownames", "row_names",
     "row number", "row_number", "rownum", "unnamed: 0", "level_0", "no", "no.", "nr", "nr.", "#",
     "obs", "record", "record_id"]
)  # fmt: skip
NAME_OF_IDS = re.compile(r"(?:[_ .-](?:id|ID|Id)|[a-z](?:Id|ID)|^ID|^Id)$")
FIRST_DAY, LAST_DAY = 1900_01_01, 2100_12_31
FEWEST_ROWS_TO_JUDGE = 20
GROUPED_FROM = 10_000  # years have no commas
LARGEST_COUNT = 2**53
LEVELS_SHOWN = 3


def with_roles(
    columns: list[str], decided: Decided, target: str | None, choices: ColumnChoices
) -> Schema:
    """Return the schema of a table's columns.

    Parameters
    ----------
    columns
        All columns of the table, in its order.
    decided
        What was decided of each.
    target
        The target column, if any.
    choices
        What the user said: a column that is named as numbers, texts or dates is never left out.
    """
    left_out = {name: "dropped" for name in choices.drop if name != target}
    for name in columns:
        if name not in decided.readings:
            left_out.setdefault(name, "empty")
    kept = [name for name in columns if name != target and name not in left_out]
    judged = [name for name in kept if choices.kind_of(name) is None]
    reasons, notes = _reasons(decided, judged)
    said = [text for name, text in notes.items() if name not in reasons]
    if reasons and set(kept) <= set(reasons):
        said.append(
            f"{columns_named(kept)}: one value only or a name of the rows, but there is nothing "
            "else to learn from."
        )
        reasons = {}
    left_out |= reasons
    features = tuple(decided.readings[name] for name in kept if name not in reasons)
    facts = tuple(_facts(name, decided, target, left_out.get(name)) for name in columns)
    notes = (*_notes_on_left_out(left_out), *said)
    reading = None if target is None else decided.readings.get(target)
    return Schema(features, reading, facts, notes)


def _reasons(decided: Decided, names: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return which columns are constant or identifiers, and what to say of those that may be."""
    import polars

    reasons: dict[str, str] = {}
    notes: dict[str, str] = {}
    for name in names:
        series = decided.columns[name].alias(CELLS)
        if len(series) < 2:
            continue
        if series.dtype.is_numeric() or series.dtype.is_temporal():
            low, high = extremes(series)
            if not series.null_count() and low == high:
                reasons[name] = "constant"
            elif series.dtype.is_integer() or _are_whole(series, low, high):
                series = series.cast(polars.Int64) if series.dtype.is_float() else series
                _judge_counter(name, series, reasons, notes)
                if name not in reasons and low >= FIRST_DAY and high <= LAST_DAY:
                    _judge_digits(name, series, notes)
        elif series.n_unique() == 1:
            reasons[name] = "constant"
        elif series.dtype == polars.String:
            _judge_texts(name, series, reasons)
    return reasons, notes


def _are_whole(series: polars.Series, low: float, high: float) -> bool:
    """Return whether a column's numbers are all whole, as a counter's are even as floats."""
    if not series.dtype.is_float() or series.null_count() or low % 1 or high % 1:
        return False
    return bool(((series == series.floor()) & (series.abs() < LARGEST_COUNT)).all())


def _judge_counter(
    name: str, series: polars.Series, reasons: dict[str, str], notes: dict[str, str]
) -> None:
    """Judge a column of whole numbers: does it number or name the rows?"""
    rows = len(series)
    if series.null_count() or rows < 3:
        return
    is_named = name.strip().lower() in INDEX_NAMES
    low, high = extremes(series)
    spans = high - low + 1 == rows
    could_be = is_named or spans or NAME_OF_IDS.search(name) or _rises(series)
    if not could_be or series.n_unique() < rows:
        return
    in_order = spans and bool((series.diff().drop_nulls() == 1).all())
    if is_named and (in_order or rows >= FEWEST_ROWS_TO_JUDGE):
        reasons[name] = "identifier"
    elif rows >= FEWEST_ROWS_TO_JUDGE:
        does = "differs in every row"
        if spans:
            does = f"numbers the rows from {low:,} to {high:,}"
        notes[name] = (
            f"column {name!r} {does}; it may be an identifier (--drop {quote(name)} leaves it out)."
        )


def _rises(series: polars.Series) -> bool:
    """Return whether a column counts the rows, some of which were left out by a filter."""
    steps, (low, high) = series.diff().drop_nulls(), extremes(series)
    return bool((steps > 0).all()) and high - low < 3 * len(series)


def _judge_digits(name: str, series: polars.Series, notes: dict[str, str]) -> None:
    """Judge a column of whole numbers between two days: are they all dates, written 20240331?"""
    days = ColumnReading(name, "date").read(series)
    if days.null_count() == series.null_count() and days.n_unique() > 2:
        notes[name] = (
            f"the numbers in column {name!r} look like dates, such as {series.drop_nulls()[0]} for "
            f"{days.drop_nulls()[0]:%Y-%m-%d}; they are read as numbers (--dates {quote(name)} "
            "reads dates)."
        )


def _judge_texts(name: str, series: polars.Series, reasons: dict[str, str]) -> None:
    """Judge a column of texts: does it name the rows?"""
    gaps = series.null_count()
    rows = len(series) - gaps
    if rows >= FEWEST_ROWS_TO_JUDGE and series.n_unique() - (gaps > 0) > 0.9 * rows:
        reasons[name] = "identifier"


def _notes_on_left_out(left_out: dict[str, str]) -> list[str]:
    by_reason: dict[str, list[str]] = {"identifier": [], "constant": [], "empty": [], "dropped": []}
    for name, reason in left_out.items():
        by_reason[reason].append(name)
    del by_reason["dropped"]  # by the user, who knows
    return [on_left_out(names, reason) for reason, names in by_reason.items() if names]


def _facts(name: str, decided: Decided, target: str | None, reason: str | None) -> ColumnFacts:
    role = "target" if name == target else "feature" if reason is None else "left out"
    reading = decided.readings.get(name)
    if reading is None:
        gaps = 0 if reason == "dropped" else decided.rows
        return ColumnFacts(name, role, reason or "empty", "", gaps)
    series = decided.columns[name]
    count, cells = decided.odd.get(name, (0, ""))
    note = f"{count:,} odd: {cells}" if count else ""
    is_whole = reading.kind == "number" and series.dtype.is_integer()
    kind = "whole number" if is_whole else reading.kind
    if reason in ("identifier", "constant"):
        kind = reason
    return ColumnFacts(name, role, kind, holds(reading, series), series.null_count(), note)


def holds(reading: ColumnReading, series: polars.Series) -> str:
    """Return in words what a column holds: its range, or its levels."""
    if series.null_count() == len(series):
        return ""
    if reading.kind == "text":
        return _levels(series.alias("level").drop_nulls())
    if reading.kind == "truth":
        return f"true in {series.mean():.0%}"
    low, high = extremes(series)
    if reading.kind == "date":
        midnight = all(moment.time() == moment.time().min for moment in (low, high))
        if midnight:
            return f"{low.date()} to {high.date()}"
        return f"{low.replace(microsecond=0)} to {high.replace(microsecond=0)}"
    if reading.kind == "number":
        is_grouped = max(abs(low), abs(high)) >= GROUPED_FROM
        low, high = _number(low, is_grouped), _number(high, is_grouped)
    unit = f" {reading.unit}" if reading.unit else ""
    return f"{low} to {high}{unit}" if low != high else f"{low}{unit}"


def _levels(present: polars.Series) -> str:
    """Return how many levels there are and the most frequent of them, the same in every run."""
    counts = present.value_counts(name="count").sort(["count", "level"], descending=[True, False])
    first = [printable(text, 20) for text in counts["level"].head(LEVELS_SHOWN).to_list()]
    more = ", …" if counts.height > LEVELS_SHOWN else ""
    return f"{counted(counts.height, 'level')}: {', '.join(first)}{more}"


def _number(value: float, is_grouped: bool) -> str:
    """Return a number in six digits, or in all if whole; ``is_grouped`` adds commas."""
    if 1e5 <= abs(value) < 1e15 or (abs(value) < 1e5 and value == int(value)):
        whole = round(value)
        return f"{whole:,}" if is_grouped else f"{whole}"
    if 1e-4 <= abs(value) < 1e15:
        text = np.format_float_positional(float(f"{value:.6g}"), trim="-")
        whole, point, behind = text.partition(".")
        sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
        return f"{sign}{int(digits):,}{point}{behind}" if is_grouped else f"{whole}{point}{behind}"
    return f"{value:.6g}"
