"""Everything that training goes on from, as plain arrays and numbers that a file can hold."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from fastmlp.backend.contract import Array
from fastmlp.errors import ModelFileError
from fastmlp.files.entries import LARGEST_COUNT, Count, Real, Rules, check_entries, unfit
from fastmlp.nn.loss_sums import LossSums
from fastmlp.nn.network import Network
from fastmlp.ranks.contract import Ranks
from fastmlp.step.batches import Batches
from fastmlp.step.parameters import ParameterStore, Snapshot

from .recorded_pass import RecordedPass

_SUMS: Rules = {"loss_sum": Real(), "right": Real(0), "rows": Count()}
RULES: Rules = {
    "position": {
        "epoch": Count(1), "step": Count(), "update": Count(), "total": _SUMS, "recorded": _SUMS,
        "seconds": Real(0),
    },
    "stretch": _SUMS,
    "best_value": Real(optional=True),
    "last_watched": Real(optional=True),
    "best_epoch": Count(),
    "epochs": Count(),
    "train_seconds": Real(0),
    "samples_per_second": Real(0),
    "schedule": {
        "plateau_factor": Real(0, 1), "best": Real(optional=True), "epochs_since_best": Count(),
    },
}  # fmt: skip
POLICIES = (
    "order",
    "rates",
    "patience",
    "reported",
    "averaging",
)  # entries for those that remember something

# Each rank updates parameters of its own by the same sums, to the same bits on machines of one
# kind. On others a product may round otherwise: they then drift apart, by rounding at first.
DRIFTED = (
    "ranks had come to different parameters, as machines of different kinds may; those of rank 0 "
    "went to all of them after each such epoch."
)


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
    total: LossSums = field(default_factory=LossSums)
    recorded: LossSums = field(default_factory=LossSums)
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return what a state keeps."""
        sums = {"total": dict(vars(self.total)), "recorded": dict(vars(self.recorded))}
        return {**vars(self), **sums}


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
        total, recorded = (LossSums(**position.pop(name)) for name in ("total", "recorded"))
        return Position(**position, total=total, recorded=recorded)

    @property
    def updates(self) -> int:
        """Updates made so far."""
        return self.numbers["position"]["update"] + self.numbers["position"]["step"]


def check_numbers(numbers: Any) -> None:
    """Raise a ValueError unless numbers are such as ``Trainer.state`` gives."""
    counts_on = False
    if isinstance(numbers, dict):  # the policies know themselves what they wrote
        counts_on = "order" in numbers  # an estimator's, whose updates go on from fit to fit
        for name in numbers.keys() & set(POLICIES):
            if not isinstance(numbers[name], dict):
                raise unfit(name, "a table of entries", numbers[name])
        watched = numbers.get("patience", {}).get("watched", "")
        if not isinstance(watched, str):
            raise unfit("patience.watched", "the name of a number", watched)
        numbers = {name: value for name, value in numbers.items() if name not in POLICIES}
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
        (
            "schedule.epochs_since_best",
            schedule["epochs_since_best"],
            0,
            LARGEST_COUNT if counts_on else epochs,
        ),
        (
            "position.update",
            position["update"],
            epochs,
            LARGEST_COUNT if epochs or counts_on else 0,
        ),
        ("position.recorded.rows", position["recorded"]["rows"], 0, position["total"]["rows"]),
    )
    for name, value, low, high in agreements:
        if not low <= value <= high:
            raise unfit(name, f"from {low} to {high} before epoch {epochs + 1} ends", value)


def check_position(
    at: Position, training_pass: RecordedPass, batches: Batches, counts_on: bool
) -> None:
    """Check a position against the batches: how many steps an epoch has, how many rows they visit.

    With ``counts_on`` there may be updates of a training before.

    Raises
    ------
    ModelFileError
        If it is not one of theirs: the kernels take it for an index.
    """
    # With batches of one row:
    most_updates = LARGEST_COUNT if counts_on else (at.epoch - 1) * batches.rows
    if at.step > training_pass.steps or at.update > most_updates:
        raise no_fit(
            f"it stands {at.step} steps into an epoch of {training_pass.steps}, "
            f"after {at.update} updates of earlier ones"
        )
    rows = min(at.step * batches.batch_size, training_pass.rows)
    if at.total.rows != rows:
        raise no_fit(f"{at.step} steps of an epoch visit {rows} rows, not {at.total.rows}")


