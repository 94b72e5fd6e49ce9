"""Computes a metric, or all that fit, from what a model says of rows whose truth is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fastmlp.errors import UsageError

from . import classes, quantities
from .table import PROBABILITIES, Metric, metrics_of, parse_metric


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says of rows, beside the truth.

    Attributes
    ----------
    task
        ``"classification"``, ``"multilabel"`` or ``"regression"``.
    truth
        (rows,) class numbers; (rows, labels) of 0 and 1; (rows, outputs) values in their own unit.
    outputs
        (rows, classes) or (rows, labels) probabilities, or (rows, outputs) values; with ``levels``
        (rows, levels) quantiles of the one value.
    threshold
        The probability above which a row is of the second of two classes.
    are_probabilities
        Whether the outputs of a classification are, so that they have a log loss.
    levels
        Of quantiles, in ascending order; the values are then those of the middle one.
    """

    task: str
    truth: np.ndarray
    outputs: np.ndarray
    threshold: float = 0.5
    are_probabilities: bool = True
    levels: tuple[float, ...] = ()

    @cached_property
    def decided(self) -> np.ndarray:
        """The predicted labels."""
        return decide(self.task, self.outputs, self.threshold)

    @property
    def values(self) -> np.ndarray:
        """The predicted values: of quantiles that nearest to the median."""
        if not self.levels:
            return self.outputs
        middle = middle_of(self.levels)
        return self.outputs[:, middle : middle + 1]

    def score(self, metric: Metric) -> float:
        """Return the metric; NaN where it is not defined for these rows.

        Raises
        ------
        UsageError
            If there are no rows, or the metric does not fit the task.
        """
        if not len(self.truth):
            raise UsageError(f"metric {metric} needs at least one row; give rows with a target.")
        if self.task not in metric.kind.tasks:
            raise UsageError(f"metric {metric} is none of a {self.task} task; give another.")
        if metric.kind.needs == PROBABILITIES and not self.are_probabilities:
            return math.nan
        if not np.isfinite(self.outputs).all():
            return math.nan
        return self._score(metric)

    def _score(self, metric: Metric) -> float:
        truth = self.truth
        match metric.name:
            case "accuracy":
                return classes.accuracy(truth, self.decided)
            case "balanced_accuracy":
                return classes.balanced_accuracy(truth, self.decided)
            case "f1":
                return classes.f1(truth, self.decided, self.outputs.shape[1])
            case "log_loss":
                return classes.log_loss(truth, self.outputs)
            case "auc":
                return classes.auc(truth, self.outputs)
            case "rmse" | "r2":
                return quantities.regression_scores(truth, self.values)[metric.name]
            case "mae":
                return quantities.mae(truth, self.values)
            case "poisson_deviance":
                return quantities.poisson_deviance(truth, self.values)
        if self.levels:
            return quantities.pinball(truth, self.outputs, self.levels)
        return quantities.pinball(truth, self.values, metric.argument)

    def scores(self) -> dict[str, float]:
        """Return all metrics that fit the task and are defined for these rows, by name.

        The Poisson deviance is among them where nothing is negative, the pinball loss where
        quantiles are predicted: of half it is half of the mean absolute error.
        """
        numbers = {}
        for name in metrics_of(self.task):
            if (name == "poisson_deviance" and not self._are_counts) or name == "pinball":
                continue
            numbers[name] = self.score(Metric(name))
        if self.levels:
            numbers["pinball"] = self.score(parse_metric("pinball"))
        return {name: value for name, value in numbers.items() if math.isfinite(value)}

    @property
    def _are_counts(self) -> bool:
        return self.truth.min(initial=0) >= 0 and self.values.min(initial=0) >= 0


def decide(task: str, outputs: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Return the labels that outputs mean.

    Parameters
    ----------
    task
        ``"classification"`` or ``"multilabel"``.
    outputs
        (rows, classes) or (rows, labels).
    threshold
        Of two classes: the second is taken where its output is larger.

    Returns
    -------
    numpy.ndarray
        (rows,) class numbers: the first of the largest; or (rows, labels) of 0 and 1.
    """
    if task == "multilabel":
        return (outputs > 0.5).astype(np.int64)
    if threshold != 0.5 and outputs.shape[1] == 2:
        return (outputs[:, 1].astype(np.float64) > threshold).astype(np.int64)
    return outputs.argmax(axis=1)


def middle_of(levels: tuple[float, ...]) -> int:
    """Return the place of the level nearest to one half."""
    return min(range(len(levels)), key=lambda place: abs(levels[place] - 0.5))
