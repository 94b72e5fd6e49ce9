"""A model as named arrays with a description: npz, JSON, or a folder of text files. No pickle."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.errors import UsageError
from fastmlp.training.files import WriteError, write_atomically, write_json, write_text

if TYPE_CHECKING:
    from fastmlp.jobs.model import Model

DESCRIPTION = "description"
DESCRIPTION_FILE = f"{DESCRIPTION}.json"
DIGITS = {np.dtype(np.float32): "%.9g", np.dtype(np.float64): "%.17g"}  # that tell every number from its neighbours


def write_npz(model: Model, path: Path) -> None:
    """Write arrays by name, as ``np.load`` reads them, and the array ``description``: one text of JSON."""
    kept = model_arrays(model) | {DESCRIPTION: np.array(json.dumps(model.describe()))}

    def write(aside: Path) -> None:
        with aside.open("wb") as file:  # a file rather than a name, to which NumPy would add a suffix
            np.savez(file, **kept)

    write_atomically(path, write)


def write_json_file(model: Model, path: Path) -> None:
    """Write ``{"description": …, "arrays": {name: nested lists}}``; the numbers are exact."""
    arrays: dict[str, Any] = {name: array.tolist() for name, array in model_arrays(model).items()}
    write_text(path, json.dumps({DESCRIPTION: model.describe(), "arrays": arrays}, allow_nan=False) + "\n")


def write_texts(model: Model, folder: Path) -> None:
    """Write a folder with ``description.json`` and a text file for each array, a line a row; the numbers are exact.

    Raises
    ------
    UsageError
        If the folder holds something else than an earlier export.
    WriteError
        If it cannot be written; an earlier export is then still there.
    """
    _check_place(folder)
    aside, former = (folder.with_name(f".{folder.name}.{os.getpid()}.{word}") for word in ("tmp", "old"))
    try:
        try:
            aside.mkdir()
            for name, array in model_arrays(model).items():
                np.savetxt(aside / f"{name}.txt", array, fmt=DIGITS[array.dtype])
            write_json(aside / DESCRIPTION_FILE, model.describe())
            if folder.exists():
                folder.replace(former)
            aside.replace(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            shutil.rmtree(former, ignore_errors=True)
    except OSError as error:
        raise WriteError(f"cannot write {folder}: {error.strerror or error}. Free space, or write elsewhere.") from None


def model_arrays(model: Model) -> dict[str, np.ndarray]:
    """Return every array of a model: those of the network, then ``scale`` and ``shift`` where features are scaled."""
    to_numpy = model.network.backend.to_numpy
    arrays = {name: to_numpy(parameter.values) for name, parameter in model.network.named_parameters().items()}
    if model.features.scale is not None:
        arrays |= {"scale": model.features.scale, "shift": model.features.shift}
    return arrays


def _check_place(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; a text export is a folder. Give another place with -o.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / DESCRIPTION_FILE).is_file():
        raise UsageError(f"{folder} holds other files, which an export would replace. Give a folder that is not there.")
