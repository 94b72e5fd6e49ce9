"""What others may do while a network trains: a protocol of six methods, and the writer of the
history.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastmlp.files.atomic import WriteError, without_nan

if TYPE_CHECKING:
    from .trainer import Trainer, TrainingResult


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


class Callback:
    """Base of everything that wants to know how training goes; each method may be left as it is.

    Setting ``trainer.stop_reason`` to a sentence ends training after the epoch.
    """

    def training_started(self, trainer: Trainer) -> None:
        """Before the first update, after compilation."""

    def progressed(self, trainer: Trainer, progress: Progress) -> None:
        """Several times a second while an epoch runs."""

    def recorded(self, trainer: Trainer, record: Record) -> None:
        """After every epoch, and after every stretch of updates if those are logged."""

    def epoch_ended(self, trainer: Trainer, result: TrainingResult) -> None:
        """After every epoch that left the parameters finite, when all that belongs to it is
        counted.
        """

    def interrupted(self, trainer: Trainer, result: TrainingResult) -> None:
        """After Ctrl-C, between two steps of an epoch."""

    def training_ended(self, trainer: Trainer, result: TrainingResult) -> None:
        """After the last update, with the best weights restored if that was asked for."""


class HistoryWriter(Callback):
    """Appends each record to a file as one line of JSON, as soon as it is there."""

    def __init__(self, path: Path):
        self.path = path

    def recorded(self, trainer: Trainer, record: Record) -> None:
        """Append one line."""
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(without_nan(record.to_dict()), allow_nan=False) + "\n")
        except OSError as error:
            raise WriteError(
                f"cannot write {self.path}: {error.strerror or error}. Free space, then train again."
            ) from None
