"""What others may do while a network trains: what they see, and when they are called."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fastmlp.files.atomic import WriteError, without_nan
from fastmlp.nn.losses import Loss
from fastmlp.nn.network import Network
from fastmlp.optim.optimizers import Optimizer
from fastmlp.step.batches import Batches

from .recorded_pass import RecordedPass
from .state import Position, TrainingState


@dataclass(frozen=True)
class Progress:
    """Where training stands inside an epoch."""

    epoch: int
    step: int
    steps: int
    loss: float


@dataclass(frozen=True)
class Record:
    """What one epoch, or one stretch of updates, brought.

    Attributes
    ----------
    kind
        ``"epoch"`` or ``"updates"``.
    epoch
        Its number, from 1.
    update
        Updates made since training began.
    train
        ``loss`` and, where rows can be right, ``accuracy``: means over the rows as they were
        trained on.
    monitor
        The same of the monitored set, with ``rmse`` and ``r2`` for regression; empty if there is
        none.
    monitor_name
        ``"validation"`` or ``"test"``.
    learning_rate
        Of the last update.
    seconds
        Of training alone.
    samples_per_second
        Rows trained on in each of those seconds.
    is_best
        Whether the watched number was never better.
    """

    kind: str
    epoch: int
    update: int
    train: dict[str, float]
    monitor: dict[str, float] = field(default_factory=dict)
    monitor_name: str = "validation"
    learning_rate: float = 0.0
    seconds: float = 0.0
    samples_per_second: float = 0.0
    is_best: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return one flat dict: train_loss, validation_accuracy, …"""
        return {
            "kind": self.kind,
            "epoch": self.epoch,
            "update": self.update,
            **{f"train_{name}": value for name, value in self.train.items()},
            **{f"{self.monitor_name}_{name}": value for name, value in self.monitor.items()},
            "learning_rate": self.learning_rate,
            "seconds": self.seconds,
            "samples_per_second": self.samples_per_second,
            "is_best": self.is_best,
        }


@dataclass
class TrainingResult:
    """How training went.

    Attributes
    ----------
    epochs
        Epochs that were finished.
    best_epoch
        The epoch whose watched number was best: of the validation set, else of the training loss.
    records
        All records in order.
    train_seconds
        Time spent in training steps: no compilation, no measuring, no writing.
    samples_per_second
        Rows trained on in each of those seconds.
    stop_reason
        Why training ended before its last epoch, else an empty string.
    diverged
        The likely cause if the loss became NaN or infinite, else an empty string.
    """

    epochs: int = 0
    best_epoch: int = 0
    records: list[Record] = field(default_factory=list)
    train_seconds: float = 0.0
    samples_per_second: float = 0.0
    stop_reason: str = ""
    diverged: str = ""


class Monitor(Protocol):
    """What measures rows that are not trained on; ``name`` is ``"validation"`` or ``"test"``."""

    name: str

    def run(self) -> dict[str, float]:
        """Return the numbers of the network as it stands."""
        ...


class Training(Protocol):
    """The training that callbacks see: of ``fastmlp train`` and of the estimators alike.

    Attributes
    ----------
    network, loss, optimizer, batches, training_pass
        What is trained, on what, and its recorded pass over the rows.
    epochs
        The number of the last epoch, if nothing ends training before.
    position, epoch, update, result
        Where it stands, the last epoch that is over, the updates until then, and how it has gone.
    monitor
        What is measured after each epoch, or None.
    last_watched
        The number that tells the best epoch, smaller is better, of the last one; None before.
    stop_reason
        A callback that sets it to a sentence ends training after the epoch.
    """

    network: Network
    loss: Loss
    optimizer: Optimizer
    batches: Batches
    training_pass: RecordedPass
    epochs: int
    position: Position
    epoch: int
    update: int
    result: TrainingResult
    monitor: Monitor | None
    last_watched: float | None
    stop_reason: str

    def interrupt(self) -> None:
        """End training after the steps at hand, as Ctrl-C does."""

    def state(self) -> TrainingState:
        """Return what training goes on from, between two steps."""
        ...

    def load(self, state: TrainingState) -> None:
        """Go on from a state instead of from the start."""


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run beside its training.

    Attributes
    ----------
    folder
        Of the run.
    settings
        All of them, by name, with every choice made.
    metrics
        The numbers of metrics.json; empty before they are there.
    """

    folder: Path
    settings: dict[str, Any]
    metrics: dict[str, Any] = field(default_factory=dict)


class Callback:
    """Base of everything that wants to know how training goes; each method may be left as it is.

    Setting ``trainer.stop_reason`` to a sentence ends training after the epoch.
    """

    def run_started(self, run: RunFacts) -> None:
        """Before a run of ``fastmlp.train`` or ``fastmlp train`` begins to train; an estimator has
        no run.
        """

    def run_ended(self, run: RunFacts) -> None:
        """When all of a run's files are written."""

    def run_failed(self, run: RunFacts, error: BaseException) -> None:
        """When an error ended a run before that."""

    def training_started(self, trainer: Training) -> None:
        """Before the first update, after compilation; in a run of phases, of each."""

    def progressed(self, trainer: Training, progress: Progress) -> None:
        """Several times a second while an epoch runs."""

    def recorded(self, trainer: Training, record: Record) -> None:
        """After every epoch, and after every stretch of updates if those are logged."""

    def epoch_ended(self, trainer: Training, result: TrainingResult) -> None:
        """After every epoch that left the parameters finite, when all of it is counted."""

    def interrupted(self, trainer: Training, result: TrainingResult) -> None:
        """After Ctrl-C, between two steps of an epoch."""

    def training_ended(self, trainer: Training, result: TrainingResult) -> None:
        """After the last update, with the best weights restored if that was asked for."""


class HistoryWriter(Callback):
    """Appends each record to a file as one line of JSON, as soon as it is there."""

    def __init__(self, path: Path):
        self.path = path

    def recorded(self, trainer: Training, record: Record) -> None:
        """Append one line."""
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(without_nan(record.to_dict()), allow_nan=False) + "\n")
        except OSError as error:
            raise WriteError(
                f"cannot write {self.path}: {error.strerror or error}. "
                "Free space, then train again."
            ) from None
