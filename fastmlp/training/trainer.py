"""The loop over epochs: replay, measure, record, stop early or on a diverged loss."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fastmlp.nn.losses import Loss, Statistics
from fastmlp.nn.network import Network
from fastmlp.optim.optimizers import Optimizer
from fastmlp.optim.schedules import Schedule
from fastmlp.step.batches import Batches

from .callbacks import Callback, Progress, Record
from .interrupts import Interrupts
from .measure import Measure
from .passes import training_sweep
from .state import Position, TrainingState, restore
from .sweep import Sweep


@dataclass
class TrainingResult:
    """How training went.

    Attributes
    ----------
    epochs
        Epochs that were finished.
    best_epoch
        The epoch whose watched number was best: of the validation set, else of the training loss.
    records
        All records in order.
    train_seconds
        Time spent in training steps: no compilation, no measuring, no writing.
    samples_per_second
        Rows trained on in each of those seconds.
    stop_reason
        Why training ended before its last epoch, else an empty string.
    diverged
        The likely cause if the loss became NaN or infinite, else an empty string.
    """

    epochs: int = 0
    best_epoch: int = 0
    records: list[Record] = field(default_factory=list)
    train_seconds: float = 0.0
    samples_per_second: float = 0.0
    stop_reason: str = ""
    diverged: str = ""


class Trainer:
    """Trains a bound and initialised network.

    Parameters
    ----------
    network, loss, optimizer
        Bound to one backend.
    schedule
        Learning rates.
    batches
        The training rows.
    epochs
        How many passes at most.
    seed
        Of the shuffles.
    shuffle
        Whether each epoch has an order of its own.
    drop_last
        Leave out the ragged last batch of an epoch.
    monitor
        What is measured after each epoch: the validation set, or the test set where there is none.
    early_stopping
        Epochs without improvement of the monitored validation set after which training ends; None
        never. The best epoch's weights are then restored.
    watch
        ``"loss"`` or ``"score"`` (accuracy, or R² for regression) of the validation set: what tells
        the best epoch.
    log_every
        Also record, and measure the monitored set, after every so many updates; None not.
    callbacks
        Told of everything that happens.
    sweep
        A pass that was recorded with this optimizer; by default one over all rows.

    Attributes
    ----------
    result
        How training has gone so far.
    position
        Where it stands.
    best_value, best_snapshot
        The watched number of the best epoch, and the parameters after it.
    last_watched
        The watched number of the last epoch, smaller is better; None before one is over.
    last_good
        The parameters after the last epoch that left them finite.
    stretch
        Sums of earlier epochs since the last record of updates.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        optimizer: Optimizer,
        schedule: Schedule,
        batches: Batches,
        *,
        epochs: int,
        seed: int,
        shuffle: bool = True,
        drop_last: bool = False,
        monitor: Measure | None = None,
        early_stopping: int | None = None,
        watch: str = "loss",
        log_every: int | None = None,
        callbacks: Sequence[Callback] = (),
        sweep: Sweep | None = None,
    ):
        self.network, self.loss, self.optimizer, self.schedule, self.batches = (
            network,
            loss,
            optimizer,
            schedule,
            batches,
        )
        self.epochs, self.seed, self.shuffle = epochs, seed, shuffle
        self.monitor, self.early_stopping, self.watch = monitor, early_stopping, watch
        self.log_every, self.callbacks = log_every, list(callbacks)
        self._rates_an_epoch = sweep.steps if sweep else -(-batches.rows // batches.batch_size)
        self.sweep = sweep or self._compiled_sweep(drop_last)
        self.first_epoch, self.first_update = 1, 0
        self.position, self.result = Position(), TrainingResult()
        self.stop_reason = ""
        self.stretch = Statistics()
        self.best_value, self.best_snapshot, self.last_good = math.inf, None, None
        self.last_watched: float | None = None
        self._interrupts = Interrupts()

    def _compiled_sweep(self, drop_last: bool) -> Sweep:
        # This allocates the table whose address the steps will hold.
        self.optimizer.set_learning_rates(np.zeros(self._rates_an_epoch))
        return training_sweep(self.network, self.loss, self.optimizer, self.batches, drop_last)

    def go_on_from(self, epochs: int, updates: int) -> None:
        """Count on from an earlier training of the network: its epochs and its updates."""
        self.first_epoch, self.epochs = epochs + 1, epochs + self.epochs
        self.first_update = updates
        self.position = Position(epochs + 1, update=updates)
        self.result.epochs = self.result.best_epoch = epochs

    def resume(self, state: TrainingState) -> None:
        """Go on from a state that ``state.capture`` took: to the same bits, if the settings are the
        same.
        """
        restore(self, state)

    @property
    def update(self) -> int:
        """Updates made before the epoch at hand."""
        return self.position.update

    @property
    def is_over(self) -> bool:
        """Whether no epoch is left, or patience was at its end when the last one ended."""
        between_epochs, trained = self.position.step == 0, self.position.epoch - 1
        return trained >= self.epochs or (between_epochs and self._patience_is_over(trained))

    def fit(self) -> TrainingResult:
        """Train; return how it went. Ctrl-C ends training after the batch at hand, as an early
        stop.
        """
        self._tell("training_started")
        with self._interrupts:
            self._run_epochs(self.result)
        self.result.stop_reason = self.stop_reason
        if self.early_stopping is not None and self.best_snapshot is not None:
            self.network.store.restore(self.best_snapshot)
        self._tell("training_ended", self.result)
        return self.result

    def _run_epochs(self, result: TrainingResult) -> None:
        self.last_good = self.last_good or self.network.store.snapshot()
        if self.is_over:
            self._should_stop(self.position.epoch - 1)  # which says why
            return
        try:
            for epoch in range(self.position.epoch, self.epochs + 1):
                record = self._run_epoch(epoch, result)
                snapshot = self.network.store.snapshot()
                if not (math.isfinite(record.train["loss"]) and _finite(snapshot)):
                    result.diverged = self._likely_cause()
                    self.network.store.restore(self.last_good)
                    break
                self.last_good = snapshot
                result.epochs = epoch
                if record.is_best:
                    result.best_epoch, self.best_snapshot = epoch, snapshot
                stops = self._should_stop(epoch)
                self._tell("epoch_ended", result)
                if stops:
                    break
        except KeyboardInterrupt:
            self.stop_reason = "interrupted"
            # A sum that is not finite ends the epoch as a divergence, which is nothing to go on
            # from.
            if _finite(self.network.store.snapshot()) and math.isfinite(
                self.position.total.loss_sum
            ):
                self._tell("interrupted", result)
            else:
                self.network.store.restore(self.last_good)

    def _run_epoch(self, epoch: int, result: TrainingResult) -> Record:
        at = self.position
        self._start_epoch(epoch)
        start = time.perf_counter()
        # One sum over the epoch, on the device: pieces would depend on when Python happened to
        # look.
        self.loss.set_statistics(at.total)
        for done in self.sweep.run(self.log_every, at.update, at.step):
            at.step, at.total = done, self.loss.read_statistics()
            at.seconds += time.perf_counter() - start
            self._tell("progressed", Progress(epoch, done, self.sweep.steps, at.total.loss))
            if self.log_every and (at.update + done) % self.log_every == 0:
                self._record_stretch(epoch, result)
            self._interrupts.check()
            start = time.perf_counter()
        self.stretch = self.stretch + (at.total - at.recorded)
        self.position = Position(epoch + 1, update=self.network.counters.update)
        result.train_seconds += at.seconds
        passes = epoch - self.first_epoch + 1
        result.samples_per_second = self.sweep.rows * passes / max(result.train_seconds, 1e-9)
        record = self._epoch_record(epoch, at.total, at.seconds)
        result.records.append(record)
        self._tell("recorded", record)
        return record

    def _start_epoch(self, epoch: int) -> None:
        if self.shuffle:
            self.batches.shuffle(self.seed, epoch)
        step, update = self.position.step, self.position.update
        self.network.counters.start_epoch(update + step, step, step * self.batches.batch_size)
        self.rates = self.schedule.learning_rates(update - self.first_update, self._rates_an_epoch)
        self.optimizer.set_learning_rates(self.rates)

    def _epoch_record(self, epoch: int, total: Statistics, seconds: float) -> Record:
        monitored = self.monitor.run() if self.monitor else {}
        watched = self._watched(total, monitored)
        self.last_watched = watched
        is_best = watched < self.best_value
        self.best_value = min(watched, self.best_value)
        self.schedule.epoch_ended(watched)
        return Record(
            "epoch",
            epoch,
            self.update,
            self._train_numbers(total),
            monitored,
            self.monitor.name if self.monitor else "validation",
            float(self.rates[self.sweep.steps - 1]),
            seconds,
            total.rows / max(seconds, 1e-9),
            is_best,
        )

    def _record_stretch(self, epoch: int, result: TrainingResult) -> None:
        monitored, name, at = {}, "validation", self.position
        stretch = self.stretch + (at.total - at.recorded)
        self.stretch, at.recorded = Statistics(), at.total
        if self.monitor:  # which uses the loss, and the counters
            counters = self.network.backend.to_numpy(self.network.counters.values)
            monitored, name = self.monitor.run(), self.monitor.name
            self.network.backend.assign(self.network.counters.values, counters)
            self.loss.set_statistics(at.total)
        update = self.network.counters.update  # a pass may leave batches out
        rate = float(self.rates[max(update - self.update, 1) - 1])
        record = Record(
            "updates", epoch, update, self._train_numbers(stretch), monitored, name, rate
        )
        result.records.append(record)
        self._tell("recorded", record)

    def _watched(self, total: Statistics, monitored: dict[str, float]) -> float:
        """Return the number that tells the best epoch, smaller is better; the test set is never
        used for that.
        """
        if self.monitor is None or self.monitor.name != "validation":
            return total.loss
        value = (
            monitored["loss"]
            if self.watch == "loss"
            else -monitored.get("accuracy", monitored.get("r2", math.nan))
        )
        return value if math.isfinite(value) else math.inf

    def _train_numbers(self, statistics: Statistics) -> dict[str, float]:
        numbers = {"loss": statistics.loss}
        return numbers | {"accuracy": statistics.accuracy} if self.loss.counts_right else numbers

    def _should_stop(self, epoch: int) -> bool:
        if self._patience_is_over(epoch):
            self.stop_reason = f"no improvement for {self.early_stopping} epochs"
        return bool(self.stop_reason)

    def _patience_is_over(self, epoch: int) -> bool:
        return (
            self.early_stopping is not None
            and epoch - self.result.best_epoch >= self.early_stopping
        )

    def _likely_cause(self) -> str:
        largest = self.batches.largest_input()
        if largest > 20:
            return (
                f"the input is not normalised (values up to {largest:g}); try --normalize standard"
            )
        if self.loss.reduction == "sum":
            return "the gradient is summed over the batch; try --reduction mean, a smaller lr or a smaller batch"
        if getattr(self.optimizer, "momentum", 0.0) >= 0.95:
            return f"momentum {self.optimizer.momentum:g} is too large for this lr; try 0.9 or a smaller lr"
        return f"the learning rate {self.schedule.base_rate:g} is too large; try a tenth of it, or --clip-norm 1"

    def _tell(self, what: str, *arguments) -> None:
        for callback in self.callbacks:
            getattr(callback, what)(self, *arguments)


def _finite(snapshot: tuple[np.ndarray, np.ndarray]) -> bool:
    return all(np.isfinite(array).all() for array in snapshot)
