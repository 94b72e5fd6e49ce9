"""Everything that training goes on from, as plain arrays and numbers: taken from a trainer, given
back to another one.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.errors import ModelFileError
from fastmlp.files.entries import LARGEST_COUNT, Count, Real, Rules, check_entries, unfit
from fastmlp.nn.losses import Statistics

if TYPE_CHECKING:
    from .trainer import Trainer

_SUMS: Rules = {"loss_sum": Real(), "right": Real(0), "rows": Count()}
RULES: Rules = {
    "position": {
        "epoch": Count(1), "step": Count(), "update": Count(), "total": _SUMS, "recorded": _SUMS, "seconds": Real(0),
    },
    "stretch": _SUMS,
    "best_value": Real(optional=True),
    "last_watched": Real(optional=True),
    "best_epoch": Count(),
    "epochs": Count(),
    "train_seconds": Real(0),
    "samples_per_second": Real(0),
    "schedule": {"plateau_factor": Real(0, 1), "best": Real(optional=True), "epochs_since_best": Count()},
}  # fmt: skip


@dataclass
class Position:
    """Where training stands.

    Attributes
    ----------
    epoch
        The epoch at hand, from 1.
    step
        Steps made in it.
    update
        Updates made before it.
    total
        Sums over the rows of its steps.
    recorded
        What of them is in a record of updates already.
    seconds
        Time spent in them.
    """

    epoch: int = 1
    step: int = 0
    update: int = 0
    total: Statistics = field(default_factory=Statistics)
    recorded: Statistics = field(default_factory=Statistics)
    seconds: float = 0.0


@dataclass
class TrainingState:
    """What a training needs to go on as if it had never stopped.

    Attributes
    ----------
    arrays
        The flat buffers on the host: ``values``, ``statistics``, ``optimizer.<slot>``, and
        ``best.…`` and ``last_good.…`` of the first two.
    numbers
        What JSON can hold: the position, the best value so far, the schedule's memory, times.
    """

    arrays: dict[str, np.ndarray]
    numbers: dict[str, Any]

    @property
    def position(self) -> Position:
        """Where the training stood."""
        position = dict(self.numbers["position"])
        return Position(
            **position | {name: Statistics(**position[name]) for name in ("total", "recorded")}
        )


def capture(trainer: Trainer) -> TrainingState:
    """Return the state of a trainer between two steps."""
    store, to_numpy = trainer.network.store, trainer.network.backend.to_numpy
    arrays = _named("", store.snapshot())
    arrays |= {
        f"optimizer.{slot}": to_numpy(array) for slot, array in trainer.optimizer.state.items()
    }
    arrays |= _named("best.", trainer.best_snapshot) | _named("last_good.", trainer.last_good)
    schedule, result = trainer.schedule, trainer.result
    numbers = {
        "position": asdict(trainer.position),
        "stretch": asdict(trainer.stretch),
        "best_value": _finite_or_none(trainer.best_value),
        "last_watched": None
        if trainer.last_watched is None
        else _finite_or_none(trainer.last_watched),
        "best_epoch": result.best_epoch,
        "epochs": result.epochs,
        "train_seconds": result.train_seconds,
        "samples_per_second": result.samples_per_second,
        "schedule": {
            "plateau_factor": schedule.plateau_factor,
            "best": _finite_or_none(schedule.best),
            "epochs_since_best": schedule.epochs_since_best,
        },
    }
    return TrainingState(arrays, numbers)


def check_numbers(numbers: Any) -> None:
    """Raise a ValueError unless numbers that were read are such as ``capture`` writes: each in its
    range, all in agreement.
    """
    check_entries(numbers, RULES, "numbers")
    position, schedule = numbers["position"], numbers["schedule"]
    for name, sums in (
        ("total", position["total"]),
        ("recorded", position["recorded"]),
        ("stretch", numbers["stretch"]),
    ):
        if sums["right"] > sums["rows"]:
            raise unfit(f"{name}.right", f"no more than its {sums['rows']} rows", sums["right"])
    epochs = position["epoch"] - 1
    agreements = (
        ("epochs", numbers["epochs"], epochs, epochs),
        ("best_epoch", numbers["best_epoch"], 0, epochs),
        ("schedule.epochs_since_best", schedule["epochs_since_best"], 0, epochs),
        ("position.update", position["update"], epochs, LARGEST_COUNT if epochs else 0),
        ("position.recorded.rows", position["recorded"]["rows"], 0, position["total"]["rows"]),
    )
    for name, value, low, high in agreements:
        if not low <= value <= high:
            raise unfit(name, f"from {low} to {high} before epoch {epochs + 1} ends", value)


def restore(trainer: Trainer, state: TrainingState) -> None:
    """Bring a trainer that was set up alike, and has not run, to a state whose numbers were
    checked.

    Arrays of an optimizer that the trainer's does not keep are left out, and its own start at zero:
    the update rule may have been changed.

    Raises
    ------
    ModelFileError
        If an array that the network needs is missing, has another size or is not finite, or if the
        position is not one of the trainer's batches: the kernels take it for an index. The trainer
        is then as it was.
    """
    _check_position(trainer, state.position)
    store, assign = trainer.network.store, trainer.network.backend.assign
    memories = {f"optimizer.{slot}": array for slot, array in trainer.optimizer.state.items()}
    fitting = {
        name: _fitting(state, name, array)
        for name, array in memories.items()
        if name in state.arrays
    }
    values, statistics = _snapshot(state, "", store)
    best, last_good = (
        _snapshot(state, prefix, store) if f"{prefix}values" in state.arrays else None
        for prefix in ("best.", "last_good.")
    )
    if state.numbers["best_epoch"] and best is None:
        raise _no_fit("best.values is missing")
    assign(store.values, values)
    assign(store.statistics, statistics)
    for name, array in fitting.items():
        assign(memories[name], array)
    trainer.best_snapshot, trainer.last_good = best, last_good
    numbers, result, schedule = state.numbers, trainer.result, trainer.schedule
    trainer.position = state.position
    trainer.stretch = Statistics(**numbers["stretch"])
    trainer.best_value, trainer.last_watched = (
        _or_infinity(numbers["best_value"]),
        numbers["last_watched"],
    )
    result.best_epoch, result.epochs = numbers["best_epoch"], numbers["epochs"]
    result.train_seconds, result.samples_per_second = (
        numbers["train_seconds"],
        numbers["samples_per_second"],
    )
    schedule.plateau_factor = numbers["schedule"]["plateau_factor"]
    schedule.best = _or_infinity(numbers["schedule"]["best"])
    schedule.epochs_since_best = numbers["schedule"]["epochs_since_best"]


def _named(prefix: str, snapshot: tuple[np.ndarray, np.ndarray] | None) -> dict[str, np.ndarray]:
    return (
        {}
        if snapshot is None
        else {f"{prefix}values": snapshot[0], f"{prefix}statistics": snapshot[1]}
    )


def _check_position(trainer: Trainer, at: Position) -> None:
    """Check a position against the batches: how many steps an epoch has, how many rows they visit."""
    sweep, batches = trainer.sweep, trainer.batches
    most_updates = (at.epoch - 1) * batches.rows  # with batches of one row
    if at.step > sweep.steps or at.update > most_updates:
        raise _no_fit(
            f"it stands {at.step} steps into an epoch of {sweep.steps}, after {at.update} updates of earlier ones"
        )
    rows = min(at.step * batches.batch_size, sweep.rows)
    if at.total.rows != rows:
        raise _no_fit(f"{at.step} steps of an epoch visit {rows} rows, not {at.total.rows}")


def _snapshot(state: TrainingState, prefix: str, store) -> tuple[np.ndarray, np.ndarray]:
    snapshot = (
        _fitting(state, f"{prefix}values", store.values),
        _fitting(state, f"{prefix}statistics", store.statistics),
    )
    if not all(np.isfinite(array).all() for array in snapshot):
        raise _no_fit(f"{prefix}values or {prefix}statistics are not finite")
    return snapshot


def _fitting(state: TrainingState, name: str, like) -> np.ndarray:
    array = state.arrays.get(name)
    if array is None or array.shape != tuple(like.shape) or array.dtype != like.dtype:
        found = "missing" if array is None else f"{array.dtype} {array.shape}"
        raise _no_fit(f"{name} is {found}, not {like.dtype} {tuple(like.shape)}")
    return array


def _no_fit(why: str) -> ModelFileError:
    return ModelFileError(
        f"the checkpoint does not fit this network: {why}. Resume with the layers, the dtype and the batches that the run was "
        "begun with."
    )


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _or_infinity(value: float | None) -> float:
    return math.inf if value is None else value
