"""The epochs of a stochastic solver: shuffle, replay, measure, stop by scikit-learn's rules."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastmlp.nn.losses import Statistics
from fastmlp.training.callbacks import Callback, Progress, Record
from fastmlp.training.interrupts import Interrupts
from fastmlp.training.trainer import TrainingResult

from .losses import reported_share
from .memory import Memory, Snapshot
from .rates import Rates
from .rows import shuffled
from .solvers import Lesson
from .validation import Validation
from .watch import Watch


class Fitting:
    """Trains until it converges, patience ends or the epochs are over; callbacks are given it as
    their trainer.

    Attributes
    ----------
    network, loss, optimizer, batches, sweep
        What is trained, on what.
    epochs, epoch
        How many passes at most, and how many were finished.
    update
        Updates made since the weights were drawn.
    rows_seen
        Rows trained on since then.
    stop_reason
        Why training ended before its last epoch; a callback that sets it ends training.
    diverged
        Whether the loss or a weight became NaN or infinite; the weights are then those of the epoch
        before.
    """

    def __init__(
        self,
        lesson: Lesson,
        memory: Memory,
        watch: Watch,
        rates: Rates,
        *,
        epochs: int,
        rows_seen: int,
        shuffle: bool,
        validation: Validation | None = None,
        callbacks: Sequence[Callback] = (),
        verbose: bool | int = False,
        dtype: np.dtype | None = None,
    ):
        engine = lesson.engine
        self.network, self.loss, self.optimizer = engine.network, engine.loss, lesson.optimizer
        self.batches, self.sweep = lesson.rows, lesson.sweep
        self.epochs, self.epoch, self.update, self.rows_seen = epochs, 0, memory.updates, rows_seen
        self.stop_reason, self.diverged = "", False
        self.callbacks, self.verbose = list(callbacks), verbose
        self._lesson, self._memory, self._watch, self._rates = lesson, memory, watch, rates
        self._shuffle, self._validation = shuffle, validation
        self._dtype = dtype or self.network.dtype
        self._share = reported_share(self.loss, self.network.architecture.outputs)
        self._interrupts = Interrupts()

    @property
    def rate(self) -> float:
        """The learning rate of the last update, or the one that it was lowered to."""
        return self._rates.current

    @property
    def converged(self) -> bool:
        """Whether patience came to an end."""
        return self.stop_reason == self._watch.why

    def run(self) -> TrainingResult:
        """Train; Ctrl-C ends it after the batch at hand, with a warning."""
        result = TrainingResult()
        last_good = self.network.store.snapshot()
        if self._watch.by_score and self._memory.best is None:
            self._memory.best = last_good
        self._tell("training_started")
        self.loss.take_statistics()
        try:
            with self._interrupts:
                self._run_epochs(result, last_good)
        except KeyboardInterrupt:
            self.stop_reason = "interrupted"
            warnings.warn("Training interrupted by user.", stacklevel=6)
        self._memory.updates = self.update = self.network.counters.update
        self._memory.slots = self._lesson.slots()
        result.epochs, result.stop_reason = self.epoch, self.stop_reason
        result.diverged = self.stop_reason if self.diverged else ""
        self._tell("training_ended", result)
        return result

    def _run_epochs(self, result: TrainingResult, last_good: Snapshot) -> None:
        while self.epoch < self.epochs and not self.stop_reason:
            loss, total, seconds = self._run_epoch()
            snapshot = self.network.store.snapshot()
            if not (math.isfinite(loss) and self._is_representable(snapshot)):
                self.diverged, self.stop_reason = (
                    True,
                    f"the loss or a weight is not finite after epoch {self.epoch}",
                )
                self.network.store.restore(last_good)
            else:
                last_good = snapshot
            record = self._epoch_record(loss, total, seconds)
            result.records.append(record)
            if record.is_best:
                result.best_epoch = self.epoch
                if self._watch.by_score:
                    self._memory.best = snapshot
            self._tell("recorded", record)
            if not self.diverged:
                self._consider_stopping()

    def _is_representable(self, snapshot: Snapshot) -> bool:
        """Return whether all weights are finite in the type in which they will be shown."""
        if self.network.dtype != self._dtype:
            with np.errstate(over="ignore"):
                snapshot = [array.astype(self._dtype) for array in snapshot]
        return all(np.isfinite(array).all() for array in snapshot if array.size)

    def _run_epoch(self) -> tuple[float, Statistics, float]:
        """Train one epoch; return its loss, penalty included, its sums, and how long it took."""
        start = time.perf_counter()
        self._start_epoch()
        for done in self.sweep.run():
            if self.callbacks:
                loss = self.loss.read_statistics().loss * self._share
                self._tell("progressed", Progress(self.epoch + 1, done, self.sweep.steps, loss))
            self._interrupts.check()
        # Taken once: how a sum is grouped must not depend on when Python came back, that is, on the
        # clock.
        total = self.loss.take_statistics()
        self.update += self.sweep.steps
        self.rows_seen += self.batches.rows
        self.epoch += 1
        seconds = time.perf_counter() - start
        loss = (total.loss_sum * self._share + self._lesson.take_penalty()) / self.batches.rows
        return loss, total, seconds

    def _start_epoch(self) -> None:
        if self._shuffle:
            memory = self._memory
            if memory.order is None or len(memory.order) != self.batches.rows:
                kind = np.uint32 if self.batches.rows < 1 << 32 else np.int64  # it is pickled
                memory.order = np.arange(self.batches.rows, dtype=kind)
            memory.order = shuffled(memory.order, memory.random)
            self.batches.set_order(memory.order)
        self.network.counters.start_epoch(self.update)
        rates = self._rates.of_epoch(self.update, self.sweep.steps, self.rows_seen)
        before = self._memory.previous_rate
        if self._rates.scales_velocity and before not in (None, rates[0]):
            self._lesson.scale_velocity(before / rates[0])
        self._memory.previous_rate = float(rates[-1])
        self.optimizer.set_learning_rates(rates)

    def _epoch_record(self, loss: float, total: Statistics, seconds: float) -> Record:
        score = validation_loss = None
        if self._validation is not None:
            # A diverged network has no score: the weights at hand are those of the epoch before.
            score, validation_loss = (
                (math.nan, math.nan) if self.diverged else self._validation.run()
            )
        is_best = self._watch.epoch_ended(loss, score, validation_loss)
        self._rates.epoch_ended(-score if self._watch.by_score else loss)
        if self.verbose:
            print(f"Iteration {self.epoch}, loss = {loss:.8f}")
            if score is not None:
                print(f"Validation score: {score:f}")
        train = {"loss": loss} | ({"accuracy": total.accuracy} if self.loss.counts_right else {})
        monitor = {} if score is None else {"loss": validation_loss, "score": score}
        speed = self.batches.rows / max(seconds, 1e-9)
        rate = self._rates.current
        return Record(
            "epoch",
            self.epoch,
            self.update,
            train,
            monitor,
            "validation",
            rate,
            seconds,
            speed,
            is_best,
        )

    def _consider_stopping(self) -> None:
        if not self._watch.is_exhausted:
            return
        instead = self._rates.goes_on_after_plateau()
        if self.verbose:
            print(self._watch.why, instead or "Stopping.")
        if instead:
            self._watch.count = 0
        else:
            self.stop_reason = self._watch.why

    def _tell(self, what: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, what)(self, *arguments)


def warn_of(fitting: Fitting, max_iter: int) -> None:
    """Warn, as scikit-learn does, of training that was ended by ``max_iter`` or by a loss that is
    not finite.
    """
    if fitting.diverged:
        warnings.warn(
            f"Stochastic Optimizer: {fitting.stop_reason}; the best weights before it are kept. Scale the input, "
            "or give a smaller learning_rate_init.",
            ConvergenceWarning,
            stacklevel=6,
        )
    elif not fitting.stop_reason:
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({max_iter}) reached and the optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=6,
        )
