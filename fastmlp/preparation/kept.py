"""PreparedData in a folder: matrices as .npy files, the rest as JSON; all checked when opened."""

from __future__ import annotations

import hashlib
import json
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.data import stored
from fastmlp.data.features.scaling import row_chunks
from fastmlp.data.features.targets import TargetEncoder
from fastmlp.data.mapped.rows import MappedRows, Matrix, within
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.data.row_hashes import row_hashes
from fastmlp.data.staged.workspace import Workspace
from fastmlp.errors import FastMLPError, ModelFileError
from fastmlp.files.atomic import write_json
from fastmlp.settings.presets import PRESETS
from fastmlp.settings.settings import Settings

from .known_rows import KnownRows, fingerprint
from .prepared import Part, PreparedData
from .weights import class_weights

KEPT_VERSION = 1
DESCRIPTION = "description.json"
LARGEST_DESCRIPTION = 256 << 20
PARTS = ("train", "validation", "test", "stacked")
ARRAYS = ("folds", "train_hashes")


def keep(data: PreparedData, space: Workspace) -> None:
    """Leave in the folder of a workspace what ``kept`` needs, and nothing else."""
    folder = space.folder
    parts = {name: part for name, part in _parts(data).items() if part is not None}
    arrays = {f"{name}_targets": part.targets for name, part in parts.items() if name != "stacked"}
    arrays |= {name: getattr(data, name) for name in ARRAYS if getattr(data, name) is not None}
    files: dict[str, dict[str, Any]] = {}
    for name, part in parts.items():
        _file_of(part.features, space).rename(folder / f"{name}.npy")
        files[name] = _facts(part.features)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
        files[name] = _facts(array)
    _remove_others(folder, {f"{name}.npy" for name in files})
    has_test_file = data.settings.test is not None
    rows = sum(len(part) for name, part in parts.items() if name != "stacked")
    held = {name: _mapped(folder, name, facts) for name, facts in files.items()}
    described = {
        "version": KEPT_VERSION,
        "name": data.name,
        "target_name": data.target_name,
        "preset": data.settings.preset,
        "task": data.targets.task,
        "rows": rows - (len(parts["test"]) if has_test_file and "test" in parts else 0),
        "features": data.features.to_dict(),
        "targets": data.targets.to_dict(),
        "notes": data.notes,
        "files": files,
        "contents": _contents(held, _hashes(held, data.settings.memory)),
    }
    write_json(folder / DESCRIPTION, {"digest": _digest(described), "description": described})


