"""A run's folder as it is: settings, history and metrics, each as far as it is there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from fastmlp.errors import FastMLPError, ModelFileError
from fastmlp.run.folder import (
    CONFIG_FILE,
    HISTORY_FILE,
    LARGEST_METRICS,
    METRICS_FILE,
    read_metrics,
)
from fastmlp.run.phases import PHASES_FILE
from fastmlp.settings.config import read_config
from fastmlp.settings.settings import Settings, settings_from

LARGEST_HISTORY = 1 << 28  # bytes: a million records
LARGEST, LARGEST_COUNT = 1e300, 2**53  # what is larger was not written by fastmlp
SPLITS = ("train", "validation", "test")
NUMBERS = ("epochs", "best_epoch", "parameters", "train_seconds", "compile_seconds",
           "samples_per_second", "threads")  # fmt: skip


@dataclass(frozen=True)
class FinishedRun:
    """A run as its folder holds it."""

    folder: Path  # where it lies
    # of config.toml, with every choice made; None if the file is missing or damaged
    settings: Settings | None
    # one dict an epoch, as in history.jsonl: ``epoch``, ``train_loss``, ``validation_accuracy``, …
    epochs: list[dict[str, Any]]
    # the same of the stretches of updates that ``log_every`` asked for
    updates: list[dict[str, Any]]
    metrics: dict[str, Any]  # the numbers of metrics.json; empty if training has not ended
    problems: list[str] = field(default_factory=list)  # sentences for the reader on what is missing
    # the settings of each phase, where the run has phases
    phases: list[dict[str, Any]] = field(default_factory=list)

    @property
    def monitored(self) -> str:
        """What was measured after each epoch: ``"validation"``, ``"test"``, or empty."""
        last = self.epochs[-1] if self.epochs else {}
        return next((split for split in ("validation", "test") if f"{split}_loss" in last), "")

    @property
    def last_phase(self) -> list[dict[str, Any]]:
        """The epochs of the last phase: losses of two phases need not compare."""
        return [each for each in self.epochs if each.get("phase") == self.epochs[-1].get("phase")]

    @property
    def phase_starts(self) -> list[int]:
        """The first epoch of each phase but the first."""
        return [
            after["epoch"]
            for before, after in pairwise(self.epochs)
            if before.get("phase") != after.get("phase")
        ]

    @property
    def best_epoch(self) -> int:
        """The epoch whose watched number was best, 0 if there is none."""
        best = self.metrics.get("best_epoch")
        if type(best) is int:
            return best
        return max((each["epoch"] for each in self.epochs if each.get("is_best")), default=0)

    @property
    def diverged(self) -> str:
        """The likely cause if the loss became NaN or infinite, else empty."""
        return str(self.metrics.get("diverged") or "")


def is_run(folder: Path) -> bool:
    """Return whether a folder holds a run, finished or not."""
    return any((folder / name).is_file() for name in (CONFIG_FILE, HISTORY_FILE, METRICS_FILE))


def read_finished_run(folder: Path) -> FinishedRun:
    """Read what a run left; a file that is missing or damaged becomes a problem, not an error.

    Raises
    ------
    ModelFileError
        If the folder is no run's at all.
    """
    if not is_run(folder):
        raise ModelFileError(
            f"{folder} holds no run: {CONFIG_FILE}, {HISTORY_FILE} or {METRICS_FILE} should be "
            "there. Give the folder that fastmlp train or fastmlp experiment made."
        )
    problems: list[str] = []
    settings = _settings(folder, problems)
    metrics = _metrics(folder, problems)
    history = _history(folder / HISTORY_FILE, problems)
    epochs = [record for record in history if record.get("kind") == "epoch"]
    updates = [record for record in history if record.get("kind") == "updates"]
    phases = _phases(folder / PHASES_FILE)
    return FinishedRun(folder, settings, epochs, updates, metrics, problems, phases)


def _phases(path: Path) -> list[dict[str, Any]]:
    """Return the phases of a run; empty where its file is missing or cannot be read."""
    try:
        if path.stat().st_size > LARGEST_METRICS:
            return []
        phases = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    are_dicts = isinstance(phases, list) and all(isinstance(phase, dict) for phase in phases)
    return phases if are_dicts else []


def _settings(folder: Path, problems: list[str]) -> Settings | None:
    try:
        return settings_from(read_config(folder / CONFIG_FILE))
    except FastMLPError as error:
        problems.append(f"The settings cannot be shown: {error}")
        return None


def _metrics(folder: Path, problems: list[str]) -> dict[str, Any]:
    try:
        metrics = read_metrics(folder)
    except ModelFileError as error:
        problems.append(str(error))
        return {}
    if metrics is None:
        problems.append(f"Training has not ended, or was killed: there is no {METRICS_FILE} yet.")
        return {}
    kept = {
        name: value
        for name, value in metrics.items()
        if not _should_be_number(name) or _is_number_or_none(value)
    }
    if odd := sorted(set(metrics) - set(kept)):
        problems.append(f"{METRICS_FILE} is damaged: {', '.join(odd)} should be numbers.")
    return kept


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < LARGEST_COUNT


def _should_be_number(name: str) -> bool:
    return name in NUMBERS or name.startswith(tuple(f"{split}_" for split in SPLITS))


def _is_number_or_none(value: Any) -> bool:
    return value is None or (
        isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST
    )


def _history(path: Path, problems: list[str]) -> list[dict[str, Any]]:
    """Return the records of a history without a last line that is still being written."""
    try:
        if path.stat().st_size > LARGEST_HISTORY:
            raise ValueError("it is too large")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        problems.append(f"There are no curves: {path.name} cannot be read: {reason}.")
        return []
    records = [_record_of(line) for line in lines]
    damaged = sum(record is None for record in records[:-1])
    if damaged:
        problems.append(f"{damaged:,} lines of {path.name} are damaged and left out.")
    return [record for record in records if record is not None]


def _record_of(line: str) -> dict[str, Any] | None:
    """Return a record whose values are numbers, None or known words; None for any other line."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    if not all(_is_count(record.get(name)) for name in ("epoch", "update")):
        return None
    kept = {
        name: value for name, value in record.items() if value is True or _is_number_or_none(value)
    }
    return kept | {"kind": record.get("kind")}
