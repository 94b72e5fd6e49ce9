"""Spans of time as people and programs write them: 25:10:00, 1 day 02:03:04, PT1H30M."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars

CLOCK = r"(?<hours>[0-9]+):(?<minutes>[0-5][0-9])(?::(?<seconds>[0-5][0-9](?:[.,][0-9]{1,9})?))?"
# A program that writes -1 day, 23:00:00 means minus a day plus 23 hours; a person who writes
# -1:00:00 minus an hour.
HOURS = rf"^(?<sign>[+-])?{CLOCK}$"
DAYS = rf"^(?<days>[+-]?[0-9]+) ?d(?:ays?)?(?:,? *\+?{CLOCK})?$"
ISO = (
    r"^(?<sign>-)?P(?:(?<days>[0-9]+)D)?"
    r"(?:T(?:(?<hours>[0-9]+)H)?(?:(?<minutes>[0-9]+)M)?"
    r"(?:(?<seconds>[0-9]+(?:[.,][0-9]{1,9})?)S)?)?$"
)
HINT = r"^[+-]?(?:[0-9]+:[0-5][0-9]|[0-9]+ days?\b|-?P[0-9T])"
LONGEST = 292_000 * 365 * 86_400.0  # seconds that int64 microseconds hold


def duration_like(texts: polars.Series) -> polars.Series:
    """Return which trimmed texts look like a span of time."""
    return texts.str.contains(HINT).fill_null(False)


def parse_durations(texts: polars.Series) -> polars.Series:
    """Return trimmed texts as spans of microseconds; what is none is null.

    Parameters
    ----------
    texts
        Hours and minutes, maybe seconds, with days before them or without (25:10, 1 day, 2:03:04),
        days alone, or ISO 8601 (P1DT2H3M4.5S).
    """
    import polars

    columns = [_assemble(texts, pattern) for pattern in (HOURS, DAYS, ISO)]
    frame = polars.DataFrame({str(number): column for number, column in enumerate(columns)})
    return frame.select(polars.coalesce(polars.all()).alias(texts.name)).to_series()


def _assemble(texts: polars.Series, pattern: str) -> polars.Series:
    import polars

    parts = texts.str.extract_groups(pattern).struct.unnest()
    names = ("days", "hours", "minutes", "seconds")
    lacking = [name for name in ("sign", *names) if name not in parts.columns]
    parts = parts.with_columns(polars.lit(None, polars.String).alias(name) for name in lacking)
    texts_of = (polars.col(name).str.replace(",", ".") for name in names)
    parts = parts.with_columns(text.cast(polars.Float64, strict=False) for text in texts_of)
    is_there = polars.any_horizontal(polars.col(name).is_not_null() for name in names)
    days, hours, minutes, seconds = (polars.col(name).fill_null(0.0) for name in names)
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    total = polars.when(polars.col("sign") == "-").then(-total).otherwise(total)
    total = polars.when(is_there & (total.abs() < LONGEST)).then(total)
    microseconds = (total * 1e6).round().cast(polars.Int64)
    return parts.select(microseconds.cast(polars.Duration("us")).alias("span")).to_series()
