"""Schedules: an epoch's learning rates, or shares of dropout or weight decay, as one array, so that
no step asks Python for it.
"""

from __future__ import annotations

import math

import numpy as np

from fastmlp.errors import UsageError
from fastmlp.spec import AT_LEAST_1, NOT_NEGATIVE, POSITIVE, SHARE, Range, numbers, parse_spec

_SHARE = Range(low=0, high=1)
# For each schedule its numbers: what they mean, their defaults and ranges.
NUMBERS: dict[str, list[tuple[str, float, Range]]] = {
    "constant": [],
    "step": [("epochs between drops", 10, AT_LEAST_1), ("factor", 0.5, _SHARE)],
    "exponential": [("factor an epoch", 0.95, _SHARE)],
    "inverse_scaling": [("power", 0.5, NOT_NEGATIVE)],
    "cosine": [("final share of the rate", 0.0, _SHARE)],
    "log_cosine": [("number of cycles", 4.0, Range(low=1, high=50))],
    "flat_cosine": [("flat share of the run", 0.5, SHARE)],
    "one_cycle": [
        ("rising share of the run", 0.3, Range(low=0.001, high=0.999)),
        ("ratio of peak to start", 25.0, AT_LEAST_1),
    ],
    "plateau": [("epochs without improvement", 5, AT_LEAST_1), ("factor", 0.5, _SHARE)],
}
ACCEPTED = {name: (0, len(taken)) for name, taken in NUMBERS.items()}
ALIASES = {"invscaling": "inverse_scaling", "reduce_on_plateau": "plateau", "onecycle": "one_cycle"}
# What a share of dropout or weight decay may follow: all but what waits for the watched number.
OF_SHARES = tuple(name for name in NUMBERS if name != "plateau")
IMPROVEMENT = 1e-4  # relative change of the watched number that counts, on a plateau


