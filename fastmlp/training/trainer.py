"""The loop over epochs: replay, measure, record, stop early or on a diverged loss."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp.nn.loss_sums import LossSums
from fastmlp.step.parameters import Snapshot

from .callbacks import Callback, Monitor, Progress, Record, TrainingResult
from .interrupts import Interrupts
from .policies import Order, Patience, Policy, Rates
from .recorded import RecordedStep
from .state import (
    POLICIES,
    Position,
    TrainingState,
    check_position,
    finite_or_none,
    fitting,
    follow_first,
    held_alike,
    is_finite,
    name_arrays,
    no_fit,
    or_infinity,
    snapshot_in,
)


class Trainer:
    """Trains an initialised network.

    Of several ranks (Backend.ranks) each has a Trainer; they call its methods together. Callbacks
    are told on the first alone, and what they or a clock decide there holds for all.

    Parameters
    ----------
    step
        The network with its loss, optimizer and rows, recorded.
    epochs
        How many passes at most.
    order, rates, patience
        The order of the rows, the learning rates, and when to stop.
    monitor
        What is measured after each epoch: the validation set, or the test set where there is none.
    log_every
        Also record, and measure the monitored set, after every so many updates; None not.
    callbacks
        Called at everything that happens.
    dtype
        In which the parameters must be finite too; default the network's.
    time_limit
        Seconds of training steps after which the epoch at hand is the last, and the best weights
        are kept; None for no limit.

    Attributes
    ----------
    result
        How training has gone so far.
    position
        Where it stands.
    best_snapshot
        The parameters after the best epoch.
    last_watched
        The watched number of the last epoch, smaller is better; None before one is over.
    last_good
        The parameters after the last epoch that left them finite.
    stretch
        Sums of earlier epochs since the last record of updates.
    """

    def __init__(
        self,
        step: RecordedStep,
        *,
        epochs: int,
        order: Order,
        rates: Rates,
        patience: Patience,
        monitor: Monitor | None = None,
        log_every: int | None = None,
        callbacks: Sequence[Callback] = (),
        dtype: np.dtype | None = None,
        time_limit: float | None = None,
    ):
        self.step, self.training_pass, self.reported = step, step.training_pass, step.reported
        self.network, self.loss, self.averaging = step.network, step.loss, step.averaging
        self.ranks = step.network.backend.ranks
        self.optimizer, self.batches = step.optimizer, step.batches
        self.epochs, self.order, self.rates, self.patience = epochs, order, rates, patience
        self.monitor, self.log_every, self.callbacks = monitor, log_every, list(callbacks)
        self.dtype, self.time_limit = dtype or self.network.dtype, time_limit
        self.first_epoch = 1
        self.position, self.result = Position(), TrainingResult()
        self.stop_reason = ""
        self.stretch = LossSums()
        self.best_snapshot: Snapshot | None = None
        self.last_good: Snapshot | None = None
        self.last_watched: float | None = None
        self._interrupts = Interrupts(self.ranks)

    @property
    def epoch(self) -> int:
        """The number of the last epoch that is over."""
        return self.position.epoch - 1

    @property
    def update(self) -> int:
        """Updates made before the epoch at hand."""
        return self.position.update

    @property
    def is_over(self) -> bool:
        """Whether no epoch is left, or patience was at its end when the last one ended."""
        between_epochs, trained = self.position.step == 0, self.position.epoch - 1
        waited = trained - self.result.best_epoch
        return trained >= self.epochs or (between_epochs and self.patience.is_over(waited))

    def fit(self) -> TrainingResult:
        """Train; return how it went. Ctrl-C ends training after the batch at hand."""
        self.stop_reason = ""
        self.averaging.show(False)
        self._tell("training_started")
        follow_first(self, self.ranks)
        with self._interrupts:
            self._run_epochs(self.result)
        self.result.stop_reason = self.stop_reason
        restores_best = self.patience.restores_best or self._is_out_of_time
        if restores_best and self.best_snapshot is not None:
            self.network.store.restore(self.best_snapshot)
        elif not self.result.diverged:
            self.averaging.show(True)
        self._tell("training_ended", self.result)
        self._interrupts.requested = False
        return self.result

    def interrupt(self) -> None:
        """End training after the steps at hand, as Ctrl-C does; ``fit`` may go on from there."""
        self._interrupts.requested = True

    def _run_epochs(self, result: TrainingResult) -> None:
        self.last_good = self.last_good or self.network.store.snapshot()
        if self.is_over:
            self._should_stop(self.position.epoch - 1)  # which says why
            return
        try:
            for epoch in range(self.position.epoch, self.epochs + 1):
                record = self._run_epoch(epoch, result)
                snapshot = held_alike(self, self.network)
                if not (math.isfinite(record.train["loss"]) and is_finite(snapshot, self.dtype)):
                    result.diverged = self.step.likely_cause(self.rates.schedule.base_rate)
                    self.network.store.restore(self.last_good)
                    break
                self.last_good = snapshot
                result.epochs = epoch
                if record.is_best:
                    result.best_epoch = epoch
                    self.best_snapshot = self.averaging.snapshot() or snapshot
                self._should_stop(epoch)
                self._tell("epoch_ended", result)
                self.stop_reason = self.ranks.decide(lambda: self.stop_reason)
                if self.stop_reason:
                    break
        except KeyboardInterrupt:
            self.stop_reason = "interrupted"
            # A sum that is not finite ends the epoch as a divergence: nothing to go on from.
            sums_are_finite = math.isfinite(self.position.total.loss_sum)
            if sums_are_finite and is_finite(self.network.store.snapshot()):
                self._tell("interrupted", result)
            else:
                self.network.store.restore(self.last_good)

    def train_epoch(self) -> Position:
        """Train for the epoch at hand alone: nothing is measured or recorded; return its end."""
        at, epoch, result = self.position, self.position.epoch, self.result
        steps, self.learning_rates = self.training_pass.steps, self._start_epoch(epoch)
        start = time.perf_counter()
        for done in self.training_pass.run(self.log_every, at.update, at.step):
            # One sum over the epoch, on the device: pieces would depend on when Python looked.
            at.step, at.total = done, self.loss.read_sums().over(self.ranks)
            at.seconds += time.perf_counter() - start
            if self.callbacks:
                loss = self.reported.loss(at.total)
                self._tell("progressed", Progress(epoch, done, steps, loss))
            if self.log_every and (at.update + done) % self.log_every == 0:
                self._record_stretch(epoch, result)
            self._interrupts.check()
            start = time.perf_counter()
        at.seconds = self.ranks.decide(lambda: at.seconds)
        self.stretch = self.stretch + (at.total - at.recorded)
        self.position = Position(epoch + 1, update=self.network.counters.update)
        result.train_seconds += at.seconds
        return at

    def _run_epoch(self, epoch: int, result: TrainingResult) -> Record:
        at = self.train_epoch()
        passes = epoch - self.first_epoch + 1
        result.samples_per_second = (
            self.training_pass.rows * passes / max(result.train_seconds, 1e-9)
        )
        record = self._epoch_record(epoch, at.total, at.seconds)
        result.records.append(record)
        self._tell("recorded", record)
        return record

    def _start_epoch(self, epoch: int) -> np.ndarray:
        """Set order, learning rates, counters and sums; return the rates."""
        at = self.position
        self.order.start_epoch(self.batches, epoch, at.step)
        self.batches.start_epoch(epoch)
        steps = self.training_pass.steps
        rates = self.rates.start_epoch(self.optimizer, epoch, at.update, steps)
        shares = self.rates.shares_of_epoch(at.update, steps)
        self.step.start_epoch(rates, at.update, at.step, shares)
        if not at.step:
            self.reported.start_epoch()
        self.loss.set_sums(at.total.counted_once(self.ranks))
        return rates

    def _epoch_record(self, epoch: int, total: LossSums, seconds: float) -> Record:
        train, (monitored, name) = self._train_numbers(total), self._monitored()
        watched, is_best = self.patience.epoch_ended(train["loss"], name, monitored)
        self.last_watched = watched
        self.rates.epoch_ended(watched)
        rate, speed = float(self.learning_rates[-1]), total.rows / max(seconds, 1e-9)
        return Record(
            "epoch", epoch, self.update, train, monitored, name, rate, seconds, speed, is_best
        )

    def _record_stretch(self, epoch: int, result: TrainingResult) -> None:
        at, counters, backend = self.position, self.network.counters, self.network.backend
        stretch = self.stretch + (at.total - at.recorded)
        self.stretch, at.recorded = LossSums(), at.total
        before = backend.to_numpy(counters.values)
        monitored, name = self._monitored()  # which uses the loss, and the counters
        backend.assign(counters.values, before)
        self.loss.set_sums(at.total.counted_once(self.ranks))
        update = counters.update  # a pass may leave batches out
        rate = float(self.learning_rates[max(update - self.update, 1) - 1])
        train = self._train_numbers(stretch)
        record = Record("updates", epoch, update, train, monitored, name, rate)
        result.records.append(record)
        self._tell("recorded", record)

    def _monitored(self) -> tuple[dict[str, float], str]:
        if self.monitor is None:
            return {}, "validation"
        self.averaging.show(True)
        numbers = self.monitor.run()
        self.averaging.show(False)
        return self.ranks.decide(lambda: numbers), self.monitor.name

    def _train_numbers(self, sums: LossSums) -> dict[str, float]:
        numbers = {"loss": self.reported.loss(sums)}
        return numbers | {"accuracy": sums.accuracy} if self.loss.counts_right else numbers

    def _should_stop(self, epoch: int) -> None:
        reason = self.patience.stop_reason(epoch - self.result.best_epoch)
        if self._is_out_of_time and epoch < self.epochs:
            reason = reason or f"{self.time_limit:g} s of training are over"
        self.stop_reason = reason or self.stop_reason

    @property
    def _is_out_of_time(self) -> bool:
        return self.time_limit is not None and self.result.train_seconds >= self.time_limit

    def _tell(self, what: str, *arguments: Any) -> None:
        for callback in self.callbacks if self.ranks.is_first else ():
            getattr(callback, what)(self, *arguments)

    def state(self) -> TrainingState:
        """Return what training goes on from, between two steps: copies."""
        to_numpy, result, schedule = self.network.backend.to_numpy, self.result, self.rates.schedule
        arrays = name_arrays("", self.network.store.snapshot())
        arrays |= {f"optimizer.{slot}": to_numpy(a) for slot, a in self.optimizer.state.items()}
        arrays |= name_arrays("best.", self.best_snapshot)
        arrays |= name_arrays("last_good.", self.last_good)
        numbers: dict[str, Any] = {
            "position": self.position.to_dict(),
            "stretch": dict(vars(self.stretch)),
            "best_value": finite_or_none(self.patience.best_value),
            "last_watched": finite_or_none(self.last_watched),
            "best_epoch": result.best_epoch,
            "epochs": result.epochs,
            "train_seconds": result.train_seconds,
            "samples_per_second": result.samples_per_second,
            "schedule": {
                "plateau_factor": schedule.plateau_factor,
                "best": finite_or_none(schedule.best),
                "epochs_since_best": schedule.epochs_since_best,
            },
        }
        for name, policy in self._policies():
            entries = policy.state()
            own = {key: value for key, value in entries.items() if isinstance(value, np.ndarray)}
            arrays |= {f"{name}.{key}": array for key, array in own.items()}
            if entries:
                numbers[name] = {key: entries[key] for key in entries.keys() - own.keys()}
        return TrainingState(arrays, numbers)

    def load(self, state: TrainingState) -> None:
        """Go on from a state: to the same bits, if the training was set up alike and has not run.

        Arrays of an optimizer that this one does not keep are left out, and its own start at zero:
        the update rule may have been changed.

        Raises
        ------
        ModelFileError
            If an array that the network needs is missing, has another size or is not finite, or if
            the position is not one of the batches. The trainer is then as it was.
        """
        numbers, store = state.numbers, self.network.store
        check_position(state.position, self.training_pass, self.batches, "order" in numbers)
        slots = {
            name: fitting(state, f"optimizer.{name}", array)
            for name, array in self.optimizer.state.items()
            if f"optimizer.{name}" in state.arrays
        }
        now = snapshot_in(state, "", store)
        assert now is not None  # or it was an error
        best, last_good = (snapshot_in(state, part, store) for part in ("best.", "last_good."))
        if numbers["best_epoch"] and best is None:
            raise no_fit("best.values is missing")
        store.restore(now)
        self._load_slots(slots)
        self.best_snapshot, self.last_good = best, last_good
        self.position, self.stretch = state.position, LossSums(**numbers["stretch"])
        self.last_watched = numbers["last_watched"]
        for name in ("best_epoch", "epochs", "train_seconds", "samples_per_second"):
            setattr(self.result, name, numbers[name])
        self._load_policies(state)

    def go_on(
        self, state: TrainingState, epochs: int = 0, moments: bool = True, policies: bool = False
    ) -> None:
        """Count on from an earlier training of the network, whose weights it has.

        Parameters
        ----------
        state
            Of that training.
        epochs
            Its epochs, if this one is to count on from them; updates are always counted on.
        moments
            Whether the optimizer's arrays go on, if they fit.
        policies
            Whether order, rates and patience go on too, with the best weights so far.
        """
        self.first_epoch, self.epochs = epochs + 1, epochs + self.epochs
        self.position = Position(epochs + 1, update=state.updates)
        self.result.epochs = self.result.best_epoch = epochs
        now = self.optimizer.state
        there = [name for name in now if f"optimizer.{name}" in state.arrays]
        arrays = {name: state.arrays[f"optimizer.{name}"] for name in there}
        fits = all(array.shape == now[name].shape for name, array in arrays.items())
        if moments and fits and len(there) == len(now):
            self._load_slots(arrays)
        if policies:
            if "best.values" in state.arrays:  # of any dtype
                self.best_snapshot = state.arrays["best.values"], state.arrays["best.statistics"]
            self._load_policies(state)
        else:
            self.rates.first_update = self.update

    def _load_slots(self, slots: dict[str, np.ndarray]) -> None:
        for name, array in slots.items():
            self.network.backend.assign(self.optimizer.state[name], array)

    def _load_policies(self, state: TrainingState) -> None:
        numbers, schedule = state.numbers, self.rates.schedule
        self.patience.best_value = or_infinity(numbers["best_value"])
        schedule.plateau_factor = numbers["schedule"]["plateau_factor"]
        schedule.best = or_infinity(numbers["schedule"]["best"])
        schedule.epochs_since_best = numbers["schedule"]["epochs_since_best"]
        for name, policy in self._policies():
            own = {
                key.removeprefix(f"{name}."): array
                for key, array in state.arrays.items()
                if key.startswith(f"{name}.")
            }
            policy.load({**numbers.get(name, {}), **own})

    def _policies(self) -> list[tuple[str, Policy]]:
        return [(name, getattr(self, name)) for name in POLICIES]
