"""Learning rates by the estimators' words: scikit-learn's constant, invscaling and adaptive, and
fastmlp's schedules.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.optim.schedules import Schedule, parse_schedule

from .parameters import SKLEARN_RATES

SMALLEST_ADAPTIVE_RATE = 1e-6
ADAPTIVE_DIVISOR = 5.0
ONE_FIT = ("cosine", "one_cycle")  # these need to know where they end: at max_iter


class Rates:
    """The constant rate, and what the other kinds have in common.

    Attributes
    ----------
    state
        What the rate depends on beside the numbers of epochs and rows; kept in Memory.
    current
        The rate of the last update.
    scales_velocity
        Whether velocities contain the rate, as scikit-learn's do: when it changes, they are brought
        to the new one.
    """

    scales_velocity = False

    def __init__(self, initial: float, state: dict[str, Any]):
        self.initial, self.state, self.current = initial, state, initial

    def of_epoch(self, updates: int, count: int, rows_seen: int) -> np.ndarray:
        """Return the rates (count,) of an epoch before which there were ``updates`` updates on
        ``rows_seen`` rows.
        """
        self.current = self._rate(rows_seen)
        return np.full(count, self.current)

    def epoch_ended(self, watched: float) -> None:
        """Take note of the loss, or the negative score, of an epoch."""

    def goes_on_after_plateau(self) -> str:
        """Return what is done instead of stopping when nothing improves; an empty string means to
        stop.
        """
        return ""

    def _rate(self, rows_seen: int) -> float:
        return self.initial


class InverseScaling(Rates):
    """initial/(rows seen + 1)^power, epoch by epoch."""

    scales_velocity = True

    def __init__(self, initial: float, state: dict[str, Any], power: float):
        super().__init__(initial, state)
        self._power = power

    def _rate(self, rows_seen: int) -> float:
        return self.initial / (rows_seen + 1) ** self._power


class Adaptive(Rates):
    """A fifth of the rate each time that nothing improves, down to 1e-6."""

    scales_velocity = True

    def _rate(self, rows_seen: int) -> float:
        return self.initial / ADAPTIVE_DIVISOR ** self.state.get("drops", 0)

    def goes_on_after_plateau(self) -> str:
        """Lower the rate unless it is small already."""
        if self._rate(0) <= SMALLEST_ADAPTIVE_RATE:
            return ""
        self.state["drops"] = self.state.get("drops", 0) + 1
        self.current = self._rate(0)
        return f"Setting learning rate to {self.current:f}"


class Scheduled(Rates):
    """A schedule of fastmlp.optim; those that must know their end run from the start of each fit to
    ``max_iter``.
    """

    def __init__(self, schedule: Schedule, state: dict[str, Any], updates_before: int):
        super().__init__(schedule.base_rate, state)
        self._schedule = schedule
        self._updates_before = updates_before if schedule.name in ONE_FIT else 0
        vars(schedule).update(state)

    def of_epoch(self, updates: int, count: int, rows_seen: int) -> np.ndarray:
        """Return the rates (count,) of an epoch."""
        rates = self._schedule.learning_rates(updates - self._updates_before, count)
        self.current = float(rates[-1])
        return rates

    def epoch_ended(self, watched: float) -> None:
        """Let a plateau see the number."""
        self._schedule.epoch_ended(watched)
        names = ("plateau_factor", "best", "epochs_since_best")
        self.state.update({name: getattr(self._schedule, name) for name in names})


def make_rates(
    estimator: Any, state: dict[str, Any], updates: int, updates_per_epoch: int, incremental: bool
) -> Rates:
    """Return the rates that an estimator's parameters call for.

    Parameters
    ----------
    estimator
        Whose ``learning_rate``, ``learning_rate_init``, ``power_t``, ``solver`` and ``max_iter``
        count.
    state
        Memory's; changed in place.
    updates
        Made before this fit.
    updates_per_epoch
        Of the coming epochs.
    incremental
        In ``partial_fit`` a schedule runs over the calls: ``max_iter`` of them, for those that must
        know their end.
    """
    word, initial = estimator.learning_rate, float(estimator.learning_rate_init)
    if word in SKLEARN_RATES and (word == "constant" or estimator.solver == "adam"):
        return Rates(initial, state)  # scikit-learn's adam has a constant rate whatever the word
    if word == "invscaling":
        return InverseScaling(initial, state, estimator.power_t)
    if word == "adaptive":
        return Adaptive(initial, state)
    schedule = parse_schedule(word, initial, updates_per_epoch, estimator.max_iter)
    return Scheduled(schedule, state, 0 if incremental else updates)
