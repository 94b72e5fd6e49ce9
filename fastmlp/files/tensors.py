"""Models and checkpoints as safetensors with JSON metadata: no pickle, everything checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.errors import ModelFileError

from .atomic import write_atomically

FORMAT = "fastmlp"
FORMAT_VERSION = 1
ROW_HASHES = "held_out_rows."  # begins the names of arrays that are no weights
LARGEST_HEADER = 16 * 2**20  # bytes; vocabularies of text columns live there


def write_model(
    path: Path, tensors: dict[str, np.ndarray], description: dict[str, Any], format: str = FORMAT
) -> None:
    """Write arrays and their description to one file, atomically.

    Parameters
    ----------
    path
        The file.
    tensors
        float32 or float64 arrays by name; uint64 where the name begins with ROW_HASHES.
    description
        What JSON can hold.
    format
        What the file says that it is.
    """
    from safetensors.numpy import save

    # One entry alone: safetensors writes several in an order that changes from run to run.
    entry = {"format_version": FORMAT_VERSION, "description": description}
    metadata = {format: json.dumps(entry, allow_nan=False)}
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    # Written by Python rather than by safetensors, whose error on a full disk is no OSError.
    write_atomically(path, lambda aside: aside.write_bytes(save(arrays, metadata)))


def read_model(path: Path, format: str = FORMAT) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and the description of a model file, which must be of this ``format``.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, of another program, of a newer format, or holds numbers
        that are not finite.
    """
    from safetensors import SafetensorError, safe_open

    _check_header(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            description = _description(path, metadata, format)
            names = file.keys()  # it is not a dict
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged(path, str(error)) from None
    for name, array in tensors.items():
        accepted = (np.uint64,) if name.startswith(ROW_HASHES) else (np.float32, np.float64)
        if array.dtype not in accepted:
            raise _damaged(path, f"array {name!r} is {array.dtype}, not float32 or float64")
        if format == FORMAT and not np.isfinite(array).all():
            raise _damaged(path, f"array {name!r} holds numbers that are not finite")
    return tensors, description


def take_tensor(
    path: Path, tensors: dict[str, np.ndarray], name: str, shape: tuple[int, ...]
) -> np.ndarray:
    """Return one array, which must be there with this shape."""
    if name not in tensors:
        raise _damaged(path, f"array {name!r} is missing")
    if tensors[name].shape != shape:
        raise _damaged(path, f"array {name!r} has shape {tensors[name].shape}, not {shape}")
    return tensors[name]


def _check_header(path: Path) -> None:
    """Check the header's length, the eight bytes at the start, before anything is read by it."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            size = path.stat().st_size
    except OSError as error:
        raise ModelFileError(
            f"cannot read the model {path}: {error.strerror}. Give a run folder of fastmlp train."
        ) from None
    if size < 8 or length > min(size - 8, LARGEST_HEADER):
        raise _damaged(path, "its header does not fit the file")


def _description(path: Path, metadata: dict[str, str], format: str) -> dict[str, Any]:
    if format not in metadata:
        raise ModelFileError(
            f"{path} is not a {'fastmlp model' if format == FORMAT else format}; give a run folder "
            "of fastmlp train."
        )
    kept = json.loads(metadata[format], parse_constant=_refuse_constant)
    if not isinstance(kept, dict) or not isinstance(kept.get("description"), dict):
        raise _damaged(path, "its description is not an object")
    version = kept.get("format_version")
    if type(version) is not int or not 0 < version <= FORMAT_VERSION:
        raise ModelFileError(
            f"{path} has format version {version!r}; this fastmlp reads up to {FORMAT_VERSION}: "
            "upgrade it."
        )
    return kept["description"]


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is not a number that a model may hold")


def _damaged(path: Path, why: str) -> ModelFileError:
    return ModelFileError(
        f"the model {path} is damaged: {why}. Train again, or restore the file from a copy."
    )