class Schedule:
    """The learning rate as a function of the update.

    Parameters
    ----------
    name, arguments
        One of NUMBERS with its numbers, in that order:

        - ``step(epochs, factor)``: multiplied by ``factor`` every ``epochs``;
        - ``exponential(factor)``: by ``factor`` every epoch, smoothly;
        - ``inverse_scaling(power)``: divided by (1 + updates)^power;
        - ``cosine(final)``: half a cosine from 1 to ``final`` (Loshchilov and Hutter 2017);
        - ``log_cosine(cycles)``: ½·(1 − cos(2π·log₂(1 + (2ᶜ − 1)·t))) at the share t of the run: c
          cycles from 0 to 1 and back, each twice as long as the last (Holzmüller et al. 2024);
        - ``flat_cosine(flat)``: 1 for the share ``flat`` of the run, then half a cosine to 0;
        - ``one_cycle(rise, ratio)``: from 1/ratio up to 1 in the first ``rise`` of the run, then
          down to nearly zero (Smith and Topin 2018);
        - ``plateau(epochs, factor)``: multiplied by ``factor`` when the watched number has not
          improved for ``epochs``.
    base_rate
        The learning rate that the factors multiply.
    updates_per_epoch, epochs
        Length of the run.
    warmup
        Updates over which the rate first rises from near zero in a straight line, before any
        schedule.
    """

    def __init__(
        self,
        name: str,
        arguments: list[float],
        base_rate: float,
        updates_per_epoch: int,
        epochs: int,
        warmup: int = 0,
    ):
        self.name, self.arguments = name, arguments
        self.base_rate = base_rate
        self.updates_per_epoch, self.warmup = max(updates_per_epoch, 1), warmup
        self.total = max(updates_per_epoch * epochs - warmup, 1)
        self.plateau_factor, self.best, self.epochs_since_best = 1.0, math.inf, 0

    def learning_rates(self, first_update: int, count: int) -> np.ndarray:
        """Return the rates, float64, of ``count`` updates from ``first_update`` (from 0) on."""
        update = np.arange(first_update, first_update + count, dtype=np.float64)
        rates = self.base_rate * self._factor(np.maximum(update - self.warmup, 0.0))
        if self.warmup:
            rates = np.where(
                update < self.warmup, self.base_rate * (update + 1) / self.warmup, rates
            )
        return rates

    def epoch_ended(self, watched: float) -> bool:
        """Take the watched number (smaller is better); return whether a plateau lowers the rate."""
        if self.name != "plateau":
            return False
        patience, factor = self.arguments
        if not math.isfinite(self.best) or watched < self.best - IMPROVEMENT * abs(self.best):
            self.best, self.epochs_since_best = watched, 0
            return False
        self.epochs_since_best += 1
        if self.epochs_since_best < patience:
            return False
        self.plateau_factor *= factor
        self.epochs_since_best = 0
        return True

    def _factor(self, update: np.ndarray) -> np.ndarray:
        epoch, progress = update / self.updates_per_epoch, np.minimum(update / self.total, 1.0)
        match self.name:
            case "constant":
                return np.ones_like(update)
            case "step":
                return self.arguments[1] ** np.floor(epoch / self.arguments[0])
            case "exponential":
                return self.arguments[0] ** epoch
            case "inverse_scaling":
                return (1.0 + update) ** -self.arguments[0]
            case "cosine":
                return self.arguments[0] + (1 - self.arguments[0]) * 0.5 * (
                    1 + np.cos(np.pi * progress)
                )
            case "log_cosine":
                cycles = np.log2(1 + (2.0 ** self.arguments[0] - 1) * progress)
                return 0.5 * (1 - np.cos(2 * np.pi * cycles))
            case "flat_cosine":
                [flat] = self.arguments
                falling = np.maximum(progress - flat, 0.0) / (1 - flat)
                return 0.5 * (1 + np.cos(np.pi * falling))
            case "one_cycle":
                return self._one_cycle(progress)
            case _:
                return np.full_like(update, self.plateau_factor)

    def _one_cycle(self, progress: np.ndarray) -> np.ndarray:
        rise, ratio = self.arguments
        start, end = 1 / ratio, 1e-4 / ratio
        upward = start + (1 - start) * 0.5 * (1 - np.cos(np.pi * np.minimum(progress / rise, 1.0)))
        downward = end + (1 - end) * 0.5 * (
            1 + np.cos(np.pi * np.clip((progress - rise) / (1 - rise), 0.0, 1.0))
        )
        return np.where(progress < rise, upward, downward)


def parse_schedule(
    text: str, base_rate: float, updates_per_epoch: int, epochs: int, warmup: int = 0
) -> Schedule:
    """Return the schedule that ``text`` names: ``cosine``, ``step(10, 0.5)``.

    Raises
    ------
    UsageError
        For an unknown name, numbers out of range, a rate that is not positive, or a negative
        warm-up.
    """
    POSITIVE.check("the learning rate", base_rate)
    NOT_NEGATIVE.check("warmup", warmup)
    name, given = parse_spec("schedule", text, ACCEPTED, ALIASES)
    given = numbers("schedule", text, given)
    arguments = given + [default for _, default, _ in NUMBERS[name][len(given) :]]
    for value, (meaning, _, accepted) in zip(arguments, NUMBERS[name], strict=True):
        accepted.check(f"schedule {text!r}: the {meaning}", value)
    return Schedule(name, arguments, base_rate, updates_per_epoch, epochs, warmup)


def parse_shares(what: str, text: str, updates_per_epoch: int, epochs: int) -> Schedule:
    """Return the schedule of a share, from 1 down, of what ``what`` names: ``weight decay``.

    Raises
    ------
    UsageError
        For what ``parse_schedule`` refuses, and for ``plateau``, which knows no end.
    """
    schedule = parse_schedule(text, 1.0, updates_per_epoch, epochs)
    if schedule.name not in OF_SHARES:
        raise UsageError(
            f"{what} cannot follow schedule {schedule.name!r}. Accepted: {', '.join(OF_SHARES)}."
        )
    return schedule
