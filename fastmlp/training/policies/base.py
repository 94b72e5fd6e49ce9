"""What one kind of training does otherwise than another: order of the rows, learning rates,
patience, reported loss.

Each part is small, is called by the Trainer at fixed moments, and returns from ``state`` what
``load`` goes on from: numbers that JSON can hold, and arrays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from fastmlp.metrics.table import Metric
from fastmlp.nn.loss_sums import LossSums
from fastmlp.optim.optimizers import Optimizer
from fastmlp.optim.schedules import Schedule
from fastmlp.step.batches import Batches

State = dict[str, Any]


class Policy:
    """Base of the parts; most have nothing to remember."""

    def state(self) -> State:
        """Return what training goes on from."""
        return {}

    def load(self, state: State) -> None:
        """Go on from it."""


class Order(Policy):
    """The order of the rows in each epoch: as they lie."""

    def start_epoch(self, batches: Batches, epoch: int, step: int) -> None:
        """Set the order of an epoch, of which ``step`` steps were made before a resume."""


class SeededOrder(Order):
    """The permutation that belongs to (seed, epoch): nothing has to be remembered.

    With a ``block``, so many rows stay near each other, for disks that are slow at random.
    """

    def __init__(self, seed: int, block: int = 0):
        self.seed, self.block = seed, block

    def start_epoch(self, batches: Batches, epoch: int, step: int) -> None:
        """Shuffle."""
        batches.shuffle(self.seed, epoch, self.block)


class Rates(Policy):
    """The learning rates of a schedule, and the shares of what else is scheduled.

    Attributes
    ----------
    schedule
        The rates as a function of the update, and what it remembers of plateaus.
    first_update
        The update at which the schedules begin.
    shares
        The schedules of dropout and weight decay, by name, as far as they have one.
    """

    def __init__(
        self,
        schedule: Schedule,
        first_update: int = 0,
        shares: Mapping[str, Schedule] = MappingProxyType({}),
    ):
        self.schedule, self.first_update, self.shares = schedule, first_update, shares

    def start_epoch(self, optimizer: Optimizer, epoch: int, update: int, steps: int) -> np.ndarray:
        """Return the rates (steps,) of an epoch before which there were ``update`` updates."""
        return self.schedule.learning_rates(update - self.first_update, steps)

    def shares_of_epoch(self, update: int, steps: int) -> dict[str, np.ndarray]:
        """Return the shares (steps,) of an epoch before which there were ``update`` updates."""
        first = update - self.first_update
        return {name: each.learning_rates(first, steps) for name, each in self.shares.items()}

    def epoch_ended(self, watched: float) -> None:
        """Take note of the number that tells the best epoch; smaller is better."""
        self.schedule.epoch_ended(watched)


class Patience(Policy):
    """The best epoch, and how long to wait for a better one.

    Parameters
    ----------
    epochs
        Epochs without improvement after which training ends, with the best weights; None never.
    watch
        ``"loss"`` or ``"score"`` (accuracy, or R² for regression) of the validation set.
    metric
        What is watched instead, if any.

    Attributes
    ----------
    best_value
        The watched number of the best epoch.
    """

    def __init__(
        self, epochs: int | None = None, watch: str = "loss", metric: Metric | None = None
    ):
        self.epochs, self.watch, self.metric = epochs, watch, metric
        self.best_value = math.inf

    @property
    def restores_best(self) -> bool:
        """Whether training ends with the best weights rather than the last."""
        return self.epochs is not None

    def epoch_ended(
        self, loss: float, name: str, monitored: dict[str, float]
    ) -> tuple[float, bool]:
        """Return the watched number, smaller is better, and whether it was never better.

        The test set never tells the best epoch: without a validation set the training loss does.
        """
        watched = loss
        if monitored and name == "validation":
            score = -monitored.get("accuracy", monitored.get("r2", math.nan))
            watched = monitored["loss"] if self.watch == "loss" else score
            if self.metric is not None:
                watched = self.metric.loss(monitored[self.metric.name])
            watched = watched if math.isfinite(watched) else math.inf
        is_best = watched < self.best_value
        self.best_value = min(watched, self.best_value)
        return watched, is_best

    def is_over(self, epochs_since_best: int) -> bool:
        """Whether it was at its end after the last epoch, without asking again."""
        return self.epochs is not None and epochs_since_best >= self.epochs

    def stop_reason(self, epochs_since_best: int) -> str:
        """Return why training ends after this epoch; empty where it goes on."""
        over = self.is_over(epochs_since_best)
        return f"no improvement for {self.epochs} epochs" if over else ""

    def state(self) -> State:
        """Return what the best number is of."""
        return {"watched": str(self.metric or self.watch)}

    def load(self, state: State) -> None:
        """Begin anew if the best number is one of something else."""
        if state.get("watched", str(self.metric or self.watch)) != str(self.metric or self.watch):
            self.best_value = math.inf


class Reported(Policy):
    """The loss that is reported: the mean over the rows."""

    def begin_step(self, optimizer: Optimizer, rows: int) -> None:
        """Set what the recorded step of so many rows is to hold."""

    def launch(self) -> None:
        """Launch what is to be added up before the weights change."""

    def start_epoch(self) -> None:
        """Begin sums anew."""

    def loss(self, total: LossSums) -> float:
        """Return the loss of an epoch, or of its part that is over."""
        return total.loss
