"""What a trial tells the pruner while it trains, and what ends it before its last epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from fastmlp.training.callbacks import Callback, Progress, Record, Training

if TYPE_CHECKING:
    import optuna

PRUNERS = ("median", "asha", "none")
# A run is divided into so many equal parts, and reports after these of them. Trials of different
# lengths, and rates that follow a cycle, can be compared at equal shares of their runs only. With a
# report after an eighth, and seven of them, the median ended 38 of 50 trials, many of those with
# slow and good settings among them.
PARTS = {"median": 8, "asha": 9, "none": 1}
RUNGS = {"median": (2, 4, 6), "asha": (1, 3), "none": ()}
REDUCTION = 3  # of the trials that reach a rung of asha, one in so many goes on
FEWEST_TRIALS = 5  # before the median counts
SHORTEST_PAUSE = 0.5  # seconds between reports to a database, of which one takes 15 ms and more
LONGEST_CURVE = 60  # points that are kept of a trial


def make_pruner(name: str) -> optuna.pruners.BasePruner:
    """Return the pruner of a name."""
    import optuna

    if name == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=FEWEST_TRIALS, n_warmup_steps=0)
    if name == "asha":
        return optuna.pruners.SuccessiveHalvingPruner(
            min_resource=1, reduction_factor=REDUCTION, min_early_stopping_rate=0
        )
    return optuna.pruners.NopPruner()


class Reports(Callback):
    """Reports at the pruner's rungs, and ends what is hopeless or out of time.

    Parameters
    ----------
    trial
        Of the study.
    number
        The name of the number that decides, in the records of the validation rows.
    larger_is_better
        Its direction.
    pruner
        One of PRUNERS.
    keeps_best
        Whether the run ends with its best epoch, so that the best number until now counts.
    may_end
        Whether the pruner may end the trial.
    deadline
        The time, as ``time.time`` tells it, at which the search is over; None for never.
    pause
        Seconds that lie between two reports at least.

    Attributes
    ----------
    curve
        (epoch, number) after each epoch.
    is_pruned, is_late
        Why training ended, if this ended it.
    """

    def __init__(
        self,
        trial: optuna.Trial,
        number: str,
        larger_is_better: bool,
        *,
        pruner: str = "none",
        keeps_best: bool = False,
        may_end: bool = True,
        deadline: float | None = None,
        pause: float = 0.0,
    ):
        self.trial, self.number, self.deadline, self.pause = trial, number, deadline, pause
        self._best = max if larger_is_better else min
        self._parts, self._rungs = PARTS[pruner], RUNGS[pruner]
        self._keeps_best, self._may_end, self._clock = keeps_best, may_end, time.monotonic
        self.curve: list[tuple[int, float]] = []
        self.is_pruned = self.is_late = False
        self._value, self._part, self._reported = math.nan, 0, -math.inf

    def progressed(self, trainer: Training, progress: Progress) -> None:
        """End training in mid-epoch where time is up."""
        if self._is_over():
            self.is_late = True
            trainer.interrupt()

    def recorded(self, trainer: Training, record: Record) -> None:
        """Report where a rung is passed."""
        if record.kind != "epoch":
            return
        value = record.monitor.get(self.number, math.nan)
        self.curve.append((record.epoch, value))
        if not math.isfinite(value):
            return
        is_first = not self._keeps_best or math.isnan(self._value)
        self._value = value if is_first else self._best(self._value, value)
        if record.epoch >= trainer.epochs:
            return
        self._pass_rung(record.epoch * self._parts // trainer.epochs, trainer)
        if self._is_over():
            self.is_late = True
            trainer.stop_reason = "the time of the search is over"

    def _pass_rung(self, part: int, trainer: Training) -> None:
        passed = [rung for rung in self._rungs if self._part < rung <= part]
        self._part = max(part, self._part)
        now = self._clock()
        if not passed or now - self._reported < self.pause:
            return
        self._reported = now
        self.trial.report(self._value, passed[-1])
        if self._may_end and self.trial.should_prune():
            self.is_pruned = True
            trainer.stop_reason = f"pruned after {passed[-1]} of {self._parts} parts of its run"

    def _is_over(self, now: Callable[[], float] = time.time) -> bool:
        return self.deadline is not None and now() >= self.deadline

    def short_curve(self) -> list[list[float]]:
        """Return the curve with few points, the last one among them, as JSON can hold it."""
        step = max(1, -(-len(self.curve) // LONGEST_CURVE))
        kept = self.curve[::-step][::-1]
        return [[epoch, value] for epoch, value in kept if math.isfinite(value)]
