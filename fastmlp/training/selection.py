"""A pass that trains only on the batches whose loss exceeds a threshold: the others are looked at
and left alone.
"""

from __future__ import annotations

import numpy as np

from fastmlp.backend.contract import Program
from fastmlp.kernels.constants import STEP, UPDATE
from fastmlp.nn.losses import Loss
from fastmlp.nn.network import Network
from fastmlp.optim.optimizers import Optimizer
from fastmlp.step.batches import Batches

from .sweep import Sweep, record_step


class SelectiveSweep(Sweep):
    """Two Programs a batch, forward and loss, then backward and update, with the decision between
    them on the host.

    A batch whose mean loss does not exceed the threshold leaves the parameters, the optimizer's
    state and the count of updates as they are, so that neither a schedule nor Adam's corrections
    nor a dropout mask move on. The running statistics of batch normalisation do move: they describe
    what the network has seen. The loss of an epoch is that of all batches, trained on or not.

    Parameters
    ----------
    network, loss, optimizer, batches
        Bound to one backend; the optimizer has its table of learning rates.
    threshold
        Mean loss of a batch's rows that must be exceeded.
    rows
        How many rows of each epoch's order a pass visits; default all.
    drop_last
        Leave out the ragged last batch, unless it is the only one.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        optimizer: Optimizer,
        batches: Batches,
        threshold: float,
        rows: int | None = None,
        drop_last: bool = False,
    ):
        def look(rows: int) -> None:
            optimizer.begin_update(rows)
            x, targets, weights = batches.load(rows)
            self._gradient = loss.backward(network.forward(x, training=True), targets, weights)

        def learn(rows: int) -> None:
            network.backward(self._gradient)
            optimizer.update()

        super().__init__(
            network.backend,
            rows or batches.rows,
            batches.batch_size,
            look,
            drop_last,
            batches.window,
        )
        self._loss, self._counters, self._threshold = loss, network.counters, threshold
        self._updates: dict[int, tuple[int, Program]] = {}
        for program, size in (
            (self._full, batches.batch_size),
            (self._ragged, self.rows % batches.batch_size),
        ):
            if program is not None:
                record_step(
                    network.backend, look, size
                )  # a layer's backward reads what its last forward was given
                self._updates[id(program)] = size, record_step(network.backend, learn, size)

    def _replay(self, program: Program, count: int, done: int) -> None:
        """Look at ``count`` batches, and learn from those that are worth it."""
        rows, update = self._updates[id(program)]
        for step in range(done, done + count):
            super()._replay(program, 1, step)
            mean_loss = self._loss.row_losses(rows).mean()
            if mean_loss > self._threshold or np.isnan(
                mean_loss
            ):  # a NaN must reach the trainer, which stops at it
                update.replay()
            else:
                self._take_back()

    def _take_back(self) -> None:
        """Undo the count of an update that is not made; the batch has had its turn all the same."""
        values = self._backend.to_numpy(self._counters.values)
        values[[UPDATE, STEP]] -= 1
        self._backend.assign(self._counters.values, values)
