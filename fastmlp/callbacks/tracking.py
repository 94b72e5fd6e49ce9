"""What the callbacks for experiment trackers share: numbers are gathered and sent now and then."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fastmlp.training.callbacks import Callback, Record, RunFacts, Training, TrainingResult
from fastmlp.training.logs import scalars

# The files of a run's folder that a tracker keeps, where they are there.
ARTIFACTS = ("model.safetensors", "config.toml", "metrics.json", "history.jsonl", "phases.json",
             "README.md")  # fmt: skip


class Numbers(NamedTuple):
    """What one epoch, or one stretch of updates, brought."""

    step: int  # updates until then
    seconds: float  # since 1970
    values: dict[str, float]  # by tags such as ``loss/train``, all of them finite


class Tracker(Callback):
    """Base of a callback that tells a tracker of a training; several may follow each other.

    In ``fastmlp.train`` and ``fastmlp train`` the tracker's run is open from before the first phase
    until all files are written; with an estimator, for one ``fit``.

    Parameters
    ----------
    every
        Seconds between two sendings at least: a tracker may take longer than an epoch.
    artifacts
        Whether the run's files are sent at the end.
    """

    def __init__(self, every: float, artifacts: bool):
        self.every, self.artifacts = every, artifacts
        self._gathered: list[Numbers] = []
        self._sent = 0.0
        self._is_open = self._has_folder = False

    def run_started(self, run: RunFacts) -> None:
        """Begin, with the run's settings."""
        self._has_folder = True
        self._begin({name: value for name, value in run.settings.items() if value is not None})

    def training_started(self, trainer: Training) -> None:
        """Begin, if nobody has, with what the trainer tells of itself."""
        if not self._is_open:
            self._has_folder = False
            self._begin(described(trainer))

    def recorded(self, trainer: Training, record: Record) -> None:
        """Gather the numbers, and send them if it is time."""
        values = {name: float(value) for name, value in scalars(record).items()}
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        self._gathered.append(Numbers(record.update, time.time(), finite))
        if time.monotonic() - self._sent >= self.every:
            self._flush()

    def training_ended(self, trainer: Training, result: TrainingResult) -> None:
        """Send what is left; an estimator's run is over."""
        self._flush()
        if not self._has_folder:
            self._close(failed=bool(result.diverged))

    def run_ended(self, run: RunFacts) -> None:
        """Send the run's last numbers and its files."""
        last = {
            name: value
            for name, value in run.metrics.items()
            if isinstance(value, (int, float)) and not isinstance(value, bool)
        }
        self.send_results({k: float(v) for k, v in last.items() if math.isfinite(v)})
        if self.artifacts:
            paths = [run.folder / name for name in ARTIFACTS]
            self.send_files(run.folder, [path for path in paths if path.is_file()])
        self._close(failed=bool(run.metrics.get("diverged")))

    def run_failed(self, run: RunFacts, error: BaseException) -> None:
        """Send what is left, and end the tracker's run as one that failed."""
        if self._is_open:
            self._flush()
            self._close(failed=True)

    def _begin(self, parameters: Mapping[str, Any]) -> None:
        self._gathered, self._sent, self._is_open = [], time.monotonic(), True
        self.open(parameters)

    def _flush(self) -> None:
        gathered, self._gathered = self._gathered, []
        if gathered:
            self.send(gathered)
        self._sent = time.monotonic()

    def _close(self, failed: bool) -> None:
        self._is_open = self._has_folder = False
        self.close(failed)

    @abstractmethod
    def open(self, parameters: Mapping[str, Any]) -> None:
        """Begin a run of the tracker's, with what it is trained with."""

    @abstractmethod
    def send(self, numbers: list[Numbers]) -> None:
        """Send numbers, in the order of their steps."""

    @abstractmethod
    def send_results(self, values: dict[str, float]) -> None:
        """Send the numbers of metrics.json."""

    @abstractmethod
    def send_files(self, folder: Path, files: list[Path]) -> None:
        """Send files of the run's folder."""

    @abstractmethod
    def close(self, failed: bool) -> None:
        """End the tracker's run."""


def described(trainer: Training) -> dict[str, Any]:
    """Return what a trainer tells of a training that has no settings, as an estimator's."""
    network = trainer.network
    return {
        "architecture": str(network.architecture),
        "activation": network.architecture.activation,
        "loss": trainer.loss.name,
        "optimizer": type(trainer.optimizer).__name__,
        "batch_size": trainer.batches.batch_size,
        "epochs": trainer.epochs,
        "dtype": network.dtype.name,
        "parameters": network.parameter_count(),
    }
