"""Checkpoints: a training's whole state in one file, from which it goes on to the same bits."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.errors import ModelFileError
from fastmlp.files.atomic import WriteError
from fastmlp.files.tensors import read_model, write_model

from .callbacks import Callback, Training, TrainingResult
from .state import TrainingState, check_numbers, or_infinity

CHECKPOINT_FORMAT = "fastmlp checkpoint"
FOLDER = "checkpoints"
KEPT = 2  # the newest ones; the best is kept beside them
NAME = re.compile(r"update-(\d{10})\.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes
    ----------
    state
        The training's.
    run
        What the run added: a dict that JSON can hold.
    """

    state: TrainingState
    run: dict[str, Any]


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint into a run's folder, and remove those that are no longer wanted.

    Raises
    ------
    WriteError
        If it cannot be written; those that were there are then still there.
    """
    position = checkpoint.state.position
    path = folder / FOLDER / f"update-{position.update + position.step:010d}.safetensors"
    description: dict[str, Any] = {
        "numbers": _listed(checkpoint.state.numbers),
        "run": checkpoint.run,
    }
    arrays = {name: _as_real(array) for name, array in checkpoint.state.arrays.items()}
    description["sha256"] = digest(arrays, description)
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise WriteError(
            f"cannot make {path.parent}: {error.strerror or error}. Free space."
        ) from None
    write_model(path, arrays, description, CHECKPOINT_FORMAT)
    return path


def _listed(value: Any) -> Any:
    """Return nested dicts with lists in place of arrays: what JSON can hold."""
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


def _as_real(array: np.ndarray) -> np.ndarray:
    """Return an array as the file may hold it: whole numbers up to 2⁵³ are exact in float64."""
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def read_checkpoint(path: Path) -> Checkpoint:
    """Return what a checkpoint file holds.

    Raises
    ------
    ModelFileError
        If it is damaged: an entry is missing, of another type or out of its range, or arrays and
        entries do not have the SHA-256 that it says.
    """
    arrays, description = read_model(path, CHECKPOINT_FORMAT)
    said = description.pop("sha256", None)
    try:
        if description.keys() != {"numbers", "run"} or not isinstance(description["run"], dict):
            raise ValueError("its entries should be numbers, run and sha256")
        check_numbers(description["numbers"])
        # That of the arrays alone is what earlier versions wrote.
        if said not in (digest(arrays, description), digest(arrays)):
            raise ValueError("its content is not what was written")
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"the checkpoint {path} is damaged: {error}.") from None
    return Checkpoint(TrainingState(arrays, description["numbers"]), description["run"])


def newest_checkpoint(folder: Path) -> tuple[Checkpoint, list[str]]:
    """Return the newest checkpoint of a run that is sound, and a note for each newer one that is
    not.

    Raises
    ------
    ModelFileError
        If there is none.
    """
    notes = []
    for path in sorted(_files(folder), reverse=True):
        try:
            return read_checkpoint(path), notes
        except ModelFileError as error:
            notes.append(f"{error} The one before is taken.")
    tried = f" ({len(notes)} damaged)" if notes else ""
    raise ModelFileError(
        f"{folder} has no checkpoint to go on from{tried}. "
        f"Train anew: fastmlp train --config {folder}/config.toml; "
        "--checkpoint-every 1 keeps one an epoch."
    )


def digest(arrays: dict[str, np.ndarray], description: dict[str, Any] | None = None) -> str:
    """Return the SHA-256 of arrays with their names, types and shapes, and of a description."""
    total = hashlib.sha256()
    if description is not None:
        total.update(json.dumps(description, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {array.dtype} {array.shape}\n".encode())
        total.update(array.data)
    return total.hexdigest()


class Checkpointer(Callback):
    """Writes a checkpoint every so many epochs, at the end, and after Ctrl-C; a disk that is full
    does not end the run.

    Parameters
    ----------
    folder
        The run's.
    every
        Epochs between checkpoints; None writes them after Ctrl-C alone.
    run
        What the run adds to each.
    """

    def __init__(self, folder: Path, every: int | None, run: dict[str, Any]):
        self.folder, self.every, self.run = folder, every, run
        self._watched: dict[Path, float] = {}

    def epoch_ended(self, trainer: Training, result: TrainingResult) -> None:
        """Write if it is time."""
        is_last = result.epochs == trainer.epochs or bool(trainer.stop_reason)
        if self.every is not None and (result.epochs % self.every == 0 or is_last):
            self._write(trainer)

    def interrupted(self, trainer: Training, result: TrainingResult) -> None:
        """Write where the training stands, inside an epoch."""
        self._write(trainer)

    def _write(self, trainer: Training) -> None:
        try:
            path = write_checkpoint(self.folder, Checkpoint(trainer.state(), self.run))
        except WriteError as error:
            trainer.network.backend.notices.append(f"a checkpoint is missing: {error}")
            return
        self._watched[path] = or_infinity(trainer.last_watched)
        self._prune()

    def _prune(self) -> None:
        """Remove all but the newest and the best; a file that cannot be removed does no harm."""
        paths = sorted(_files(self.folder))
        for path in paths:
            if path not in self._watched:  # written before this process was there
                self._watched[path] = _watched_number(path)
        best = min(paths, key=self._watched.__getitem__, default=None)
        for path in paths[:-KEPT]:
            if path != best:
                with contextlib.suppress(OSError):
                    path.unlink()


def _watched_number(path: Path) -> float:
    """Return a checkpoint's watched number; infinity if it has none, or is damaged."""
    try:
        return or_infinity(read_checkpoint(path).state.numbers["last_watched"])
    except ModelFileError:
        return np.inf


def _files(folder: Path) -> list[Path]:
    return [
        path
        for path in (folder / FOLDER).glob("update-*.safetensors")
        if NAME.fullmatch(path.name) and path.is_file()
    ]
