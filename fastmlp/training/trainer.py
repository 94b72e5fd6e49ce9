"""The loop over epochs: replay, measure, record, stop early or on a diverged loss."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fastmlp.data.batches import Batches
from fastmlp.nn.losses import Loss, Statistics
from fastmlp.nn.network import Network
from fastmlp.optim.optimizers import Optimizer
from fastmlp.optim.schedules import Schedule

from .callbacks import Callback, Progress, Record
from .interrupts import Interrupts
from .measure import Measure
from .passes import training_sweep
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
        Epochs without improvement of the monitored validation set after which training ends; None never. The best
        epoch's weights are then restored.
    watch
        ``"loss"`` or ``"score"`` (accuracy, or R² for regression) of the validation set: what tells the best epoch.
    log_every
        Also record, and measure the monitored set, after every so many updates; None not.
    callbacks
        Told of everything that happens.
    sweep
        A pass that was recorded with this optimizer; by default one over all rows.
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
        self.first_epoch, self.first_update, self.update = 1, 0, 0
        self.stop_reason = ""
        self._interrupts = Interrupts()
        self._stretch = Statistics()  # since the last record of updates, which may lie in an earlier epoch
        self._best_value, self._best_snapshot = math.inf, None

    def _compiled_sweep(self, drop_last: bool) -> Sweep:
        # This allocates the table whose address the steps will hold.
        self.optimizer.set_learning_rates(np.zeros(self._rates_an_epoch))
        return training_sweep(self.network, self.loss, self.optimizer, self.batches, drop_last)

    def go_on_from(self, epochs: int, updates: int) -> None:
        """Count on from an earlier training of the network: its epochs and its updates."""
        self.first_epoch, self.epochs = epochs + 1, epochs + self.epochs
        self.first_update = self.update = updates

    def fit(self) -> TrainingResult:
        """Train; return how it went. Ctrl-C ends training after the batch at hand, as an early stop."""
        result = TrainingResult(epochs=self.first_epoch - 1, best_epoch=self.first_epoch - 1)
        self._tell("training_started")
        with self._interrupts:
            self._run_epochs(result)
        result.stop_reason = self.stop_reason
        if self.early_stopping is not None and self._best_snapshot is not None:
            self.network.store.restore(self._best_snapshot)
        self._tell("training_ended", result)
        return result

    def _run_epochs(self, result: TrainingResult) -> None:
        last_good = self.network.store.snapshot()
        try:
            for epoch in range(self.first_epoch, self.epochs + 1):
                record = self._run_epoch(epoch, result)
                snapshot = self.network.store.snapshot()
                if not (math.isfinite(record.train["loss"]) and _finite(snapshot)):
                    result.diverged = self._likely_cause()
                    self.network.store.restore(last_good)
                    break
                last_good = snapshot
                result.epochs = epoch
                if record.is_best:
                    result.best_epoch, self._best_snapshot = epoch, snapshot
                if self._should_stop(epoch, result):
                    break
        except KeyboardInterrupt:
            self.stop_reason = "interrupted"
            if not _finite(self.network.store.snapshot()):
                self.network.store.restore(last_good)

    def _run_epoch(self, epoch: int, result: TrainingResult) -> Record:
        self._start_epoch(epoch)
        total = Statistics()
        seconds, start = 0.0, time.perf_counter()
        self.loss.take_statistics()
        for done in self.sweep.run(self.log_every, self.update):
            new = self.loss.take_statistics()
            seconds += time.perf_counter() - start
            total, self._stretch = total + new, self._stretch + new
            self._tell("progressed", Progress(epoch, done, self.sweep.steps, total.loss))
            if self.log_every and (self.update + done) % self.log_every == 0:
                self._record_stretch(epoch, result)
                self._stretch = Statistics()
            self._interrupts.check()
            start = time.perf_counter()
        self.update = self.network.counters.update
        result.train_seconds += seconds
        passes = epoch - self.first_epoch + 1
        result.samples_per_second = self.sweep.rows * passes / max(result.train_seconds, 1e-9)
        record = self._epoch_record(epoch, total, seconds)
        result.records.append(record)
        self._tell("recorded", record)
        return record

    def _start_epoch(self, epoch: int) -> None:
        if self.shuffle:
            self.batches.shuffle(self.seed, epoch)
        self.network.counters.start_epoch(self.update)
        self.rates = self.schedule.learning_rates(self.update - self.first_update, self._rates_an_epoch)
        self.optimizer.set_learning_rates(self.rates)

    def _epoch_record(self, epoch: int, total: Statistics, seconds: float) -> Record:
        monitored = self.monitor.run() if self.monitor else {}
        watched = self._watched(total, monitored)
        is_best = watched < self._best_value
        self._best_value = min(watched, self._best_value)
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
        monitored, name = {}, "validation"
        if self.monitor:
            counters = self.network.backend.to_numpy(self.network.counters.values)
            monitored, name = self.monitor.run(), self.monitor.name
            self.network.backend.assign(self.network.counters.values, counters)
        update = self.network.counters.update  # a pass may leave batches out
        rate = float(self.rates[max(update - self.update, 1) - 1])
        record = Record("updates", epoch, update, self._train_numbers(self._stretch), monitored, name, rate)
        result.records.append(record)
        self._tell("recorded", record)

    def _watched(self, total: Statistics, monitored: dict[str, float]) -> float:
        """Return the number that tells the best epoch, smaller is better; the test set is never used for that."""
        if self.monitor is None or self.monitor.name != "validation":
            return total.loss
        value = monitored["loss"] if self.watch == "loss" else -monitored.get("accuracy", monitored.get("r2", math.nan))
        return value if math.isfinite(value) else math.inf

    def _train_numbers(self, statistics: Statistics) -> dict[str, float]:
        numbers = {"loss": statistics.loss}
        return numbers | {"accuracy": statistics.accuracy} if self.loss.counts_right else numbers

    def _should_stop(self, epoch: int, result: TrainingResult) -> bool:
        if self.early_stopping is not None and epoch - result.best_epoch >= self.early_stopping:
            self.stop_reason = f"no improvement for {self.early_stopping} epochs"
        return bool(self.stop_reason)

    def _likely_cause(self) -> str:
        largest = self.batches.largest_input()
        if largest > 20:
            return f"the input is not normalised (values up to {largest:g}); try --normalize standard"
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
