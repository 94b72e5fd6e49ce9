"""Everything that training goes on from, as plain arrays and numbers: taken from a trainer, given back to another one."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.errors import ModelFileError
from fastmlp.nn.losses import Statistics

if TYPE_CHECKING:
    from .trainer import Trainer


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
        The flat buffers on the host: ``values``, ``statistics``, ``optimizer.<slot>``, and ``best.…`` and ``last_good.…`` of
        the first two.
    numbers
        What JSON can hold: the position, the best value so far, the schedule's memory, times.
    """

    arrays: dict[str, np.ndarray]
    numbers: dict[str, Any]

    @property
    def position(self) -> Position:
        """Where the training stood."""
        position = dict(self.numbers["position"])
        return Position(**position | {name: Statistics(**position[name]) for name in ("total", "recorded")})


def capture(trainer: Trainer) -> TrainingState:
    """Return the state of a trainer between two steps."""
    store, to_numpy = trainer.network.store, trainer.network.backend.to_numpy
    arrays = _named("", store.snapshot())
    arrays |= {f"optimizer.{slot}": to_numpy(array) for slot, array in trainer.optimizer.state.items()}
    arrays |= _named("best.", trainer.best_snapshot) | _named("last_good.", trainer.last_good)
    schedule, result = trainer.schedule, trainer.result
    numbers = {
        "position": asdict(trainer.position),
        "stretch": asdict(trainer.stretch),
        "best_value": _finite_or_none(trainer.best_value),
        "last_watched": trainer.last_watched,
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


def restore(trainer: Trainer, state: TrainingState) -> None:
    """Bring a trainer that was set up alike, and has not run, to a state.

    Arrays of an optimizer that the trainer's does not keep are left out, and its own start at zero: the update rule may have
    been changed.

    Raises
    ------
    ModelFileError
        If an array that the network needs is missing or has another size.
    """
    store, assign = trainer.network.store, trainer.network.backend.assign
    assign(store.values, _fitting(state, "values", store.values))
    assign(store.statistics, _fitting(state, "statistics", store.statistics))
    for slot, array in trainer.optimizer.state.items():
        if f"optimizer.{slot}" in state.arrays:
            assign(array, _fitting(state, f"optimizer.{slot}", array))
    trainer.best_snapshot = _snapshot(state, "best.", store)
    trainer.last_good = _snapshot(state, "last_good.", store)
    numbers, result, schedule = state.numbers, trainer.result, trainer.schedule
    trainer.position = state.position
    trainer.stretch = Statistics(**numbers["stretch"])
    trainer.best_value, trainer.last_watched = _or_infinity(numbers["best_value"]), numbers["last_watched"]
    result.best_epoch, result.epochs = numbers["best_epoch"], numbers["epochs"]
    result.train_seconds, result.samples_per_second = numbers["train_seconds"], numbers["samples_per_second"]
    schedule.plateau_factor = numbers["schedule"]["plateau_factor"]
    schedule.best = _or_infinity(numbers["schedule"]["best"])
    schedule.epochs_since_best = numbers["schedule"]["epochs_since_best"]


def _named(prefix: str, snapshot: tuple[np.ndarray, np.ndarray] | None) -> dict[str, np.ndarray]:
    return {} if snapshot is None else {f"{prefix}values": snapshot[0], f"{prefix}statistics": snapshot[1]}


def _snapshot(state: TrainingState, prefix: str, store) -> tuple[np.ndarray, np.ndarray] | None:
    if f"{prefix}values" not in state.arrays:
        return None
    return _fitting(state, f"{prefix}values", store.values), _fitting(state, f"{prefix}statistics", store.statistics)


def _fitting(state: TrainingState, name: str, like) -> np.ndarray:
    array = state.arrays.get(name)
    if array is None or array.shape != tuple(like.shape) or array.dtype != like.dtype:
        found = "missing" if array is None else f"{array.dtype} {array.shape}"
        raise ModelFileError(
            f"the checkpoint does not fit this network: {name} is {found}, not {like.dtype} {tuple(like.shape)}. Resume with "
            "the layers and the dtype that the run was begun with."
        )
    return array


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _or_infinity(value: float | None) -> float:
    return math.inf if value is None else value
