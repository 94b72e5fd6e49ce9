"""Readings applied to a frame, plain numbers for all columns at once; cells that do not fit are counted and named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fastmlp.errors import DataError

from .cells import columns_with
from .dates import order_of, parse_dates
from .gaps import gap_cells, trimmed
from .notes import odd_cells_are_gaps
from .numbers import cells_like_numbers, infinite_cells, signs_of, without_unit
from .plain import failed, finite_numbers, frame_of
from .reading import PLURALS, ColumnReading, as_texts, is_text
from .words import shown

if TYPE_CHECKING:
    import polars


def read_columns(
    frame: polars.DataFrame, readings: Sequence[ColumnReading], notes: list[str] | None = None
) -> polars.DataFrame:
    """Return the columns that the readings name, read; their order is the readings'.

    Parameters
    ----------
    frame
        Has all of these columns, as texts or typed; a column that is read already stays as it is.
    notes
        Gets a sentence for each column in which some cells are not of its kind and became gaps.

    Raises
    ------
    DataError
        If most cells of a column are not of its kind, or its type cannot be brought to it.
    """
    by_name = dict(zip(frame.columns, frame, strict=True))
    columns = {reading.name: by_name[reading.name] for reading in readings}
    done = _plain(columns, readings)
    read = [
        done[name] if name in done else _read(columns[name], reading, notes)
        for name, reading in zip(columns, readings, strict=True)
    ]
    return frame_of(read)


def _plain(columns: dict[str, polars.Series], readings: Sequence[ColumnReading]) -> dict[str, polars.Series]:
    """Return the columns of plain numbers, found in a few passes over all of them."""
    import polars

    plain = [each for each in readings if each.kind == "number" and not each.gaps]
    types = {each.name: columns[each.name].dtype for each in plain}
    done = {name: columns[name] for name, dtype in types.items() if dtype.is_integer()}
    texts = [each.name for each in plain if types[each.name] == polars.String and each.decimal == "."]
    # A NaN is a gap that is no null, an infinity no gap: columns with either are looked at one by one.
    narrow = [name for name, dtype in types.items() if dtype.is_float() and dtype != polars.Float64]
    for names in (texts, narrow):
        given = polars.DataFrame([columns[name].alias(str(position)) for position, name in enumerate(names)])
        values = finite_numbers(given)
        lost = set(failed(given, values))
        done |= {name: series for name, series in zip(names, values, strict=True) if series.name not in lost}
    wide = [name for name, dtype in types.items() if dtype == polars.Float64]
    given = polars.DataFrame([columns[name].alias(str(position)) for position, name in enumerate(wide)])
    lost = set(columns_with(given, lambda cell: ~cell.is_finite()))
    done |= {name: columns[name] for position, name in enumerate(wide) if str(position) not in lost}
    return {name: series.alias(name) for name, series in done.items()}


def _read(series: polars.Series, reading: ColumnReading, notes: list[str] | None) -> polars.Series:
    reading = _as_written_here(series, reading, notes)
    read = reading.read(series)
    odd = reading.odd_cells(series, read)
    count = int(odd.sum())
    if count:
        cells = shown(series, odd, lambda row: f"row {row + 1:,}")
        present = len(read) - read.null_count()
        if int((odd & ~_nearly_numbers(series, reading)).sum()) > present:
            raise DataError(
                f"column {reading.name!r} was read as {PLURALS[reading.kind]} in training; here {count:,} of "
                f"{count + present:,} cells hold something else: {cells}."
            )
        if notes is not None:
            notes.append(
                f"column {reading.name!r} was read as {PLURALS[reading.kind]} in training; here "
                f"{odd_cells_are_gaps(reading.kind, count)}: {cells}."
            )
    return read.alias(reading.name)


def _nearly_numbers(series: polars.Series, reading: ColumnReading) -> polars.Series:
    """Tell which cells of a column of numbers are such as a reader takes for a gap, <1.0 or inf, not for another column."""
    import polars

    if reading.kind != "number" or not is_text(series):
        return polars.repeat(reading.kind == "number", len(series), eager=True)
    texts = trimmed(as_texts(series))
    too_large = texts.cast(polars.Float64, strict=False).is_infinite().fill_null(False)
    return cells_like_numbers(texts) | infinite_cells(texts) | too_large


def _as_written_here(series: polars.Series, reading: ColumnReading, notes: list[str] | None) -> ColumnReading:
    """Return a reading with the decimal sign and the order of dates that a column of texts shows.

    Training may have seen neither, as where its columns were typed; a file of another country writes others.
    """
    can_differ = reading.kind == "number" or (reading.kind == "date" and reading.order == "ymd")
    if not can_differ or not is_text(series):
        return reading
    bare = trimmed(as_texts(series))
    texts = bare.set(gap_cells(bare, reading.gaps), None)
    if reading.kind == "number":
        signs = signs_of(without_unit(texts, reading.unit))
        if bool(signs.point) == bool(signs.comma):
            return reading
        here = replace(reading, decimal="." if signs.point else ",")
        how = f"decimal {'points' if signs.point else 'commas'} here, other than in training"
    else:
        if parse_dates(texts, reading.order).null_count() == texts.null_count():
            return reading
        order = order_of(texts)
        here = replace(reading, order=order.order)
        how = f"dates {'day' if order.order == 'dmy' else 'month'} first here, which training's do not tell"
        if order.is_doubtful:
            how += " and these leave in doubt"
    if here != reading and notes is not None:
        notes.append(f"column {reading.name!r} has {how}.")
    return here


def read_target(series: polars.Series, reading: ColumnReading, notes: list[str]) -> polars.Series:
    """Return a target read as in training; cells that are not of its kind are named and become gaps."""
    return _read(series, reading, notes)
