"""Readings applied to a frame, plain numbers at once; cells that do not fit are named."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fastmlp.data.readings.kinds.cells import Cells
from fastmlp.data.readings.kinds.dates import order_of, parse_dates
from fastmlp.data.readings.kinds.gaps import gap_cells, label, trimmed
from fastmlp.data.readings.kinds.numbers import (
    Signs,
    cells_like_numbers,
    infinite_cells,
    signs_of,
    without_unit,
)
from fastmlp.data.readings.kinds.plain import finite_number, frame_of
from fastmlp.data.staged.table import StagedTable
from fastmlp.errors import DataError

from .notes import odd_cells_are_gaps
from .reading import CELLS, PLURALS, ColumnReading, as_texts, is_text
from .words import shown

if TYPE_CHECKING:
    import polars

    from fastmlp.data.staged.table import Table


def read_table(
    table: Table, readings: Sequence[ColumnReading], notes: list[str] | None = None
) -> Table:
    """Return the columns that the readings name, read; their order is the readings'.

    It is what ``read_columns`` does, which see, with a table of any size: one that memory does not
    hold is read column by column, to its shelf.
    """
    if not isinstance(table, StagedTable):
        return read_columns(table, readings, notes)
    names = [reading.name for reading in readings]
    if table.is_read:
        return table.select(names)
    shelf = table.shelf()
    has_commas = any(_has_commas_alone(table[each.name], each) for each in readings)
    for reading in readings:
        column = frame_of([table[reading.name]])
        shelf[reading.name] = read_columns(column, [reading], notes, has_commas)[reading.name]
    return StagedTable(shelf, names, table.height, table.workspace, is_read=True)


def _has_commas_alone(series: polars.Series, reading: ColumnReading) -> bool:
    """Return whether a column of numbers has decimal commas, and no points, for sure."""
    if reading.kind != "number" or not is_text(series):
        return False
    if reading.name in _plain({reading.name: series}, [reading]):
        return False
    signs = _signs_here(series, reading)
    return bool(signs.comma and not signs.point)


def read_columns(
    frame: polars.DataFrame,
    readings: Sequence[ColumnReading],
    notes: list[str] | None = None,
    has_commas: bool | None = None,
) -> polars.DataFrame:
    """Return the columns that the readings name, read; their order is the readings'.

    Parameters
    ----------
    frame
        Has all of these columns, as texts or typed; a column that is read already stays as it is.
    notes
        Gets a sentence for each column in which some cells are not of its kind and became gaps.
    has_commas
        Whether a column of the table has decimal commas for sure, where the frame is not all of it.

    Raises
    ------
    DataError
        If most cells of a column are not of its kind, or its type cannot be brought to it.
    """
    by_name = dict(zip(frame.columns, frame, strict=True))
    columns = {reading.name: by_name[reading.name] for reading in readings}
    done = _plain(columns, readings) | _labels(columns, readings)
    signs = {
        reading.name: _signs_here(columns[reading.name], reading)
        for reading in readings
        if reading.kind == "number" and reading.name not in done and is_text(columns[reading.name])
    }
    if has_commas is None:
        has_commas = any(each.comma and not each.point for each in signs.values())
    for name, reading in zip(columns, readings, strict=True):
        if name not in done:
            done[name] = _read(columns[name], reading, notes, signs.get(name), has_commas)
    read = [done[name] for name in columns]
    is_same = len(read) == frame.width and all(map(operator.is_, read, by_name.values()))
    return frame if is_same else frame_of(read)


def _plain(
    columns: dict[str, polars.Series], readings: Sequence[ColumnReading]
) -> dict[str, polars.Series]:
    """Return the columns of plain numbers, found in a few passes over all of them."""
    import polars

    plain = [each for each in readings if each.kind == "number" and not each.gaps]
    types = {each.name: columns[each.name].dtype for each in plain}
    done = {name: columns[name] for name, dtype in types.items() if dtype.is_integer()}
    texts = [
        each.name for each in plain if types[each.name] == polars.String and each.decimal == "."
    ]
    narrow = [name for name, dtype in types.items() if dtype.is_float() and dtype != polars.Float64]
    # A NaN is a gap that is no null, an infinity no gap: columns with either are looked at one by
    # one.
    for names in (texts, narrow):
        given = Cells.of([columns[name] for name in names])
        values = given.changed(finite_number)
        good = values.null_counts() == given.null_counts()
        found = zip(np.flatnonzero(good).tolist(), values.columns(good), strict=True)
        done |= {names[place]: series.alias(names[place]) for place, series in found}
    wide = [name for name, dtype in types.items() if dtype == polars.Float64]
    odd = Cells.of([columns[name] for name in wide]).having(lambda cell: ~cell.is_finite())
    pairs = zip(wide, odd.tolist(), strict=True)
    return done | {name: columns[name] for name, is_odd in pairs if not is_odd}


def _labels(
    columns: dict[str, polars.Series], readings: Sequence[ColumnReading]
) -> dict[str, polars.Series]:
    """Return the columns of texts that come as texts, in a pass for all that have the same gaps."""
    import polars

    alike: dict[tuple[str, ...], list[str]] = {}
    for each in readings:
        if each.kind == "text" and columns[each.name].dtype == polars.String:
            alike.setdefault(each.gaps, []).append(each.name)
    done = {}
    for gaps, names in alike.items():
        read = Cells.of([columns[name] for name in names]).changed(
            lambda cell, gaps=gaps: label(cell, gaps)
        )
        found = zip(names, read.columns(np.ones(len(names), bool)), strict=True)
        done |= {name: series.alias(name) for name, series in found}
    return done


def _read(
    series: polars.Series,
    reading: ColumnReading,
    notes: list[str] | None,
    signs: Signs | None = None,
    has_commas: bool = False,
) -> polars.Series:
    """Return a column read with its ``signs``; ``has_commas`` is what other columns show."""
    series = series.alias(CELLS)
    if signs is not None:
        reading = _with_decimal(reading, signs, has_commas, notes)
    elif reading.kind == "date" and reading.order == "ymd" and is_text(series):
        reading = _with_order(series, reading, notes)
    read = reading.read(series).alias(CELLS)
    odd = reading.odd_cells(series, read)
    count = int(odd.sum())
    if count:
        cells = shown(series, odd, lambda row: f"row {row + 1:,}")
        present = len(read) - read.null_count()
        if int((odd & ~_nearly_numbers(series, reading)).sum()) > present:
            raise DataError(
                f"column {reading.name!r} was read as {PLURALS[reading.kind]} in training; here "
                f"{count:,} of {count + present:,} cells hold something else: {cells}."
            )
        if notes is not None:
            notes.append(
                f"column {reading.name!r} was read as {PLURALS[reading.kind]} in training; here "
                f"{odd_cells_are_gaps(reading.kind, count)}: {cells}."
            )
    return read.alias(reading.name)


def _nearly_numbers(series: polars.Series, reading: ColumnReading) -> polars.Series:
    """Return which cells of a numeric column are read as gaps: <1.0, inf and the like."""
    import polars

    if reading.kind != "number" or not is_text(series):
        return polars.repeat(reading.kind == "number", len(series), eager=True)
    texts = trimmed(as_texts(series))
    too_large = texts.cast(polars.Float64, strict=False).is_infinite().fill_null(False)
    return cells_like_numbers(texts) | infinite_cells(texts) | too_large


def _signs_here(series: polars.Series, reading: ColumnReading) -> Signs:
    return signs_of(without_unit(_present(series, reading), reading.unit))


def _present(series: polars.Series, reading: ColumnReading) -> polars.Series:
    bare = trimmed(as_texts(series.alias(CELLS)))
    return bare.set(gap_cells(bare, reading.gaps), None)


def _with_decimal(
    reading: ColumnReading, signs: Signs, has_commas: bool, notes: list[str] | None
) -> ColumnReading:
    """Return a reading with the decimal sign that a column shows.

    Training may have seen none, as where its columns were typed; a file of another country writes
    another.
    """
    decimal = None
    if bool(signs.point) != bool(signs.comma):
        decimal = "." if signs.point else ","
    elif signs.is_doubtful and signs.either_comma and reading.decimal == ".":
        decimal = "," if has_commas else None
        if decimal is None and notes is not None:
            notes.append(
                f"in column {reading.name!r} three digits stand behind each comma, which is read "
                "as thousands."
            )
    if decimal in (None, reading.decimal):
        return reading
    if notes is not None:
        words = "points" if decimal == "." else "commas"
        notes.append(f"column {reading.name!r} has decimal {words} here, other than in training.")
    return replace(reading, decimal=decimal)


def _with_order(
    series: polars.Series, reading: ColumnReading, notes: list[str] | None
) -> ColumnReading:
    """Return a reading of dates with this column's order, where training's left it open."""
    texts = _present(series, reading)
    short = texts.str.contains(r"^[0-9]{2}[-/.][0-9]{2}[-/.][0-9]{2}(?:[^0-9]|$)").fill_null(False)
    with_points = bool(texts.filter(short).str.contains(r"^..\.").any())
    said = None
    if with_points or parse_dates(texts, reading.order).null_count() > texts.null_count():
        order = order_of(texts)
        reading = replace(reading, order=order.order)
        if order.order != "ymd":
            first = "day" if order.order == "dmy" else "month"
            doubt = " and these leave in doubt" if order.is_doubtful else ""
            said = (
                f"column {reading.name!r} has dates {first} first here, which training's do not "
                f"tell{doubt}."
            )
    elif short.any():
        said = (
            f"dates such as {texts.filter(short)[0]} in column {reading.name!r} are read year "
            "first."
        )
    if said is not None and notes is not None:
        notes.append(said)
    return reading


def read_target(series: polars.Series, reading: ColumnReading, notes: list[str]) -> polars.Series:
    """Return a target read as in training; cells of another kind are named and become gaps."""
    is_written = reading.kind == "number" and is_text(series)
    return _read(series, reading, notes, _signs_here(series, reading) if is_written else None)
