"""Predictions that are recorded once for each number of rows, so that asking row by row is fast."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from fastmlp.data.mapped.rows import Matrix, whole
from fastmlp.nn.losses import Loss
from fastmlp.nn.network import Network
from fastmlp.step.batches import Batches, InputScaling
from fastmlp.step.counters import Counters
from fastmlp.training.passes import Prediction

PREDICTION_BATCH = 256  # rows
KEPT = 16  # recordings; a caller whose batches differ every time makes no use of them


class RecordedPrediction:
    """The outputs of a network for matrices of features.

    Parameters
    ----------
    network, loss
        Bound for at least PREDICTION_BATCH rows.
    **scaling
        ``origin``, ``scale`` and ``shift`` of the features' columns, as Batches takes them.
    """

    def __init__(self, network: Network, loss: Loss, **scaling: Unpack[InputScaling]):
        self._network, self._loss, self._scaling = network, loss, scaling
        self._recordings: dict[tuple, tuple[Batches, Prediction]] = {}

    def run(self, matrix: Matrix, raw: bool = False) -> np.ndarray:
        """Return the outputs (rows, outputs) for features (rows, columns).

        They are finished, unless ``raw``: probabilities rather than logits.
        """
        if not len(matrix):
            return np.zeros((0, self._network.architecture.outputs), self._network.dtype)
        if len(matrix) > PREDICTION_BATCH:
            return Prediction(self._network, self._loss, self.batches(matrix), raw).run()
        matrix = whole(matrix, "a batch")
        key = len(matrix), matrix.dtype, raw
        if key not in self._recordings:
            if len(self._recordings) >= KEPT:
                del self._recordings[next(iter(self._recordings))]
            # Memory of its own, for later calls to write into.
            batches = self.batches(np.array(matrix, order="C"))
            self._recordings[key] = batches, Prediction(self._network, self._loss, batches, raw)
        batches, prediction = self._recordings[key]
        batches.replace(matrix)
        return prediction.run()

    def batches(
        self, matrix: Matrix, targets: np.ndarray | None = None, weights: np.ndarray | None = None
    ) -> Batches:
        """Return the rows in their own order, with targets where a loss is to be measured."""
        return Batches(
            self._network.backend,
            matrix,
            targets,
            Counters(self._network.backend),
            dtype=self._network.dtype,
            batch_size=min(PREDICTION_BATCH, len(matrix)),
            weights=weights,
            **self._scaling,
        )
