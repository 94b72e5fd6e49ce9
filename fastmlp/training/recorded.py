"""A training step, set up in the one order that works and recorded."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import DTypeLike

from fastmlp.backend.contract import Backend, Program
from fastmlp.data.memory import available_memory, in_units
from fastmlp.errors import UsageError
from fastmlp.kernels.constants import STEP, UPDATE
from fastmlp.nn.losses import Loss
from fastmlp.nn.network import Architecture, Network
from fastmlp.optim.averaging import Averaging
from fastmlp.optim.optimizers import Optimizer, Regularization
from fastmlp.step.batches import Batches, count_steps
from fastmlp.step.scheduled import Scheduled

from .policies import Reported
from .recorded_pass import RecordedPass, record_step

# What may change over a run beside the learning rate: shares of what the settings say.
SHARES = ("dropout", "weight_decay")
COPIES_OF_PARAMETERS = 6  # values, gradient, two of Adam's moments, and two snapshots


def check_memory(
    architecture: Architecture,
    backend: Backend,
    dtype: DTypeLike,
    rows: int,
    remedy: str,
    name: str | None = None,
) -> None:
    """Refuse a network before memory is taken that is not there: the system would end the process.

    Parameters
    ----------
    architecture, backend, dtype, rows
        Of the network, and the rows of its largest batch, for each member.
    remedy
        What the user may give instead: ``"give smaller layers"``.
    name
        What the user gave; by default the number of parameters says it.

    Raises
    ------
    UsageError
        If there is too little.
    """
    parameters = architecture.parameters
    widths = (*architecture.widths, architecture.encoded.width)
    of_rows = 2 * architecture.members * rows * sum(widths)
    numbers = COPIES_OF_PARAMETERS * parameters + of_rows
    wanted, on_device = numbers * np.dtype(dtype).itemsize, backend.free_memory()
    available = available_memory() if on_device is None else on_device
    if wanted > available:
        raise UsageError(
            f"{name or f'the network of {parameters:,} parameters'} needs {in_units(wanted)} of "
            f"memory to train and {in_units(available)} are available on {backend.name}; {remedy}."
        )


def bind(network: Network, loss: Loss, rows: int) -> None:
    """Allocate the buffers of a network and its loss for batches of up to ``rows`` rows.

    Of an ensemble, for so many rows of each member.
    """
    architecture = network.architecture
    members, networks = architecture.members, architecture.networks
    network.bind(members * rows)
    where = network.backend, network.dtype, members * rows, architecture.outputs
    loss.bind(*where, members, networks)


class RecordedStep:
    """Load, forward, loss, backward, update, as Programs that an epoch replays.

    Parameters
    ----------
    network, loss
        Bound for the batches' rows.
    optimizer
        Is bound to the network here.
    batches
        The training rows, which count with the network's counters.
    regularization
        What is done to the gradient; none by default.
    rows
        How much of each epoch's order is visited; all by default.
    drop_last
        Leave out the ragged last batch, unless it is the only one.
    threshold
        Train only on batches whose mean loss exceeds it; see SelectivePass.
    reported
        The loss that is reported; it may add its own operations to the step.
    scheduled
        Which of SHARES are to change from update to update.
    averaging
        The average of the weights that is kept, if any; it is bound here.

    Attributes
    ----------
    network, loss, optimizer, batches, reported, averaging
        The parts.
    training_pass
        The pass over an epoch's rows.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        optimizer: Optimizer,
        batches: Batches,
        regularization: Regularization | None = None,
        *,
        rows: int | None = None,
        drop_last: bool = False,
        threshold: float | None = None,
        reported: Reported | None = None,
        scheduled: Collection[str] = (),
        averaging: Averaging | None = None,
    ):
        self.network, self.loss, self.optimizer, self.batches = network, loss, optimizer, batches
        self.reported, self.averaging = reported or Reported(), averaging or Averaging()
        count, size = rows or batches.visits, batches.batch_size
        regularization = regularization or Regularization()
        # Programs hold the addresses of these tables: they are there before they are recorded.
        steps = count_steps(count, size, drop_last)
        places = {
            "dropout": network.counters.dropout_share,
            "weight_decay": network.backend.zeros((1,), np.float64),
        }
        self._shares = {
            name: Scheduled(network.backend, places[name], steps)
            for name in SHARES
            if name in scheduled
        }
        where = network.backend, network.store, network.counters, regularization
        # The gradient has to be there to be added up: what folds never stores it.
        fold = network.backend.ranks.is_alone
        optimizer.bind(*where, fold, decay_share=self._shares.get("weight_decay"))
        optimizer.set_learning_rates(np.zeros(steps))
        self.averaging.bind(network.backend, network.store, network.counters, steps)
        place = network.backend, count, size
        if threshold is None:
            how = drop_last, batches.window, network.backend.ranks
            self.training_pass = RecordedPass(*place, self._learn, *how)
        else:
            self.training_pass = SelectivePass(self, threshold, *place, drop_last)

    def start_epoch(
        self,
        rates: np.ndarray,
        update: int,
        step: int = 0,
        shares: Mapping[str, np.ndarray] = MappingProxyType({}),
    ) -> None:
        """Go to an epoch, ``update`` updates after the first and ``step`` steps into its order.

        ``rates`` (steps,) are its learning rates, and ``shares`` those of each of SHARES that is
        scheduled.
        """
        counters, size = self.network.counters, self.batches.batch_size
        counters.start_epoch(update + step, step, step * size)
        self.optimizer.set_learning_rates(rates)
        for name, share in self._shares.items():
            share.set_table(shares[name])
        self.averaging.start_epoch(update)

    def look(self, rows: int) -> None:
        """Launch the first half of a step: the gradient with respect to the outputs."""
        self.reported.begin_step(self.optimizer, rows)
        self.optimizer.begin_update(rows)
        for share in self._shares.values():
            share.take(self.network.counters.values)
        x, targets, weights = self.batches.load(rows)
        outputs = self.network.forward(x, training=True)
        self.reported.launch()  # before the backward pass, which may change weights
        self._gradient = self.loss.backward(outputs, targets, weights, rows)

    def improve(self, rows: int) -> None:
        """Launch the second half: the backward pass, the sum over the ranks, the update."""
        backend, gradient = self.network.backend, self.network.store.gradient
        if not len(self._gradient):  # a rank without rows: what sums over them may not write
            backend.ops.clear_gradient(gradient)
        self.network.backward(self._gradient)
        backend.allreduce(gradient)
        self.optimizer.update()
        self.averaging.launch()

    def likely_cause(self, rate: float) -> str:
        """Return in words why it may have diverged at a learning rate, and what to try."""
        largest = self.batches.largest_input()
        if largest > 20:
            return (
                f"the input is not normalised (values up to {largest:g}); try --normalize standard"
            )
        if self.loss.reduction == "sum":
            return (
                "the gradient is summed over the batch; try --reduction mean, a smaller lr or a "
                "smaller batch"
            )
        momentum = getattr(self.optimizer, "momentum", 0.0)
        if momentum >= 0.95:
            return f"momentum {momentum:g} is too large for this lr; try 0.9 or a smaller lr"
        return f"the learning rate {rate:g} is too large; try a tenth of it, or --clip-norm 1"

    def _learn(self, rows: int) -> None:
        self.look(rows)
        self.improve(rows)


