"""Passes over data that leave the network as it is: an evaluation, a prediction, both in one."""

from __future__ import annotations

from typing import final

import numpy as np

from fastmlp.nn.loss_sums import LossSums
from fastmlp.nn.losses import Loss
from fastmlp.nn.network import Network
from fastmlp.ranks.contract import ALONE, Ranks
from fastmlp.step.batches import Batches

from .recorded_pass import RecordedPass


class _Pass:
    """Every row once: its loss is added up, or its outputs are kept, or both.

    They are finished, unless ``raw``: probabilities rather than logits. With ``ranks`` each of them
    takes a stretch of the rows, and all have the whole result: they run the pass together.
    """

    _measures = _predicts = False

    def __init__(
        self,
        network: Network,
        loss: Loss,
        batches: Batches,
        raw: bool = False,
        ranks: Ranks = ALONE,
    ):
        self._network, self._loss, self._batches, self._raw = network, loss, batches, raw
        # A window lies where a pass over all rows begins.
        self._ranks = ranks if batches.window is None else ALONE
        backend, width = network.backend, network.architecture.outputs
        if self._predicts:
            self._finished = backend.empty((batches.batch_size, width), network.dtype)
            self._outputs = backend.zeros((batches.rows, width), network.dtype)
        self._first, stop = self._ranks.part(batches.visits)
        own, size = stop - self._first, batches.batch_size
        self._recorded_pass = (
            RecordedPass(backend, own, size, self._step, window=batches.window) if own else None
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
        self._batches.counters.start_epoch(0, row=self._first)
        for _ in self._recorded_pass.run() if self._recorded_pass else ():
            pass

    def _measure(self) -> LossSums:
        self._loss.take_sums()  # which sets them to zero
        self._replay()
        return self._loss.take_sums().over(self._ranks)

    def _whole(self) -> np.ndarray:
        """Return the outputs of all rows: each rank's are 0 where others have theirs."""
        return gathered(self._network.backend.to_numpy(self._outputs), self._ranks)


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
        return self._whole()


class MeasuredPrediction(Prediction):
    """The outputs of rows with a target, and the sums of their losses."""

    _measures = True

    def run(self) -> tuple[np.ndarray, LossSums]:
        """Return the outputs (rows, outputs), and the sums over all rows."""
        sums = self._measure()
        return self._whole(), sums


def gathered(outputs: np.ndarray, ranks: Ranks) -> np.ndarray:
    """Return the sum over the ranks of arrays of which each has some rows, the others 0."""
    return outputs if ranks.is_alone else ranks.total(outputs).astype(outputs.dtype)


@final
class BlockPrediction(_Pass):
    """What each member of an ensemble says of its own block of each batch, in the epoch's order.

    Where batches are divided among ranks, each does its part of every batch.
    """

    def __init__(self, network: Network, loss: Loss, batches: Batches):
        backend, width = network.backend, network.architecture.outputs
        places = batches.by_rank(np.arange(batches.visits, dtype=np.int64))
        self._places = backend.from_numpy(places)
        self._finished = backend.empty((batches.batch_size, width), network.dtype)
        self._outputs = backend.zeros((batches.visits, width), network.dtype)
        super().__init__(network, loss, batches)

    def _step(self, rows: int) -> None:
        self._batches.begin(rows)
        x, _, _ = self._batches.load(rows)
        outputs = self._network.forward(x, training=False)
        finished = self._finished[: len(x)]
        self._loss.finish_outputs(outputs, finished)
        places = self._places[self._batches.own_start(rows) :]
        where = places, self._batches.counters.values, self._outputs
        self._network.backend.ops.scatter_rows(finished, *where)

    def run(self) -> np.ndarray:
        """Return the predictions (visits, outputs)."""
        self._replay()
        return gathered(self._network.backend.to_numpy(self._outputs), self._batches.ranks)
