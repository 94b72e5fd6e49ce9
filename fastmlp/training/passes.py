"""Passes over data that leave the network as it is: an evaluation, a prediction, both in one."""

from __future__ import annotations

from typing import final

import numpy as np

from fastmlp.nn.loss_sums import LossSums
from fastmlp.nn.losses import Loss
from fastmlp.nn.network import Network
from fastmlp.step.batches import Batches

from .recorded_pass import RecordedPass


class _Pass:
    """Every row once: its loss is added up, or its outputs are kept, or both.

    They are finished, unless ``raw``: probabilities rather than logits.
    """

    _measures = _predicts = False

    def __init__(self, network: Network, loss: Loss, batches: Batches, raw: bool = False):
        self._network, self._loss, self._batches, self._raw = network, loss, batches, raw
        backend, width = network.backend, network.architecture.outputs
        if self._predicts:
            self._finished = backend.empty((batches.batch_size, width), network.dtype)
            self._outputs = backend.empty((batches.rows, width), network.dtype)
        self._recorded_pass = RecordedPass(
            backend, batches.visits, batches.batch_size, self._step, window=batches.window
        )

    def _step(self, rows: int) -> None:
        self._batches.begin(rows)
        x, targets, weights = self._batches.load(rows)
        outputs = self._loss.mix(self._network.forward_same(x))
        if self._measures:
            self._loss.backward(outputs, targets, weights)
        if self._predicts and self._raw:
            self._batches.store(outputs, self._outputs)
        elif self._predicts:
            self._loss.finish_outputs(outputs, self._finished[:rows])
            self._batches.store(self._finished[:rows], self._outputs)

    def _replay(self) -> None:
        self._batches.counters.start_epoch(0)
        for _ in self._recorded_pass.run():
            pass

    def _measure(self) -> LossSums:
        self._loss.take_sums()  # which sets them to zero
        self._replay()
        return self._loss.take_sums()


class Evaluation(_Pass):
    """Mean loss and share of right rows of a data set, the network as it stands."""

    _measures = True

    def run(self) -> LossSums:
        """Return the sums over all rows."""
        return self._measure()


class Prediction(_Pass):
    """The outputs of a data set in the order of its rows: probabilities, or values."""

    _predicts = True

    def run(self) -> np.ndarray:
        """Return the outputs (rows, outputs)."""
        self._replay()
        return self._network.backend.to_numpy(self._outputs)


class MeasuredPrediction(Prediction):
    """The outputs of rows with a target, and the sums of their losses."""

    _measures = True

    def run(self) -> tuple[np.ndarray, LossSums]:
        """Return the outputs (rows, outputs), and the sums over all rows."""
        sums = self._measure()
        return self._network.backend.to_numpy(self._outputs), sums


@final
class BlockPrediction(_Pass):
    """What each member of an ensemble says of its own block of each batch, in the epoch's order."""

    def __init__(self, network: Network, loss: Loss, batches: Batches):
        backend, width = network.backend, network.architecture.outputs
        self._places = backend.from_numpy(np.arange(batches.visits, dtype=np.int64))
        self._finished = backend.empty((batches.batch_size, width), network.dtype)
        self._outputs = backend.empty((batches.visits, width), network.dtype)
        super().__init__(network, loss, batches)

    def _step(self, rows: int) -> None:
        self._batches.begin(rows)
        x, _, _ = self._batches.load(rows)
        outputs = self._network.forward(x, training=False)
        finished = self._finished[:rows]
        self._loss.finish_outputs(outputs, finished)
        where = self._places, self._batches.counters.values, self._outputs
        self._network.backend.ops.scatter_rows(finished, *where)

    def run(self) -> np.ndarray:
        """Return the predictions (visits, outputs)."""
        self._replay()
        return self._network.backend.to_numpy(self._outputs)
