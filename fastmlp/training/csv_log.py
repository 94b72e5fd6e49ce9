"""A log of epochs as CSV, for a spreadsheet: a line is there as soon as its epoch is over."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastmlp.errors import UsageError
from fastmlp.files.atomic import WriteError, without_nan, write_text

from .callbacks import Callback, Record

if TYPE_CHECKING:
    from .trainer import Trainer

FIRST = "epoch"  # the column by which a log is known


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

    def training_started(self, trainer: Trainer) -> None:
        """Look at the file when the first epoch tells where the run begins."""
        self._columns = []

    def recorded(self, trainer: Trainer, record: Record) -> None:
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
        """Return the whole lines of the file as it is; a line that was cut off while it was written
        is left out.
        """
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
