"""A model as named arrays with a description: npz, JSON, or a folder of text files. No pickle."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.errors import UsageError
from fastmlp.files.atomic import WriteError, write_atomically, write_json, write_text
from fastmlp.nn.network import KINDS

if TYPE_CHECKING:
    from .trained import TrainedModel

DESCRIPTION = "description"
DESCRIPTION_FILE = f"{DESCRIPTION}.json"
# By which an earlier export is known, whichever model it was of.
DESCRIBED = {"architecture", "dtype", "features", "targets"}
OWN_FILE = re.compile(rf"(((member|fold)_\d+\.)*({'|'.join(KINDS)})_\d+\.\w+|scale|shift)\.txt")
LARGEST_DESCRIPTION = 1 << 28  # bytes; vocabularies of text columns live there
# Digits that tell every number from its neighbours.
DIGITS = {np.dtype(np.float32): "%.9g", np.dtype(np.float64): "%.17g"}


def write_npz(model: TrainedModel, path: Path) -> None:
    """Write arrays for ``np.load``, and the array ``description``: one text of JSON."""
    kept = model_arrays(model) | {DESCRIPTION: np.array(json.dumps(model.describe()))}

    def write(aside: Path) -> None:
        # A file rather than a name, to which NumPy would add a suffix.
        with aside.open("wb") as file:
            np.savez(file, allow_pickle=False, **kept)

    write_atomically(path, write)


def write_json_file(model: TrainedModel, path: Path) -> None:
    """Write ``{"description": …, "arrays": {name: nested lists}}``; the numbers are exact."""
    arrays: dict[str, Any] = {name: array.tolist() for name, array in model_arrays(model).items()}
    write_text(
        path, json.dumps({DESCRIPTION: model.describe(), "arrays": arrays}, allow_nan=False) + "\n"
    )


def write_texts(model: TrainedModel, folder: Path) -> None:
    """Write a folder with ``description.json`` and a text file for each array, a line a row; the
    numbers are exact.

    Raises
    ------
    UsageError
        If the folder holds anything that an earlier export did not write, or if somebody stands in
        it.
    WriteError
        If it cannot be written; an earlier export is then still there.
    """
    folder = folder.resolve()  # a link stays; where it leads to is replaced
    _check_place(folder)
    aside, former = (
        folder.with_name(f".{folder.name}.{os.getpid()}.{word}") for word in ("tmp", "old")
    )
    try:
        try:
            aside.mkdir()
            for name, array in model_arrays(model).items():
                np.savetxt(aside / f"{name}.txt", array, fmt=DIGITS[array.dtype])
            write_json(aside / DESCRIPTION_FILE, model.describe())
            _check_place(folder)  # once more: somebody may have put a file there meanwhile
            if folder.exists():
                folder.replace(former)
            aside.replace(folder)
            shutil.rmtree(former, ignore_errors=True)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            if former.exists() and not folder.exists():
                former.replace(folder)
    except OSError as error:
        raise WriteError(
            f"cannot write {folder}: {error.strerror or error}. Free space, or write elsewhere."
        ) from None


def model_arrays(model: TrainedModel) -> dict[str, np.ndarray]:
    """Return every array of a model: those of the network, then ``scale`` and ``shift`` where
    features are scaled.
    """
    to_numpy = model.network.backend.to_numpy
    arrays = {
        name: to_numpy(parameter.values)
        for name, parameter in model.network.named_parameters().items()
    }
    scale, shift = model.features.scale, model.features.shift
    if scale is not None and shift is not None:
        arrays |= {"scale": scale, "shift": shift}
    return arrays


def _check_place(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            f"{folder} is a file; a text export is a folder. Give another place with -o."
        )
    if not folder.is_dir():
        return
    entries = sorted(folder.iterdir())
    is_export = any(entry.name == DESCRIPTION_FILE for entry in entries)
    strange = [entry.name for entry in entries if not (is_export and _is_own(entry))]
    if strange:
        raise UsageError(
            f"{folder} holds other files, which an export would replace: {strange[0]!a}. "
            "Give a folder that is not there."
        )
    if folder in (Path.cwd(), *Path.cwd().parents):
        raise UsageError(
            f"{folder} is where you stand, and would be replaced. Give a folder that is not there."
        )


def _is_own(entry: Path) -> bool:
    """Return whether an export wrote a file: by its name, and the description by what it says."""
    if entry.is_symlink() or not entry.is_file():
        return False
    if entry.name != DESCRIPTION_FILE:
        return OWN_FILE.fullmatch(entry.name) is not None
    try:
        if entry.stat().st_size > LARGEST_DESCRIPTION:
            return False
        described = json.loads(entry.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(described, dict) and described.keys() >= DESCRIBED
