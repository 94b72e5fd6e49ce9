"""Learning-rate schedules: the rate of every update of an epoch as one array, so that no step asks
Python for it.
"""

from __future__ import annotations

import math

import numpy as np

from fastmlp.errors import UsageError
from fastmlp.spec import numbers, parse_spec

ACCEPTED = {
    "constant": (0, 0),
    "step": (0, 2),
    "exponential": (0, 1),
    "inverse_scaling": (0, 1),
    "cosine": (0, 1),
    "one_cycle": (0, 2),
    "plateau": (0, 2),
}
ALIASES = {"invscaling": "inverse_scaling", "reduce_on_plateau": "plateau", "onecycle": "one_cycle"}
DEFAULTS = {
    "constant": [],
    "step": [10, 0.5],  # epochs between drops, factor
    "exponential": [0.95],  # factor an epoch
    "inverse_scaling": [0.5],  # power
    "cosine": [0.0],  # final rate as a share of the first
    "one_cycle": [0.3, 25.0],  # share of the run that rises, peak over start
    "plateau": [5, 0.5],  # epochs without improvement, factor
}
IMPROVEMENT = (
    1e-4  # relative change of the watched number that counts as an improvement on a plateau
)


class Schedule:
    """The learning rate as a function of the update.

    Parameters
    ----------
    name, arguments
        One of ACCEPTED with its numbers, in the order of DEFAULTS:

        - ``step(epochs, factor)``: multiplied by ``factor`` every ``epochs``;
        - ``exponential(factor)``: by ``factor`` every epoch, smoothly;
        - ``inverse_scaling(power)``: divided by (1 + updates)^power;
        - ``cosine(final)``: half a cosine from 1 to ``final`` (Loshchilov and Hutter 2017);
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
        """Return the rates, float64, of ``count`` updates from the one numbered ``first_update``
        (from 0) on.
        """
        update = np.arange(first_update, first_update + count, dtype=np.float64)
        rates = self.base_rate * self._factor(np.maximum(update - self.warmup, 0.0))
        if self.warmup:
            rates = np.where(
                update < self.warmup, self.base_rate * (update + 1) / self.warmup, rates
            )
        return rates

    def epoch_ended(self, watched: float) -> bool:
        """Tell the schedule the number to watch (smaller is better); return whether a plateau
        lowered the rate.
        """
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
    if not (math.isfinite(base_rate) and base_rate > 0):
        raise UsageError(
            f"the learning rate must be a finite number greater than 0; got {base_rate:g}."
        )
    if warmup < 0:
        raise UsageError(f"warmup must be at least 0 updates; got {warmup}.")
    name, arguments = parse_spec("schedule", text, ACCEPTED, ALIASES)
    arguments = numbers("schedule", text, arguments) + DEFAULTS[name][len(arguments) :]
    _check_arguments(name, text, arguments)
    return Schedule(name, arguments, base_rate, updates_per_epoch, epochs, warmup)


_SHARE = 0, 1, "must lie between 0 and 1"
_EPOCHS = 1, math.inf, "must be at least 1"
_RANGES = {
    "step": [("epochs", *_EPOCHS), ("the factor", *_SHARE)],
    "exponential": [("the factor", *_SHARE)],
    "inverse_scaling": [("the power", 0, math.inf, "must be at least 0")],
    "cosine": [("the final share", *_SHARE)],
    "one_cycle": [
        ("the rise", 0.001, 0.999, "must lie between 0.001 and 0.999"),
        ("the ratio", *_EPOCHS),
    ],
    "plateau": [("epochs", *_EPOCHS), ("the factor", *_SHARE)],
}


def _check_arguments(name: str, text: str, arguments: list[float]) -> None:
    for value, (meaning, low, high, rule) in zip(arguments, _RANGES.get(name, []), strict=True):
        if not low <= value <= high:
            raise UsageError(f"schedule {text!r}: {meaning} {rule}; got {value:g}.")
