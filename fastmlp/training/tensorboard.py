"""A log for TensorBoard: event files of scalars, written while a network trains."""

from __future__ import annotations

import itertools
import os
import platform
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastmlp.errors import MissingExtraError
from fastmlp.files.atomic import WriteError

from .callbacks import Callback, Record

if TYPE_CHECKING:
    from .trainer import Trainer, TrainingResult

FLUSH_SECONDS = 1.0
_numbers = itertools.count()  # apart: files that one process begins in one second


class TensorBoard(Callback):
    """Writes each epoch's numbers as scalars: ``loss/train``, ``accuracy/validation``,
    ``learning_rate``, …

    The step is the number of updates; the scalar ``epoch`` tells the epoch. Numbers of stretches of
    updates, where those are recorded, stand under ``updates/``. A run that goes on begins a file of
    its own, and what it trains again replaces what was there. See it with ``tensorboard --logdir
    FOLDER``.

    Parameters
    ----------
    folder
        Where the event file goes; runs that are to be compared have a folder each, side by side.

    Raises
    ------
    MissingExtraError
        Without the package tensorboard.
    """

    def __init__(self, folder: str | Path):
        if find_spec("tensorboard") is None:
            raise MissingExtraError("a log for TensorBoard", "tensorboard", "tensorboard")
        self.folder = Path(folder)
        self._records: Any = None
        self._begun = False
        self._flushed = 0.0

    def training_started(self, trainer: Trainer) -> None:
        """Begin a file."""
        from tensorboard.summary.writer.record_writer import RecordWriter

        name = f"events.out.tfevents.{time.time():.0f}.{platform.node()}.{os.getpid()}.{next(_numbers)}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._records = RecordWriter((self.folder / name).open("wb"))
        except OSError as error:
            raise self._cannot_write(error) from None
        self._begun = False
        self._write(file_version="brain.Event:2")
        self._flush()

    def recorded(self, trainer: Trainer, record: Record) -> None:
        """Write the numbers of an epoch, or of a stretch of updates."""
        from tensorboard.compat.proto.event_pb2 import SessionLog
        from tensorboard.compat.proto.summary_pb2 import Summary

        if (
            not self._begun
        ):  # from here on this file counts, and not what an earlier one in the folder says
            self._write(step=record.update, session_log=SessionLog(status=SessionLog.START))
            self._begun = True
        values = [
            Summary.Value(tag=tag, simple_value=value) for tag, value in scalars(record).items()
        ]
        self._write(step=record.update, summary=Summary(value=values))
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._flush()

    def training_ended(self, trainer: Trainer, result: TrainingResult) -> None:
        """Close the file."""
        self._flush()
        self._records.close()

    def _write(self, **content: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        try:
            self._records.write(Event(wall_time=time.time(), **content).SerializeToString())
        except OSError as error:
            raise self._cannot_write(error) from None

    def _flush(self) -> None:
        try:
            self._records.flush()
        except OSError as error:
            raise self._cannot_write(error) from None
        self._flushed = time.monotonic()

    def _cannot_write(self, error: OSError) -> WriteError:
        return WriteError(
            f"cannot write into {self.folder}: {error.strerror or error}. Free space, or give another folder."
        )


def scalars(record: Record) -> dict[str, float]:
    """Return a record's numbers by the tag under which TensorBoard shows them."""
    parts = {"train": record.train, record.monitor_name: record.monitor}
    if record.kind == "updates":
        return {
            f"updates/{part}_{name}": value
            for part, numbers in parts.items()
            for name, value in numbers.items()
        }
    return {
        **{
            f"{name}/{part}": value
            for part, numbers in parts.items()
            for name, value in numbers.items()
        },
        "epoch": record.epoch,
        "learning_rate": record.learning_rate,
        "samples_per_second": record.samples_per_second,
    }
