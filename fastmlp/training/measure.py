"""Measures a network on a data set while it trains: loss, and accuracy or root mean squared error
and R².
"""

from __future__ import annotations

import numpy as np

from fastmlp.nn.losses import Loss
from fastmlp.nn.network import Network
from fastmlp.step.batches import Batches

from .passes import Evaluation, Prediction


class Measure:
    """Loss and accuracy of a data set, or loss, rmse and r2 for regression.

    Parameters
    ----------
    name
        What the set is called in the history: ``"validation"``, ``"test"`` or ``"train"``.
    network, loss, batches
        What is measured, on which rows.
    task
        ``"classification"``, ``"multilabel"`` or ``"regression"``.
    mean, deviation
        (outputs,) of the regression target before it was standardised: the errors are given in its
        own unit.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        loss: Loss,
        batches: Batches,
        task: str,
        mean: np.ndarray | None = None,
        deviation: np.ndarray | None = None,
    ):
        self.name = name
        self._task = task
        self._evaluation = Evaluation(network, loss, batches)
        self._prediction = None
        if task == "regression":
            self._prediction = Prediction(network, loss, batches)
            self._mean, self._deviation = mean, deviation
            self._targets = batches.targets * deviation + mean

    def run(self) -> dict[str, float]:
        """Return the numbers of the network as it stands."""
        statistics = self._evaluation.run()
        if self._prediction is None:
            return {"loss": statistics.loss, "accuracy": statistics.accuracy}
        predicted = self._prediction.run().astype(np.float64) * self._deviation + self._mean
        return {"loss": statistics.loss, **regression_scores(self._targets, predicted)}


def regression_scores(targets: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return rmse and r2 of (rows, outputs) predictions; several outputs are averaged.

    R² is 1 − Σ(t − y)²/Σ(t − t̄)²; a constant target that is predicted exactly has 1, else 0 (the
    convention of scikit-learn).
    """
    with np.errstate(
        over="ignore", divide="ignore", invalid="ignore"
    ):  # a run that diverges has infinite scores
        residual = ((targets - predicted) ** 2).sum(axis=0)
        spread = ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
        r2 = np.where(spread > 0, 1 - residual / spread, np.where(residual > 0, 0.0, 1.0))
    rmse = np.sqrt(residual / len(targets))
    return {"rmse": float(rmse.mean()), "r2": float(r2.mean())}
