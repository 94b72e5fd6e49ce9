"""Logs of a training for other programs: CSV for spreadsheets, event files for TensorBoard."""

from __future__ import annotations

import csv
import io
import itertools
import os
import platform
import time
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastmlp.errors import MissingExtraError, UsageError
from fastmlp.files.atomic import WriteError, without_nan, write_text

from .callbacks import Callback, Record, Training, TrainingResult

FIRST = "epoch"  # the column by which a log is known
FLUSH_SECONDS = 1.0
_numbers = itertools.count()  # apart: event files that one process begins in one second


class CsvLog(Callback):
    """Writes a line for each epoch, with the numbers of history.jsonl in its columns; NaN and
    infinity are left empty.

    A run that goes on adds to its log, without the lines of epochs that are trained again; any
    other run begins anew.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    UsageError
        If there is a file of that name that is no such log, which would be lost, or no folder for
        it.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._columns: list[str] = []
        if not self.path.absolute().parent.is_dir():
            raise UsageError(f"cannot write {self.path}: its folder does not exist; make it first.")
        self._kept()

    def training_started(self, trainer: Training) -> None:
        """Look at the file when the first epoch tells where the run begins."""
        self._columns = []

    def recorded(self, trainer: Training, record: Record) -> None:
        """Append a line; the first also settles what stays of the file."""
        if record.kind != "epoch":
            return
        line = without_nan(record.to_dict()) | {"is_best": int(record.is_best)}
        if not self._columns:
            self._begin(record.epoch, [name for name in line if name != "kind"])
        try:
            with self.path.open("a", encoding="utf-8", newline="") as file:
                file.write(self._text([line]))
        except OSError as error:
            reason = error.strerror or error
            raise WriteError(
                f"cannot write {self.path}: {reason}. Free space, then train again."
            ) from None

    def _begin(self, epoch: int, columns: list[str]) -> None:
        """Write the header, and again the lines of the epochs before ``epoch``."""
        kept = [line for line in self._kept() if int(line[FIRST]) < epoch]
        self._columns = list(kept[0]) if kept else columns
        write_text(self.path, self._text([{name: name for name in self._columns}, *kept]))

    def _kept(self) -> list[dict[str, str]]:
        """Return the whole lines of the file, without one that was cut off while it was written."""
        if not self.path.exists():
            return []
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            text = "something else"
        if text and not text.startswith(f"{FIRST},"):
            raise UsageError(
                f"{self.path} is no log of fastmlp and would be lost; give another name."
            )
        whole = text[: text.rfind("\n") + 1]
        return [
            line for line in csv.DictReader(io.StringIO(whole)) if (line[FIRST] or "").isdecimal()
        ]

    def _text(self, lines: Iterable[dict[str, Any]]) -> str:
        text = io.StringIO()
        csv.DictWriter(
            text, self._columns, restval="", extrasaction="ignore", lineterminator="\n"
        ).writerows(lines)
        return text.getvalue()


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

    def training_started(self, trainer: Training) -> None:
        """Begin a file."""
        from tensorboard.summary.writer.record_writer import RecordWriter

        own = f"{platform.node()}.{os.getpid()}.{next(_numbers)}"
        name = f"events.out.tfevents.{time.time():.0f}.{own}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._records = RecordWriter((self.folder / name).open("wb"))
        except OSError as error:
            raise self._cannot_write(error) from None
        self._begun = False
        self._write(file_version="brain.Event:2")
        self._flush()

    def recorded(self, trainer: Training, record: Record) -> None:
        """Write the numbers of an epoch, or of a stretch of updates."""
        # The classes of these two modules are made when they are imported, and not annotated.
        from tensorboard.compat.proto.event_pb2 import SessionLog  # pyright: ignore[reportAttributeAccessIssue]
        from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]

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

    def training_ended(self, trainer: Training, result: TrainingResult) -> None:
        """Close the file."""
        self._flush()
        self._records.close()

    def _write(self, **content: Any) -> None:
        # made when the module is imported, and not annotated
        from tensorboard.compat.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]

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
            f"cannot write into {self.folder}: {error.strerror or error}. "
            "Free space, or give another folder."
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
