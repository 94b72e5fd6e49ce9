"""ColumnReading: what one column's cells mean, applied to texts and typed values alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastmlp.data import stored
from fastmlp.data.readings.kinds.dates import ORDERS, parse_dates, parse_times
from fastmlp.data.readings.kinds.durations import parse_durations
from fastmlp.data.readings.kinds.gaps import gap_cells, trimmed, without_gaps
from fastmlp.data.readings.kinds.numbers import (
    DECIMALS,
    parse_integers,
    parse_numbers,
    without_unit,
)
from fastmlp.errors import DataError

if TYPE_CHECKING:
    import polars

# The kinds besides its own that a typed column can be read as: 1 is true, 20240331 a day.
OTHER_KINDS = {"number": ("truth", "date"), "truth": ("number",)}
KINDS = ("number", "truth", "date", "time", "duration", "text")
TRUTHS = {"true": True, "false": False}
# What a column is called while it is read: polars takes a name such as ^a$ for a pattern.
CELLS = "cells"
# Microseconds from the year 1 to 9999.
CALENDAR = (-62_135_596_800_000_000, 253_402_300_799_999_999)


@dataclass(frozen=True)
class ColumnReading:
    """How a column is read, whatever it comes from: a file of texts, typed columns, a frame."""

    name: str  # the column's name
    kind: str  # one of KINDS
    decimal: str = "."  # of numbers written as texts: ``.`` or ``,``
    order: str = "ymd"  # of dates written in digits: ``dmy`` or ``mdy`` where the year stands last
    # spellings that are a gap: of texts exactly these (besides blanks), of all else these beside
    # the usual ones
    gaps: tuple[str, ...] = ()
    unit: str = ""  # of numbers written as texts: what may stand behind them, and is left off

    def read(self, series: polars.Series) -> polars.Series:
        """Return a column as float64, integers, Boolean, Datetime, Time, Duration or String.

        Gaps and cells that are not of this kind are null; ``odd_cells`` tells the latter.

        Raises
        ------
        DataError
            If the column's type cannot be brought to the kind at all: a date where numbers are
            wanted, a list.
        """
        return self._read(series.alias(CELLS)).alias(self.name)

    def _read(self, series: polars.Series) -> polars.Series:
        import polars

        if series.dtype == polars.Null:
            return series.cast(dtype_of(self.kind))
        if is_text(series):
            return self._from_texts(as_texts(series))
        if self.kind == "text":
            return self._labels(series)
        if self.kind in {kind_of(series, self.name), *OTHER_KINDS.get(kind_of(series), ())}:
            return self._from_typed(series)
        if series.null_count() == len(series):
            return polars.Series([None] * len(series), dtype=dtype_of(self.kind))
        present = _calendar(series) if series.dtype == polars.Datetime else series
        present = present.drop_nulls()
        held = present[0] if len(present) else "a date beyond the calendar"
        raise DataError(
            f"column {self.name!r} holds {str(held)!r}, of type {series.dtype}; it is read as "
            f"{A_KIND[self.kind]} here."
        )

    def _from_texts(self, texts: polars.Series) -> polars.Series:
        bare = trimmed(texts)
        if self.kind == "text":
            return without_gaps(bare, self.gaps)
        present = bare.set(gap_cells(bare, self.gaps), None)
        if self.kind == "number":
            present = without_unit(present, self.unit)
            whole = parse_integers(present)
            return parse_numbers(present, self.decimal) if whole is None else whole
        if self.kind == "truth":
            return _truths_of_texts(present)
        if self.kind == "date":
            return parse_dates(present, self.order)
        return (parse_times if self.kind == "time" else parse_durations)(present)

    def _from_typed(self, series: polars.Series) -> polars.Series:
        import polars

        if self.kind == "truth":
            return series if series.dtype == polars.Boolean else _truths(series)
        if self.kind == "date":
            return _dates_of_digits(series) if series.dtype.is_numeric() else _calendar(series)
        if self.kind != "number":
            return series
        if series.dtype.is_float():
            series = series.set(~series.is_finite().fill_null(True), None)
        elif not series.dtype.is_integer():
            series = series.cast(polars.Float64)
        marks = [float(word) for word in self.gaps if _is_number(word)]
        if not marks:
            return series
        return series.set(series.cast(polars.Float64).is_in(marks).fill_null(False), None)

    def _labels(self, series: polars.Series) -> polars.Series:
        """Return typed values as the texts that a CSV file would hold: 2 for 2.0, true for True."""
        import polars

        is_truth = series.dtype == polars.Boolean
        if series.dtype.is_decimal():
            series = series.cast(polars.Float64)
        if series.dtype.is_float():
            present = series.set(~series.is_finite().fill_null(True), None)
            whole = present.cast(polars.Int64, strict=False)
            is_whole = (whole.cast(polars.Float64) == present.cast(polars.Float64)).all()
            series = whole if is_whole and whole.null_count() == present.null_count() else present
        elif series.dtype == polars.Duration:
            series = series.dt.to_string()
        elif series.dtype == polars.Datetime:
            series = _calendar(series)
        elif not (series.dtype.is_integer() or series.dtype.is_temporal() or is_truth):
            raise DataError(
                f"column {self.name!r} holds values of type {series.dtype}; numbers, texts, truth "
                "values, dates and times can be used."
            )
        return without_gaps(series.cast(polars.String), self.gaps)

    def odd_cells(self, series: polars.Series, read: polars.Series) -> polars.Series:
        """Return which cells hold something that this reading made a gap of, though it spells none.

        Parameters
        ----------
        series
            The column as it came.
        read
            What ``read`` returned for it.
        """
        import polars

        series, read = series.alias(CELLS), read.alias(CELLS)
        lost = read.is_null() & series.is_not_null()
        if not lost.any() or self.kind == "text":
            return polars.repeat(False, len(series), eager=True)
        if is_text(series):
            bare = trimmed(as_texts(series))
            return lost & bare.is_not_null() & ~gap_cells(bare, self.gaps)
        # Of numbers NaN is a gap, and so are the values that were said to be one; an infinity is
        # neither.
        is_float = series.dtype.is_float()
        if self.kind == "number":
            return lost & (series.is_infinite().fill_null(False) if is_float else False)
        return lost & ~series.is_nan().fill_null(True) if is_float else lost

    def to_dict(self) -> dict[str, Any]:
        """Return the reading as JSON can hold it; what is usual is left out."""
        kept: dict[str, Any] = {"name": self.name, "kind": self.kind}
        for key in ("decimal", "order", "gaps", "unit"):
            value = getattr(self, key)
            if value != getattr(ColumnReading, key):
                kept[key] = list(value) if key == "gaps" else value
        return kept

    @classmethod
    def from_dict(cls, kept: Any) -> ColumnReading:
        """Return the reading that ``to_dict`` described, every entry checked."""
        name, kind = stored.entry(kept, "name", str), stored.word(kept, "kind", KINDS)
        more = {}
        if "decimal" in kept:
            more["decimal"] = stored.word(kept, "decimal", DECIMALS)
        if "order" in kept:
            more["order"] = stored.word(kept, "order", ORDERS)
        if "gaps" in kept:
            more["gaps"] = stored.texts(kept, "gaps")
        if "unit" in kept:
            more["unit"] = stored.entry(kept, "unit", str)
        return cls(name, kind, **more)


A_KIND = {"number": "a number", "truth": "true or false", "date": "a date",
          "time": "a time of day", "duration": "a span of time", "text": "a text"}  # fmt: skip
PLURALS = {"number": "numbers", "truth": "truth values", "date": "dates",
           "time": "times of day", "duration": "spans of time", "text": "texts"}  # fmt: skip


def dtype_of(kind: str) -> polars.DataType:
    """Return the polars type in which a kind is read."""
    import polars

    return {
        "number": polars.Float64(),
        "truth": polars.Boolean(),
        "date": polars.Datetime("us"),
        "time": polars.Time(),
        "duration": polars.Duration("us"),
        "text": polars.String(),
    }[kind]


def is_text(series: polars.Series) -> bool:
    """Return whether a column holds texts of any type."""
    return is_text_type(series.dtype)


def is_text_type(dtype: polars.DataType) -> bool:
    """Return whether columns of a type hold texts."""
    import polars

    return isinstance(dtype, (polars.String, polars.Categorical, polars.Enum))


def as_texts(series: polars.Series) -> polars.Series:
    """Return a column of texts as String."""
    import polars

    return series if series.dtype == polars.String else series.cast(polars.String)


def extremes(series: polars.Series) -> tuple[Any, Any]:
    """Return the least and the greatest value of a column, of its type; None where it has none."""
    return series.min(), series.max()


def kind_of(series: polars.Series, name: str = "") -> str:
    """Return the kind that a typed column has by its type; its name is for the message.

    Raises
    ------
    DataError
        If values of that type cannot be learnt from.
    """
    import polars

    dtype = series.dtype
    if is_text(series):
        return "text"
    if dtype == polars.Boolean:
        return "truth"
    if dtype.is_numeric() or dtype == polars.Null:
        return "number"
    if dtype in (polars.Date, polars.Datetime):
        return "date"
    if dtype == polars.Time:
        return "time"
    if dtype == polars.Duration:
        return "duration"
    raise DataError(
        f"column {name!r} holds {dtype} values; numbers, texts, truth values, dates and times can "
        "be used: drop the column, or make one of these of it."
    )


def _calendar(series: polars.Series) -> polars.Series:
    """Return dates as microseconds in UTC without a zone; null beyond the calendar."""
    import polars

    dtype = series.dtype
    if not isinstance(dtype, polars.Datetime):  # a day
        return series.cast(polars.Datetime("us"))
    ticks = series.to_physical()  # polars panics at a date beyond its calendar
    if dtype.time_unit == "ns":
        ticks = ticks // 1000
    ticks_to_microseconds = 1000 if dtype.time_unit == "ms" else 1
    earliest, latest = (bound // ticks_to_microseconds for bound in CALENDAR)
    beyond = ~ticks.is_between(earliest, latest).fill_null(True)
    ticks = ticks.set(beyond, None) * ticks_to_microseconds
    return ticks.cast(polars.Datetime("us"))


def _dates_of_digits(series: polars.Series) -> polars.Series:
    """Return whole numbers such as 20240331 as dates; others are null."""
    import polars

    return parse_dates(series.cast(polars.Int64, strict=False).cast(polars.String), "ymd")


def _truths_of_texts(texts: polars.Series) -> polars.Series:
    import polars

    words = {**TRUTHS, "1": True, "0": False, "1.0": True, "0.0": False}
    return texts.str.to_lowercase().replace_strict(words, default=None, return_dtype=polars.Boolean)


def _truths(series: polars.Series) -> polars.Series:
    import polars

    one_or_null = polars.when(series == 1).then(True)
    truths = one_or_null.when(series == 0).then(False).otherwise(None)
    return polars.select(truths.alias(series.name)).to_series()


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