class SelectivePass(RecordedPass):
    """A pass that trains only on batches whose mean loss exceeds a threshold.

    A batch is two Programs, one for each half of the step, with the decision between them on the
    host. A batch that is left alone leaves the parameters, the optimizer's state and the count of
    updates as they are, so that neither a schedule nor Adam's corrections nor a dropout mask move
    on. The running statistics of batch normalisation do move: they describe what the network has
    seen. The loss of an epoch is that of all batches, trained on or not.
    """

    def __init__(
        self,
        step: RecordedStep,
        threshold: float,
        backend: Backend,
        rows: int,
        size: int,
        drop_last: bool,
    ):
        how = drop_last, step.batches.window, backend.ranks
        super().__init__(backend, rows, size, step.look, *how)
        self._loss, self._counters, self._threshold = step.loss, step.network.counters, threshold
        self._batches = step.batches
        self._updates: dict[int, tuple[int, Program]] = {}
        for program, count in ((self._full, size), (self._ragged, self.rows % size)):
            if program is not None:
                # Once more: a layer's backward reads what its last forward was given.
                record_step(backend, step.look, count)
                self._updates[id(program)] = count, record_step(backend, step.improve, count)

    def _replay(self, program: Program, count: int, done: int) -> None:
        """Look at ``count`` batches, and learn from those that are worth it."""
        rows, update = self._updates[id(program)]
        for step in range(done, done + count):
            super()._replay(program, 1, step)
            mean_loss = self._mean_loss(rows)
            # A NaN must reach the trainer, which stops at it.
            if mean_loss > self._threshold or np.isnan(mean_loss):
                update.replay()
            else:
                self._take_back()

    def _mean_loss(self, rows: int) -> float:
        """Return the mean over the rows of the batch, of which this rank has a part."""
        own = self._loss.row_losses(self._batches.part(rows).rows)
        return float(self._backend.ranks.total(np.array([own.sum()]))[0] / rows)

    def _take_back(self) -> None:
        """Undo the count of an update that is not made; the batch has had its turn all the same."""
        values = self._backend.to_numpy(self._counters.values)
        values[[UPDATE, STEP]] -= 1
        self._backend.assign(self._counters.values, values)


class Objective:
    """The loss of all rows, and its gradient, as functions of the network's flat parameters.

    Parameters
    ----------
    network, loss
        In float64, bound for all rows.
    batches
        One batch of all rows.
    penalty
        Factor of ‖W‖²/2.
    """

    def __init__(self, network: Network, loss: Loss, batches: Batches, penalty: float):
        self._network, self._loss, self._batches = network, loss, batches
        self._penalty, store = penalty, network.store
        self._decays = np.zeros(store.values.shape[0], bool)
        for segment in store.segments:
            self._decays[segment.stretch] = segment.decays
        self._program = record_step(network.backend, self._step, batches.rows)

    def _step(self, rows: int) -> None:
        self._batches.begin(rows)
        x, targets, weights = self._batches.load(rows)
        outputs = self._network.forward(x, training=True)
        self._network.backward(self._loss.backward(outputs, targets, weights))

    def __call__(self, values: np.ndarray) -> tuple[float, np.ndarray]:
        """Return (loss, gradient) at a point."""
        loss, gradient, decaying = self._at(values)
        half = 0.5 * self._penalty * (decaying @ decaying)
        return float(loss + half), gradient + self._penalty * decaying

    def reported(self, values: np.ndarray, share: float) -> float:
        """Return the loss at a point, with a factor for that of the rows."""
        loss, _, decaying = self._at(values)
        return float(loss * share + 0.5 * self._penalty * (decaying @ decaying))

    def _at(self, values: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        backend, store = self._network.backend, self._network.store
        backend.assign(store.values, values)
        self._network.counters.start_epoch(0)
        self._loss.take_sums()
        self._program.replay()
        loss = self._loss.take_sums().loss
        return loss, backend.to_numpy(store.gradient), np.where(self._decays, values, 0.0)
