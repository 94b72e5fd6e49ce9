"""What was searched as axes of pictures: the values of each trial as places on a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastmlp.report.pictures.drawing import short_number, wants_log
from fastmlp.report.pictures.glyphs import labels
from fastmlp.tuning.outcomes import Outcome
from fastmlp.tuning.results import Study

MOST_TICKS = 7
OUTSIDE = 0.15  # of the trials, the worst of which may lie outside of a picture


@dataclass(frozen=True)
class Axis:
    """A setting as an axis.

    Attributes
    ----------
    name
        Of the setting, or ``layers`` and ``width``.
    values
        (trials,) as they are.
    places
        (trials,) in ascending order of the values, by their logarithm where that shows more, from 0
        to 1; NaN for none.
    ticks
        (place, words) on the axis.
    """

    name: str
    values: list[Any]
    places: np.ndarray
    ticks: list[tuple[float, str]]


def axes_of(study: Study, trials: Sequence[Outcome]) -> list[Axis]:
    """Return an axis for each searched setting whose values differ among trials."""
    columns: dict[str, list[Any]] = {}
    for name in study.settings:
        values = [study.value_in(trial, name) for trial in trials]
        if name == "hidden":
            widths = [_widths(value) for value in values]
            columns["layers"] = [len(each) for each in widths]
            columns["width"] = [max(each, default=0) for each in widths]
        else:
            columns[name] = values
    found = [_axis(name, values, study.space.get(name, {})) for name, values in columns.items()]
    return [axis for axis in found if len(set(axis.places[np.isfinite(axis.places)].tolist())) > 1]


def _widths(text: Any) -> list[int]:
    return [int(part) for part in str(text).split(",") if part.strip().isdecimal()]


def _number(value: Any) -> float:
    """Return a value as a number, also from a text of one; NaN where it is none."""
    if isinstance(value, bool) or value is None:
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _axis(name: str, values: list[Any], searched: dict[str, Any]) -> Axis:
    numbers = np.array([_number(value) for value in values], np.float64)
    if np.isfinite(numbers).all() and len(numbers):
        return _of_numbers(name, values, numbers, searched.get("log") is True)
    choices = searched.get("choices")
    order = [str(each) for each in choices] if isinstance(choices, list) else []
    found = {str(value) for value in values}
    words = [word for word in order if word in found] + sorted(found - set(order))
    spread = max(len(words) - 1, 1)
    shown = dict(zip(words, labels(words), strict=True))
    places = np.array([words.index(str(value)) / spread for value in values])
    return Axis(name, values, places, [(n / spread, shown[word]) for n, word in enumerate(words)])


def _of_numbers(name: str, values: list[Any], numbers: np.ndarray, log: bool) -> Axis:
    log = (log or wants_log(numbers)) and bool((numbers > 0).all())
    scaled = np.log(numbers) if log else numbers
    low, high = float(scaled.min()), float(scaled.max())
    different = sorted(set(numbers.tolist()))
    span = high - low or 1.0
    if len(different) <= MOST_TICKS:
        marks = np.array(different)
    else:
        marks = np.geomspace(*_ends(numbers), 4) if log else np.linspace(*_ends(numbers), 4)
    at = (np.log(marks) if log else marks) - low
    words = [short_number(float(f"{mark:.3g}")) for mark in marks.tolist()]
    ticks = list(zip((at / span).tolist(), words, strict=True))
    return Axis(name, values, (scaled - low) / span, ticks)


def _ends(numbers: np.ndarray) -> tuple[float, float]:
    return float(numbers.min()), float(numbers.max())


def limits(study: Study, values: Sequence[float]) -> tuple[float, float]:
    """Return the lowest and highest number that a picture shows: of the worst, not all."""
    finite = np.sort(np.array([value for value in values if math.isfinite(value)], np.float64))
    if not len(finite):
        return 0.0, 1.0
    kept = max(math.ceil((1 - OUTSIDE) * len(finite)), 1)
    shown = finite[-kept:] if study.larger_is_better else finite[:kept]
    low, high = float(shown[0]), float(shown[-1])
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 0.05
    return low - margin, high + margin
