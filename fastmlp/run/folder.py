"""A run's folder: model.safetensors, config.toml, history.jsonl, metrics.json."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from fastmlp.errors import ModelFileError
from fastmlp.files.atomic import WriteError
from fastmlp.files.entries import Count, Real, check_entries, shown, unfit

HISTORY_FILE, CONFIG_FILE, METRICS_FILE = "history.jsonl", "config.toml", "metrics.json"
LARGEST_METRICS = 1 << 20  # bytes
LONGEST_LINE = 1 << 20  # bytes of the history
KINDS = ("epoch", "updates")
PLACE = {"epoch": Count(1), "update": Count()}
ANY_NUMBER = Real(optional=True)
LONGEST_NAME = 50  # characters: a file system takes 255 bytes


def create_run_folder(out: str | Path | None, name: str) -> Path:
    """Make a new folder: ``out``, or runs/<time>-<name>.

    A folder that already holds a run is left as it is: the new one gets a number behind its name.

    Raises
    ------
    WriteError
        If the folder cannot be made.
    """
    stem = re.sub(r"[^\w.-]+", "-", name[:LONGEST_NAME]).strip("-.") or "run"
    wanted = (
        Path(out) if out is not None else Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-{stem}"
    )
    try:
        for number in range(1, 10_000):
            folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                folder.mkdir()
                return folder
            except FileExistsError:
                if folder.is_dir() and not any(folder.iterdir()):
                    return folder
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise WriteError(
            f"cannot make the run folder {wanted}: {getattr(error, 'strerror', None) or error}. "
            "Choose another --out."
        ) from None
    raise WriteError(f"there are too many runs named {wanted}. Choose another --out.")


def taken(out: str | Path | None, folder: Path) -> str:
    """Return a sentence that says where a run went if its folder was taken, else nothing."""
    if out is None or folder == Path(out):
        return ""
    return f"{out} was there before and is left as it is; the folder of this run is {folder}."


def read_history(folder: Path) -> list[dict[str, Any]]:
    """Return the records of a run's history.jsonl; a last line that was cut off while it was
    written is left out.

    Raises
    ------
    ModelFileError
        If the file is not what fastmlp writes.
    """
    path = folder / HISTORY_FILE
    if not path.is_file():
        return []
    try:
        return list(_records(path))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFileError(
            f"the history {path} cannot be read: {error}. Remove the file, or train again."
        ) from None


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for number in count(1):
            line = file.readline(LONGEST_LINE)
            if not line.endswith(b"\n"):
                if len(line) == LONGEST_LINE:
                    raise ValueError(f"line {number} has no end")
                return  # what follows the last line's end is half a line, or nothing
            try:
                yield _checked_record(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise ValueError(f"line {number}: {error}") from None


def _checked_record(record: Any) -> dict[str, Any]:
    """Return a record whose place is known and whose other values JSON can write again."""
    place = (
        {name: record[name] for name in PLACE if name in record}
        if isinstance(record, dict)
        else record
    )
    check_entries(place, PLACE, "the record")
    if record.get("kind") not in KINDS:
        raise unfit("kind", " or ".join(KINDS), record.get("kind"))
    for name, value in record.items():
        if not (isinstance(value, (str, bool)) or ANY_NUMBER.accepts(value)):
            raise unfit(shown(name), "a word or a finite number", value)
    return record


def read_metrics(folder: Path) -> dict[str, Any] | None:
    """Return the numbers of a run's metrics.json, None if there is no such file.

    Raises
    ------
    ModelFileError
        If the file is not what fastmlp writes.
    """
    path = folder / METRICS_FILE
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > LARGEST_METRICS:
            raise ValueError("it is too large")
        metrics = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(metrics, dict):
            raise ValueError("it holds no object")
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFileError(
            f"the metrics {path} cannot be read: {error}. Remove the file, or train again."
        ) from None
    return metrics
