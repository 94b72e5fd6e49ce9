"""Predictions that are recorded once for each number of rows: a model that is asked row by row does
not record anew.
"""

from __future__ import annotations

import numpy as np

from fastmlp.nn.losses import Loss
from fastmlp.nn.network import Network
from fastmlp.step.batches import Batches
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
    scale, shift
        What the batch kernel applies to the features, or None.
    """

    def __init__(
        self, network: Network, loss: Loss, scale: np.ndarray | None, shift: np.ndarray | None
    ):
        self._network, self._loss = network, loss
        self._scaling = {"scale": scale, "shift": shift}
        self._recordings: dict[tuple, tuple[Batches, Prediction]] = {}

    def run(self, matrix: np.ndarray) -> np.ndarray:
        """Return the outputs (rows, outputs) for features (rows, columns), at least one row."""
        if len(matrix) > PREDICTION_BATCH:
            return Prediction(self._network, self._loss, self.batches(matrix)).run()
        key = len(matrix), matrix.dtype
        if key not in self._recordings:
            if len(self._recordings) >= KEPT:
                del self._recordings[next(iter(self._recordings))]
            batches = self.batches(
                np.array(matrix, order="C")
            )  # memory of its own, for later calls to write into
            self._recordings[key] = batches, Prediction(self._network, self._loss, batches)
        batches, prediction = self._recordings[key]
        batches.replace_features(matrix)
        return prediction.run()

    def batches(self, matrix: np.ndarray, targets: np.ndarray | None = None) -> Batches:
        """Return the rows in their own order, with targets where a loss is to be measured."""
        return Batches(
            self._network.backend,
            matrix,
            targets,
            Counters(self._network.backend),
            dtype=self._network.dtype,
            batch_size=min(PREDICTION_BATCH, len(matrix)),
            **self._scaling,
        )
