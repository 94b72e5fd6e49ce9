"""Writes files so that a reader never meets half of one: aside, flushed to the disk, renamed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastmlp.errors import FastMLPError

ASIDE = re.compile(r"\.(.+)\.\d+\.tmp")  # the name of a file on its way


class WriteError(FastMLPError, OSError):
    """A file or folder that could not be written; whatever stood there before is untouched."""

    exit_code = 2


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then rename it over ``path``.

    Raises
    ------
    WriteError
        If the folder cannot be written or the disk is full; an existing ``path`` stays as it was.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            write(aside)
            with aside.open("rb+") as file:
                os.fsync(file.fileno())
            aside.replace(path)
            _flush_folder(path.parent)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(
            f"cannot write {path}: {error.strerror or error}. Free space, or write to another "
            "place."
        ) from None


def remove_leftovers(folder: Path, names: re.Pattern[str]) -> None:
    """Remove what a killed ``write_atomically`` left beside files of these names."""
    for path in folder.glob(".*.tmp"):
        aside = ASIDE.fullmatch(path.name)
        if aside and names.fullmatch(aside[1]) and path.is_file():
            path.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Bring a rename to the disk, where the system lets a folder be opened for that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # not so on Windows, whose renames need no such thing
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a text file, atomically, as UTF-8."""

    def write(aside: Path) -> None:
        aside.write_text(text, encoding="utf-8")

    write_atomically(path, write)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file, atomically; NaN and infinity become null, which JSON knows."""
    write_text(path, json.dumps(without_nan(value), indent=2, allow_nan=False) + "\n")


def without_nan(value: Any) -> Any:
    """Return ``value`` with every NaN and infinity replaced by None, in dicts and lists too."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
