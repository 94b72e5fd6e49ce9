"""Measures a network on a data set while it trains: loss, accuracy or rmse and R², a metric."""

from __future__ import annotations

import numpy as np

from fastmlp.data.features.targets import TargetEncoder
from fastmlp.metrics.quantiles import ordered
from fastmlp.metrics.quantities import regression_scores
from fastmlp.metrics.score import Answers
from fastmlp.metrics.table import Metric
from fastmlp.metrics.threshold import best_threshold
from fastmlp.nn.loss_sums import LossSums
from fastmlp.nn.losses import Loss
from fastmlp.nn.network import Network
from fastmlp.ranks.contract import ALONE, Ranks
from fastmlp.step.batches import Batches

from .passes import BlockPrediction, Evaluation, MeasuredPrediction

COUNTED = ("accuracy",)  # what the loss counts itself


class Measure:
    """Loss and accuracy of a data set, or loss, rmse and r2 for regression; with a metric that too.

    Parameters
    ----------
    name
        What the set is called in the history: ``"validation"``, ``"test"`` or ``"train"``.
    network, loss, batches
        What is measured, on which rows.
    targets
        The encoder of the target, which knows the task: errors are given in the target's own unit.
    encoded
        The rows' targets as the encoder gives them.
    metric
        What is computed from the predictions beside, if anything.
    threshold
        The probability above which a row is taken for the second of two classes; None for the one
        at which ``metric``, one of those that choose a threshold, is best on these rows.
    ranks
        Who measures together, each a stretch of the rows.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        loss: Loss,
        batches: Batches,
        targets: TargetEncoder,
        encoded: np.ndarray,
        metric: Metric | None = None,
        threshold: float | None = 0.5,
        ranks: Ranks = ALONE,
    ):
        self.name, self.metric, self._ranks = name, metric, ranks
        self._loss, self._encoder, self._threshold = loss, targets, threshold
        self._levels = loss.levels if targets.output_width == 1 else ()
        self._truth = targets.decode_values(encoded) if self.task == "regression" else encoded
        self._pass = self._make_pass(network, batches)

    def _make_pass(
        self, network: Network, batches: Batches
    ) -> Evaluation | MeasuredPrediction | BlockPrediction:
        counts = self.metric is None or self.metric.name in COUNTED
        counts = counts and self._threshold == 0.5
        kind = Evaluation if self.task != "regression" and counts else MeasuredPrediction
        return kind(network, self._loss, batches, ranks=self._ranks)

    @property
    def task(self) -> str:
        """``"classification"``, ``"multilabel"`` or ``"regression"``."""
        return self._encoder.task

    def run(self) -> dict[str, float]:
        """Return the numbers of the network as it stands."""
        if isinstance(self._pass, Evaluation):
            sums = self._pass.run()
            return {"loss": sums.loss, "accuracy": sums.accuracy}
        assert isinstance(self._pass, MeasuredPrediction)  # blocks are OutOfFold's, as is its run
        return self._numbers(*self._pass.run())

    def _numbers(self, outputs: np.ndarray, sums: LossSums) -> dict[str, float]:
        """Return the numbers of finished outputs (rows, outputs) and of their loss."""
        numbers = {"loss": sums.loss}
        answers = self._answers(outputs)
        if self.task == "regression":
            numbers |= regression_scores(self._truth, answers.values)
        elif self._threshold in (0.5, None):
            numbers["accuracy"] = sums.accuracy
        else:
            numbers["accuracy"] = answers.score(Metric("accuracy"))
        if self.metric is not None and self.metric.name not in numbers:
            numbers[self.metric.name] = answers.score(self.metric)
        return numbers

    def _answers(self, outputs: np.ndarray) -> Answers:
        """Return finished outputs beside the truth."""
        if self.task == "regression":
            with np.errstate(over="ignore", invalid="ignore"):
                outputs = self._encoder.decode_values(outputs)
            if self._levels:
                outputs = ordered(outputs)
        elif self.task == "classification" and outputs.shape[1] == 1:
            outputs = np.hstack([1 - outputs, outputs])
        are_probabilities = self._loss.kind.from_logits
        threshold = self._threshold
        if threshold is None:
            assert self.metric is not None  # by which it is picked
            is_finite = np.isfinite(outputs).all()
            picked = (self._truth, outputs[:, 1], self.metric.name)
            threshold = best_threshold(*picked) if is_finite else 0.5
        about = threshold, are_probabilities, self._levels
        return Answers(self.task, self._truth, outputs, *about)
