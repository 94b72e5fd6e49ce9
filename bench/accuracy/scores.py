"""What metrics of unlike tables have in common: normalised scores, wins and losses.

The score of a metric is 0 at logistic regression or ridge and 1 at the best of the other libraries.
Where none of them is better than logistic regression or ridge by one standard error, a table has no
scale.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .metrics import LOWER_IS_BETTER, METRICS

BASE = "linear"
LEAST_SCORE = -1.0  # so that one table on which all goes wrong does not decide a mean
RELATIVE_ERROR = 0.01  # taken for one standard error of RMSE and of log loss
# Differences up to these are ties: of AUC and accuracy as they are, of the others relative.
TIES = {"auc": 0.003, "accuracy": 0.003, "log_loss": 0.01, "rmse": 0.01}


@dataclass(frozen=True)
class Rows:
    """The test rows of a table, as far as the noise of a metric depends on them."""

    number: int
    class_counts: tuple[int, ...] = ()


def gain(metric: str, value: float, other: float) -> float:
    """Return by how much a value is better than another one; relative for RMSE and log loss."""
    return (other - value) / abs(other) if metric in LOWER_IS_BETTER else value - other


def standard_error(metric: str, value: float, rows: Rows) -> float:
    """Return one standard error of a metric on test rows; relative for RMSE and log loss.

    Of AUC as Hanley and McNeil (1982), "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve", Radiology 143, give it.
    """
    if metric == "accuracy":
        return math.sqrt(value * (1 - value) / rows.number)
    if metric == "auc":
        first, second = rows.class_counts
        two_of_first = value / (2 - value) - value**2
        two_of_second = 2 * value**2 / (1 + value) - value**2
        variance = value * (1 - value) + (first - 1) * two_of_first + (second - 1) * two_of_second
        return math.sqrt(variance / (first * second))
    return RELATIVE_ERROR


def scale(metric: str, peers: Mapping[str, float], rows: Rows) -> tuple[float, float] | None:
    """Return the values at which the score is 0 and 1; None where noise may be all there is.

    Parameters
    ----------
    metric
        Its name.
    peers
        Its value by contender: of the other libraries, fastmlp not among them.
    rows
        On which it was measured.
    """
    if BASE not in peers:
        return None
    base = peers[BASE]
    best = (min if metric in LOWER_IS_BETTER else max)(peers.values())
    if best == base or gain(metric, best, base) < standard_error(metric, base, rows):
        return None
    return base, best


def normalised(value: float, ends: tuple[float, float] | None) -> float | None:
    """Return the score of a value between the ends of a scale; at least -1, None without one."""
    if ends is None:
        return None
    base, best = ends
    return max(LEAST_SCORE, (value - base) / (best - base))


def outcome(metric: str, value: float, other: float) -> int:
    """Return 1 for a win over another value, 0 for a tie, -1 for a loss."""
    by = gain(metric, value, other)
    return 0 if abs(by) <= TIES[metric] else (1 if by > 0 else -1)


def medians(rows: Sequence[Mapping[str, Any]], key: str) -> dict[str, float]:
    """Return the median of a number by contender, over seeds and rounds."""
    values: dict[str, list[float]] = {}
    for row in rows:
        if row.get(key) is not None:
            values.setdefault(row["contender"], []).append(row[key])
    return {contender: statistics.median(found) for contender, found in values.items()}


@dataclass(frozen=True)
class TableScores:
    """All contenders on one table.

    Attributes
    ----------
    task
        Of the table.
    values
        By metric and contender; the main metric is the first.
    scores
        Normalised, likewise; None where the metric has no scale.
    seconds, processor_seconds
        Of one fit, by contender.
    """

    task: str
    values: dict[str, dict[str, float]]
    scores: dict[str, dict[str, float | None]]
    seconds: dict[str, float]
    processor_seconds: dict[str, float]

    @property
    def main(self) -> str:
        """The metric that counts."""
        return METRICS[self.task][0]

    @property
    def has_scale(self) -> bool:
        """Whether the main metric tells contenders from logistic regression or ridge."""
        return any(score is not None for score in self.scores[self.main].values())


def score_table(
    task: str, results: Sequence[Mapping[str, Any]], rows: Rows, peers: Sequence[str]
) -> TableScores:
    """Return the scores of one table.

    Parameters
    ----------
    task
        Of the table.
    results
        One a fit: the contender, its metrics, ``wall`` and ``cpu`` seconds.
    rows
        The test rows.
    peers
        Contenders among which the best one is sought.
    """
    values = {metric: medians(results, metric) for metric in METRICS[task]}
    scores: dict[str, dict[str, float | None]] = {}
    for metric, found in values.items():
        ends = scale(metric, {name: found[name] for name in peers if name in found}, rows)
        scores[metric] = {name: normalised(value, ends) for name, value in found.items()}
    return TableScores(task, values, scores, medians(results, "wall"), medians(results, "cpu"))


@dataclass(frozen=True)
class Summary:
    """One contender over all tables.

    Attributes
    ----------
    contender
        Who.
    score, log_loss_score
        Means of normalised scores, of the main metric and of log loss; None without a scale.
    tables, scaled
        On how many it was measured, and how many of them have a scale.
    wins, ties, losses
        Of fastmlp against it, by the main metric of each table.
    seconds, processor_seconds
        Sums over tables of one fit each.
    """

    contender: str
    score: float | None
    log_loss_score: float | None
    tables: int
    scaled: int
    wins: int
    ties: int
    losses: int
    seconds: float
    processor_seconds: float


def summarise(contender: str, own: str, tables: Sequence[TableScores]) -> Summary:
    """Return how a contender stands over all tables, and ``own`` against it."""
    there = [table for table in tables if contender in table.values[table.main]]
    scores = _known([table.scores[table.main][contender] for table in there])
    losses = _known([table.scores.get("log_loss", {}).get(contender) for table in there])
    outcomes = [
        outcome(table.main, values[own], values[contender])
        for table in there
        if own in (values := table.values[table.main]) and own != contender
    ]
    return Summary(
        contender,
        statistics.mean(scores) if scores else None,
        statistics.mean(losses) if losses else None,
        len(there),
        len(scores),
        outcomes.count(1),
        outcomes.count(0),
        outcomes.count(-1),
        sum(table.seconds[contender] for table in there),
        sum(table.processor_seconds[contender] for table in there),
    )


def _known(scores: Sequence[float | None]) -> list[float]:
    return [score for score in scores if score is not None]