def name_arrays(prefix: str, snapshot: Snapshot | None) -> dict[str, np.ndarray]:
    """Return a snapshot as a state names its arrays; nothing for None."""
    names = f"{prefix}values", f"{prefix}statistics"
    return {} if snapshot is None else dict(zip(names, snapshot, strict=True))


def snapshot_in(state: TrainingState, prefix: str, store: ParameterStore) -> Snapshot | None:
    """Return a snapshot that a state holds, if it fits a network and is finite; None without one.

    Raises
    ------
    ModelFileError
        If it does not fit.
    """
    if prefix and f"{prefix}values" not in state.arrays:
        return None
    snapshot = (
        fitting(state, f"{prefix}values", store.values),
        fitting(state, f"{prefix}statistics", store.statistics),
    )
    if not is_finite(snapshot):
        raise no_fit(f"{prefix}values or {prefix}statistics are not finite")
    return snapshot


def fitting(state: TrainingState, name: str, like: Array) -> np.ndarray:
    """Return an array of a state.

    Raises
    ------
    ModelFileError
        If it is missing, or is not ``like`` in shape and type.
    """
    array = state.arrays.get(name)
    if array is None or array.shape != tuple(like.shape) or array.dtype != like.dtype:
        found = "missing" if array is None else f"{array.dtype} {array.shape}"
        raise no_fit(f"{name} is {found}, not {like.dtype} {tuple(like.shape)}")
    return array


def is_finite(snapshot: Snapshot, dtype: np.dtype | None = None) -> bool:
    """Return whether all numbers are finite; with ``dtype`` also once they are brought to it."""
    if dtype is not None and snapshot[0].dtype != dtype:
        with np.errstate(over="ignore"):
            snapshot = snapshot[0].astype(dtype), snapshot[1].astype(dtype)
    return all(np.isfinite(array).all() for array in snapshot)


def no_fit(why: str) -> ModelFileError:
    """Return the error for a state that is not one of this training."""
    return ModelFileError(
        f"the checkpoint does not fit this network: {why}. Resume with the layers, the dtype and "
        "the batches that the run was begun with."
    )


def finite_or_none(value: float | None) -> float | None:
    """Return what JSON can hold of a number that may be infinite."""
    return value if value is not None and math.isfinite(value) else None


def or_infinity(value: float | None) -> float:
    """Return the number that ``finite_or_none`` was given, if it was not NaN."""
    return math.inf if value is None else value


class Stateful(Protocol):
    """A training that goes on from a state."""

    def state(self) -> TrainingState:
        """Return what training goes on from."""
        ...

    def load(self, state: TrainingState) -> None:
        """Go on from it."""


def follow_first(training: Stateful, ranks: Ranks) -> None:
    """Together: let every rank go on from the state of the first."""
    if ranks.is_alone:
        return
    state = ranks.decide(training.state)
    if not ranks.is_first:
        training.load(state)


def held_alike(training: Stateful, network: Network) -> Snapshot:
    """Together: return the parameters; where ranks have come to others, those of the first, from
    which all go on.
    """
    ranks, snapshot = network.backend.ranks, network.store.snapshot()
    if ranks.is_alone:
        return snapshot
    own = [checksum(array) for array in snapshot]
    differs = own != ranks.decide(lambda: own)
    if ranks.total(np.array([float(differs)]))[0] == 0:
        return snapshot
    if not ranks.decide(lambda: is_finite(snapshot)):
        return ranks.decide(lambda: snapshot)  # diverged, which ends the training of all
    notices = network.backend.notices
    notices += [] if DRIFTED in notices else [DRIFTED]
    follow_first(training, ranks)
    return network.store.snapshot()


def checksum(array: np.ndarray) -> int:
    """Return a number that another array has by a chance of one in 2⁶⁴, unless its words are the
    same in another order.
    """
    words = array.view(np.uint32) if array.itemsize == 4 else array.view(np.uint64)
    return int(np.bitwise_xor.reduce(words, initial=0)) ^ int(words.sum(dtype=np.uint64)) << 1
