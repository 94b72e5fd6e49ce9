"""The three passes over data: a training epoch, an evaluation, a prediction."""

from __future__ import annotations

import numpy as np

from fastmlp.nn.losses import Loss, Statistics
from fastmlp.nn.network import Network
from fastmlp.optim.optimizers import Optimizer
from fastmlp.step.batches import Batches

from .sweep import Sweep


def training_sweep(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    batches: Batches,
    drop_last: bool = False,
    rows: int | None = None,
) -> Sweep:
    """Record a training step, of all rows or of the first in each epoch's order: load, forward,
    loss, backward, update.
    """

    def step(rows: int) -> None:
        optimizer.begin_update(rows)
        x, targets, weights = batches.load(rows)
        outputs = network.forward(x, training=True)
        network.backward(loss.backward(outputs, targets, weights))
        optimizer.update()

    return Sweep(
        network.backend, rows or batches.rows, batches.batch_size, step, drop_last, batches.window
    )


class Evaluation:
    """Mean loss and share of right rows of a data set, the network as it stands."""

    def __init__(self, network: Network, loss: Loss, batches: Batches):
        def step(rows: int) -> None:
            batches.begin(rows)
            x, targets, weights = batches.load(rows)
            loss.backward(network.forward(x, training=False), targets, weights)

        self._network, self._loss = network, loss
        self._counters = batches.counters
        self._sweep = Sweep(
            network.backend, batches.rows, batches.batch_size, step, window=batches.window
        )

    def run(self) -> Statistics:
        """Return the sums over all rows."""
        self._counters.start_epoch(0)
        self._loss.take_statistics()
        for _ in self._sweep.run():
            pass
        return self._loss.take_statistics()


class Prediction:
    """The outputs of a data set in the order of its rows: probabilities, or values."""

    def __init__(self, network: Network, loss: Loss, batches: Batches):
        backend, width = network.backend, network.architecture.outputs
        self._finished = backend.empty((batches.batch_size, width), network.dtype)
        self._result = backend.empty((batches.rows, width), network.dtype)

        def step(rows: int) -> None:
            batches.begin(rows)
            x, _, _ = batches.load(rows)
            finished = self._finished[:rows]
            loss.finish_outputs(network.forward(x, training=False), finished)
            batches.store(finished, self._result)

        self._backend, self._counters = backend, batches.counters
        self._sweep = Sweep(backend, batches.rows, batches.batch_size, step, window=batches.window)

    def run(self) -> np.ndarray:
        """Return the outputs (rows, outputs)."""
        self._counters.start_epoch(0)
        for _ in self._sweep.run():
            pass
        return self._backend.to_numpy(self._result)
