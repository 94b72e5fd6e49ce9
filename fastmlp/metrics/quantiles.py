"""Quantiles that never cross, and intervals between them that cover what they say: conformalized
quantile regression (Romano, Patterson and Candès 2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

ROUNDING = 9  # digits of a share of rows that count


@dataclass(frozen=True)
class Interval:
    """Between two quantiles: their places, their levels, and the share of rows it should cover."""

    low: int
    high: int
    levels: tuple[float, float]

    @property
    def nominal(self) -> float:
        """The share of rows that should lie in it."""
        return round(self.levels[1] - self.levels[0], ROUNDING)

    def to_dict(self) -> dict[str, float]:
        """Return its levels and its nominal share."""
        return {"low": self.levels[0], "high": self.levels[1], "nominal": self.nominal}


def intervals(levels: tuple[float, ...]) -> list[Interval]:
    """Return the intervals of ascending levels, the widest first: the first with the last, …"""
    last = len(levels) - 1
    return [
        Interval(place, last - place, (levels[place], levels[last - place]))
        for place in range(len(levels) // 2)
    ]


def ordered(values: np.ndarray, widening: tuple[float, ...] = ()) -> np.ndarray:
    """Return quantiles (rows, levels) in ascending order, then moved, none across another.

    Sorting a row brings each quantile no farther from the true one (Chernozhukov, Fernández-Val and
    Galichon 2010). After the move an outer interval holds all inner ones: it grows, if need be, and
    so covers no less.

    Parameters
    ----------
    values
        As a network gives them.
    widening
        (levels,) added to each; empty for none.
    """
    values = np.sort(values, axis=1)
    if not widening:
        return values
    values += np.asarray(widening)
    last = values.shape[1] - 1
    low, high = values[:, last // 2].copy(), values[:, (last + 1) // 2].copy()
    for place in range(last // 2, -1, -1):
        below, above = values[:, place].copy(), values[:, last - place].copy()
        low = np.minimum(low, np.minimum(below, above))
        high = np.maximum(high, np.maximum(below, above))
        values[:, place], values[:, last - place] = low, high
    return values


def conformal_widening(
    levels: tuple[float, ...], values: np.ndarray, truth: np.ndarray
) -> tuple[float, ...]:
    """Return what is to be added to sorted quantiles so that each interval covers a new row with at
    least its nominal share.

    A row's score is how far the truth lies outside, max(low − t, t − high), negative inside. The
    interval of 1 − α grows on both sides by the ⌈(n + 1)·(1 − α)⌉-th smallest of the n scores; if
    that is negative it shrinks.

    Parameters
    ----------
    levels
        In ascending order.
    values
        (rows, levels) of rows that were not trained on, sorted; at least ``fewest_rows``.
    truth
        (rows,).

    Returns
    -------
    tuple of float
        One a level; 0 for a middle one.
    """
    widening = [0.0] * len(levels)
    for each in intervals(levels):
        scores = np.maximum(values[:, each.low] - truth, truth - values[:, each.high])
        place = _rank(len(truth), each.nominal) - 1
        grown = float(np.partition(scores, place)[place])
        widening[each.low], widening[each.high] = -grown, grown
    return tuple(widening)


def fewest_rows(levels: tuple[float, ...]) -> int:
    """Return how many rows the widest interval needs: with fewer no finite one covers enough."""
    widest = max((each.nominal for each in intervals(levels)), default=0.0)
    rows = 1
    while _rank(rows, widest) > rows:
        rows += 1
    return rows


def _rank(rows: int, share: float) -> int:
    return math.ceil(round((rows + 1) * share, ROUNDING))


def coverage(interval: Interval, values: np.ndarray, truth: np.ndarray) -> float:
    """Return the share of truths (rows,) that lie in an interval of quantiles (rows, levels)."""
    return float(((values[:, interval.low] <= truth) & (truth <= values[:, interval.high])).mean())
