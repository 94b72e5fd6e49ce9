"""Measures a network on a data set while it trains: loss, and accuracy or rmse and R²."""

from __future__ import annotations

import numpy as np

from fastmlp.metrics.quantities import regression_scores
from fastmlp.nn.losses import Loss
from fastmlp.nn.network import Network
from fastmlp.step.batches import Batches

from .passes import Evaluation, MeasuredPrediction


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
        kind = MeasuredPrediction if task == "regression" else Evaluation
        self._pass = kind(network, loss, batches)
        self._mean = 0.0 if mean is None else mean
        self._deviation = 1.0 if deviation is None else deviation
        if task == "regression":
            assert batches.targets is not None
            self._targets = batches.targets * self._deviation + self._mean

    def run(self) -> dict[str, float]:
        """Return the numbers of the network as it stands."""
        if isinstance(self._pass, Evaluation):
            sums = self._pass.run()
            return {"loss": sums.loss, "accuracy": sums.accuracy}
        outputs, sums = self._pass.run()
        predicted = outputs.astype(np.float64) * self._deviation + self._mean
        return {"loss": sums.loss, **regression_scores(self._targets, predicted)}