def kept(folder: Path, settings: Settings) -> PreparedData:
    """Return what ``keep`` left in a folder.

    Parameters
    ----------
    folder
        Maybe from a stranger.
    settings
        Of the run.

    Raises
    ------
    ModelFileError
        If anything is missing, damaged, or not what the description says.
    """
    try:
        return _kept(folder, settings)
    except ModelFileError:
        raise
    except (FastMLPError, OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ModelFileError(f"{folder}: {reason}") from None


def _kept(folder: Path, settings: Settings) -> PreparedData:
    described = _description(folder / DESCRIPTION)
    files = stored.entry(described, "files", dict)
    if not set(files) <= {*PARTS, *(f"{name}_targets" for name in PARTS), *ARRAYS}:
        raise stored.damaged("files", "arrays that are known", sorted(files))
    held = {name: _mapped(folder, name, facts) for name, facts in files.items()}
    hashes = _hashes(held, settings.memory)
    if _contents(held, hashes) != described["contents"]:
        raise ModelFileError(f"{folder} holds other numbers than were written")
    preset = stored.word(described, "preset", tuple(PRESETS))
    task, rows = stored.entry(described, "task", str), stored.entry(described, "rows", int)
    settings = settings.with_preset(preset, task, rows)
    features = FeaturePreprocessor.from_dict(stored.entry(described, "features", dict))
    targets = TargetEncoder.from_dict(stored.entry(described, "targets", dict))

    def part(name: str) -> Part | None:
        if name not in held:
            return None
        return Part(within(held[name], settings.memory), np.array(held[f"{name}_targets"]))

    train = part("train")
    if train is None:
        raise stored.damaged("files", "the training rows among them", sorted(files))
    folds, train_hashes = (np.array(held[each]) if each in held else None for each in ARRAYS)
    stacked = None
    if "stacked" in held:
        assert folds is not None
        repeated = np.concatenate([train.targets] * (int(folds.max()) + 1))
        stacked = Part(within(held["stacked"], settings.memory), repeated)
    weights = class_weights(settings.class_weight, targets, train.targets)
    notes = list(stored.entry(described, "notes", list))
    name = stored.entry(described, "name", str)
    target_name = stored.entry(described, "target_name", (str, type(None)))
    data = PreparedData(
        name,
        settings,
        train,
        part("validation"),
        part("test"),
        features,
        targets,
        weights,
        features.image_shape,
        folds,
        target_name,
        notes,
        train_hashes,
        stacked,
    )
    known = {name: hashes[name] for name in ("train", "validation", "test") if name in hashes}
    if train_hashes is not None:
        known["train"] = train_hashes
    vars(data)["known_rows"] = KnownRows.of(known)  # the rows were read for them already
    return data


def _contents(held: dict[str, np.ndarray], hashes: dict[str, np.ndarray]) -> str:
    """Return what tells the contents of all arrays from any others."""
    total = hashlib.sha256(fingerprint(hashes).encode())
    for name in ARRAYS:
        if name in held:
            total.update(np.ascontiguousarray(held[name]).data)
    return total.hexdigest()


def _hashes(held: dict[str, np.ndarray], memory: str) -> dict[str, np.ndarray]:
    """Return the hashes of each part's rows, read rather than mapped where they are many: a page
    that is mapped counts as the process's own.
    """
    hashes = {}
    for name in PARTS:
        if name in held:
            beside = () if name == "stacked" else (held[f"{name}_targets"],)
            hashes[name] = row_hashes(within(held[name], memory), *beside)
    return hashes


def _parts(data: PreparedData) -> dict[str, Part | None]:
    return {**data.parts, "stacked": data.stacked}


def _file_of(matrix: Matrix, space: Workspace) -> Path:
    """Return the file in the workspace that holds a matrix alone, which is written if need be."""
    if isinstance(matrix, MappedRows):
        path, is_whole = Path(matrix.reader.path), matrix.is_whole
    else:
        # A view of a file, or a copy, is not the file.
        is_whole = isinstance(matrix, np.memmap) and isinstance(matrix.base, mmap)
        path = Path(str(matrix.filename)) if isinstance(matrix, np.memmap) else Path()
    if is_whole and path.parent == space.folder:
        return path
    rows, columns = matrix.shape
    blocks = (block for _, block in row_chunks(matrix))
    written = space.write((rows, columns), matrix.dtype, blocks, "the rows of a split")
    return Path(str(written.filename))


def _facts(matrix: Matrix) -> dict[str, Any]:
    return {"shape": list(matrix.shape), "dtype": matrix.dtype.str}


def _mapped(folder: Path, name: str, facts: Any) -> np.ndarray:
    """Return an array of the folder, mapped, if it is what the description says."""
    path = folder / f"{name}.npy"
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if _facts(array) != facts or array.dtype.hasobject:
        raise ModelFileError(f"{path} is {_facts(array)}, not {facts}")
    return array


def _description(path: Path) -> dict[str, Any]:
    if path.stat().st_size > LARGEST_DESCRIPTION:
        raise ModelFileError(f"{path} is too large for a description")
    found = json.loads(path.read_text(encoding="utf-8"))
    described = stored.entry(found, "description", dict)
    if found.get("digest") != _digest(described):
        raise ModelFileError(f"{path} was changed")
    if described.get("version") != KEPT_VERSION:
        raise ModelFileError(f"{path} is of version {described.get('version')!r}")
    return described


def _digest(described: dict[str, Any]) -> str:
    text = json.dumps(described, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _remove_others(folder: Path, names: set[str]) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            for each in path.iterdir():
                each.unlink()
            path.rmdir()
        elif path.name not in names:
            path.unlink()
