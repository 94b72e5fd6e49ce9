"""Values of a column as people write them: dates as dates, truth values as words."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

DIGITS = 12  # that count, of a value whose origin was added again
EPOCH = datetime(1970, 1, 1)
MOST_DAYS_IN_SECONDS = 10


def own_value(number: np.floating | np.integer, origin: float) -> float:
    """Return what a number of the matrix is in the column's own unit: 0.1, not 0.10000000149."""
    # str gives the fewest digits that tell the number from its neighbours of the same type.
    return float(f"{origin + float(str(number)):.{DIGITS}g}")


def written(values: list[float], kind: str) -> tuple[str, ...]:
    """Return values of a kind as texts.

    Parameters
    ----------
    values
        Numbers; days since 1970 for ``date``; seconds for ``time`` and ``duration``; 0 and 1 for
        ``truth``.
    kind
        As in a column's reading.
    """
    if kind == "date":
        return _dates(values)
    if kind == "truth":
        return tuple("true" if value else "false" for value in values)
    if kind in ("time", "duration"):
        return _clocks(values)
    return tuple(_plain(value) for value in values)


def _plain(value: float) -> str:
    """Return a number without a needless .0."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _dates(days: list[float]) -> tuple[str, ...]:
    """Return days as dates, with the time of day if any of them has one."""
    if all(day == int(day) for day in days):
        return tuple(f"{_moment(day):%Y-%m-%d}".rjust(10, "0") for day in days)
    # The network has float32: of many years it does not tell the seconds.
    unit = "seconds" if max(days) - min(days) <= MOST_DAYS_IN_SECONDS else "minutes"
    return tuple(_moment(day, unit).isoformat(" ", unit) for day in days)


def _moment(day: float, unit: str = "minutes") -> datetime:
    """Return the moment, rounded; the calendar's last where rounding would leave it."""
    size = timedelta(**{unit: 1})
    last = (datetime.max - EPOCH) // size
    return EPOCH + min(round(day * (timedelta(days=1) / size)), last) * size


def _clocks(values: list[float]) -> tuple[str, ...]:
    """Return seconds as hours, minutes and seconds; a span may have more hours than a day."""
    digits = 0 if all(value == round(value) for value in values) else 3
    return tuple(_clock(value, digits) for value in values)


def _clock(value: float, digits: int) -> str:
    scale = 10**digits
    parts = round(abs(value) * scale)
    seconds, rest = divmod(parts, scale)
    sign = "-" if value < 0 and parts else ""
    text = f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{rest:0{digits}d}" if digits else text
