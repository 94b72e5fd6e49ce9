"""Scores: how wrong a model's outputs are, as a number that grows where they become worse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastmlp.errors import UsageError, choose
from fastmlp.model.model import Model

# By task; the first is taken where the user says nothing.
METRICS = {
    "classification": ("accuracy", "log_loss"),
    "multilabel": ("accuracy", "log_loss"),
    "regression": ("rmse", "mae"),
}
LARGER_IS_BETTER = ("accuracy",)


@dataclass(frozen=True, eq=False)
class Score:
    """A measure of outputs against what is true of the same rows.

    Attributes
    ----------
    metric
        ``accuracy``, the share of rows that are right, of several labels in all of them;
        ``log_loss``, the mean of −log p of the true class, or over all labels; ``rmse`` or ``mae``,
        the root of the mean squared or the mean absolute error, averaged over the outputs.
    task
        Of the model.
    truth
        (rows,) class numbers; (rows, labels) of 0 and 1; (rows, outputs) values.
    """

    metric: str
    task: str
    truth: np.ndarray

    def measure(self, outputs: np.ndarray) -> float:
        """Return the measure of (rows, outputs) as ``Model.outputs_of`` returns them."""
        return float(getattr(self, f"_{self.metric}")(outputs))

    def loss(self, measure: float, baseline: float) -> float:
        """Return how much worse a measure is than the baseline."""
        worse = baseline - measure if self.metric in LARGER_IS_BETTER else measure - baseline
        return worse + 0.0  # no −0

    def _accuracy(self, outputs: np.ndarray) -> float:
        if self.task == "classification":
            return np.mean(outputs.argmax(axis=1) == self.truth)
        return np.mean(((outputs > 0.5) == (self.truth > 0.5)).all(axis=1))

    def _log_loss(self, outputs: np.ndarray) -> float:
        if self.task == "classification":
            said = outputs[np.arange(len(outputs)), self.truth]
        else:
            said = np.where(self.truth > 0.5, outputs, 1 - outputs)
        # A probability that was rounded to 0 is not infinitely wrong.
        least = np.finfo(outputs.dtype).eps
        return -np.log(np.maximum(said, least).astype(np.float64)).mean()

    def _rmse(self, outputs: np.ndarray) -> float:
        return np.sqrt(np.mean((outputs - self.truth) ** 2, axis=0)).mean()

    def _mae(self, outputs: np.ndarray) -> float:
        return np.abs(outputs - self.truth).mean()


def metric_of(model: Model, metric: str | None) -> str:
    """Return the metric that the user named, or the task's own without one.

    Raises
    ------
    UsageError
        If it is not one of the task's, or needs probabilities that the model does not give.
    """
    known = METRICS[model.task]
    metric = known[0] if metric is None else choose(f"metric of a {model.task}", metric, known)
    if metric == "log_loss" and not model.gives_probabilities:
        raise UsageError(
            f"metric log_loss needs probabilities, which a model trained with loss "
            f"{model.loss.name} does not give; use accuracy."
        )
    return metric


def score_of(model: Model, target: np.ndarray, metric: str) -> Score:
    """Return the score of a model on rows whose target is known; its errors are ``encode``'s."""
    truth = model.targets.encode(target)
    if model.task == "regression":
        truth = model.targets.decode_values(truth)
    return Score(metric, model.task, truth)
