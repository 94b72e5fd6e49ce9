"""NumPy files: .npz archives, and .npy files that are read in place."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np

from fastmlp.data.mapped.reader import Stored
from fastmlp.data.mapped.rewritten import in_row_order
from fastmlp.data.mapped.rows import MappedRows, Matrix
from fastmlp.data.memory import in_units, memory_budget, require_memory
from fastmlp.data.source import Source
from fastmlp.errors import DataError, did_you_mean

FEATURE_KEYS = ("X", "x", "features", "data", "images")
TARGET_KEYS = ("y", "Y", "target", "targets", "label", "labels")
SPLIT_FEATURE_KEYS = ("x", "X")
EXACT_IN_FLOAT32 = 2**24
# Of an array that NumPy can still convert to a type of eight times as many bytes.
MOST_SIZES, MOST_BYTES = 32, 2**59
LONGEST_SHOWN = 120  # letters


def load_npz(path: Path, target: str | int | None = None, need_target: bool = True) -> Source:
    """Read an archive of arrays: features and target, or x_train, y_train, x_test and y_test.

    Parameters
    ----------
    path
        The .npz file. Features are looked for under X, x, features, data or images, the target
        under y, Y, target, targets, label or labels.
    target
        Name of the target array, if it is called otherwise.
    need_target
        Whether a lacking target is an error.

    Raises
    ------
    DataError
        If the file is damaged, holds Python objects, or lacks the arrays.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = (name for name in archive.namelist() if name.endswith(".npy"))
            members = {name.removesuffix(".npy"): name for name in names}
            wanted = _choose_keys(path, list(members), target, need_target)
            keys = [key for key in wanted if key is not None]
            read = {key: _read_member(archive, members[key], path) for key in keys}
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise _unreadable(path, error) from None
    labels, test_features, test_labels = (None if key is None else read[key] for key in wanted[1:])
    test = None
    if test_features is not None:
        test = source_of_arrays(f"{path.stem} test", test_features, test_labels, wanted[3])
    return source_of_arrays(path.stem, read[wanted[0]], labels, wanted[1], test)


def load_npy(path: Path, target_path: Path | None, memory: str = "auto") -> Source:
    """Read a file of features and a file of the target, mapped into memory rather than read.

    Features that take more bytes than ``memory``, a setting, stay in their file: as MappedRows.
    """
    features, budget = _place(path), memory_budget(memory)
    notes: tuple[str, ...] = ()
    size = max(features.nbytes, _bytes_as_numbers(features))
    if size > budget:
        notes = (
            f"{path} holds {in_units(size)}, and the data may take {in_units(budget)} "
            f"of memory ({memory}): its rows are read as they are needed.",
        )
        if not features.rows_lie_together:
            features = in_row_order(_map(path), budget)
            notes += (f"{path} holds column after column: its rows were written to a file aside.",)
    matrix = features if notes else _map(path)
    labels = None if target_path is None else _map(target_path)
    name = None if target_path is None else target_path.stem
    source = source_of_arrays(path.stem, matrix, labels, name, memory=budget)
    return replace(source, notes=(*notes, *source.notes))


def source_of_arrays(
    name: str,
    features: np.ndarray | Stored,
    target: np.ndarray | None,
    target_name: str | None,
    test: Source | None = None,
    memory: int = 0,
) -> Source:
    """Return a source of arrays: images are flattened, types unknown to the kernels converted.

    Parameters
    ----------
    name, target_name, test
        As in Source.
    features
        (rows,), (rows, columns), (rows, height, width), or (rows, height, width, channels), the
        channels last or first; or where such an array lies, to be left there.
    target
        (rows,), (rows, outputs) or None.
    memory
        Bytes that features may take that are left in their file.

    Raises
    ------
    DataError
        If a shape or type cannot be used.
    """
    matrix, image_shape, notes = _as_matrix(name, features, memory)
    return Source(
        name=name,
        features=matrix,
        target=None if target is None else as_target(name, target),
        target_name=None if target is None else target_name,
        image_shape=image_shape,
        test=test,
        notes=notes,
    )


def _choose_keys(
    path: Path, keys: list[str], target: str | int | None, need_target: bool
) -> tuple[str, str | None, str | None, str | None]:
    """Return the keys of features, target, test features and test target; None if missing."""
    for letter in SPLIT_FEATURE_KEYS:
        if f"{letter}_train" in keys:
            features = f"{letter}_train"
            test = _first((f"{letter}_test",), keys)
            labels, test_labels = (
                _first((f"y_{part}", f"Y_{part}"), keys) for part in ("train", "test")
            )
            break
    else:
        features = _first([key for key in FEATURE_KEYS if key != target], keys)
        labels, test, test_labels = _first(TARGET_KEYS, keys), None, None
    if features is None:
        found = ", ".join(sorted(keys)[:10]) or "none"
        raise DataError(
            f"{path} holds no features: it has the arrays {found}; call them X (and the target y)."
        )
    if isinstance(target, str) and target in keys:
        labels = target
    elif target is not None and need_target:
        raise DataError(
            f"{path} has no array {target!r} for the target{did_you_mean(str(target), keys)}"
        )
    if labels is None and need_target:
        raise DataError(
            f"{path} holds no target; call its array one of {', '.join(TARGET_KEYS)}, or y_train "
            "beside x_train."
        )
    return features, labels, test, test_labels


def _first(wanted: Iterable[str], keys: list[str]) -> str | None:
    return next((key for key in wanted if key in keys), None)


def _read_member(archive: zipfile.ZipFile, member: str, path: Path) -> np.ndarray:
    what = f"{path} ({member.removesuffix('.npy')})"
    size = archive.getinfo(member).file_size
    with archive.open(member) as file:
        shape, _, dtype = _read_npy_header(file, what)
        wanted = math.prod(shape) * dtype.itemsize
        if wanted != size - file.tell():
            raise DataError(
                f"{what} is damaged: its shape {_shown(shape)} does not fit the {size:,} bytes "
                "stored."
            )
        require_memory(wanted, what)
    with archive.open(member) as file:
        return _read_checked(lambda: np.lib.format.read_array(file, allow_pickle=False), what)


def _place(path: Path) -> Stored:
    """Return where the array of a file lies in it."""
    try:
        with path.open("rb") as file:
            shape, fortran, dtype = _read_npy_header(file, str(path))
            place = Stored(str(path), file.tell(), shape, dtype, not fortran or len(shape) < 2)
            held = path.stat().st_size - file.tell()
    except OSError as error:
        raise _unreadable(path, error) from None
    if place.nbytes > held:
        raise DataError(
            f"{path} is damaged: its shape {_shown(shape)} does not fit the {held:,} bytes stored."
        )
    return place


def _map(path: Path) -> np.ndarray:
    mode = "r" if _place(path).nbytes else None  # an empty file cannot be mapped
    return _read_checked(lambda: np.load(path, mmap_mode=mode, allow_pickle=False), str(path))


def _read_npy_header(file: IO[bytes], what: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    def read():
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(file)
        if version == (2, 0):
            return np.lib.format.read_array_header_2_0(file)
        raise ValueError(f"version {version} of the format")

    shape, fortran, dtype = _read_checked(read, what)
    if dtype.hasobject:
        raise DataError(
            f"{what} holds Python objects, which are not read as they could run code; save numbers "
            "or texts."
        )
    # A size of 0 hides the others from their product, but not from NumPy: an array may not even
    # span too many bytes.
    spanned = math.prod(max(size, 1) for size in shape) * dtype.itemsize
    if len(shape) > MOST_SIZES or any(size < 0 for size in shape) or spanned > MOST_BYTES:
        raise DataError(
            f"{what} is damaged: its shape is {_shown(shape)}, of {dtype.itemsize:,} bytes each."
        )
    if dtype.itemsize == 0:
        raise DataError(
            f"{what} holds values of no bytes ({_shown(dtype)}); save numbers or texts."
        )
    return shape, fortran, dtype


def _read_checked(read, what: str):
    """Call ``read`` and turn whatever a damaged file makes NumPy raise into a DataError."""
    try:
        return read()
    except DataError:
        raise
    except Exception as error:  # NumPy parses the header as Python, which fails in many ways
        reason = _shown((str(error) or type(error).__name__).splitlines()[0])
        raise DataError(f"{what} is not a readable NumPy array: {reason}.") from None


def _shown(value: object) -> str:
    """Return a part of a header as a message may show it: it may be thousands of letters long."""
    text = str(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return DataError(f"{path} cannot be read: {reason}.")


def _as_matrix(
    name: str, features: np.ndarray | Stored, memory: int
) -> tuple[Matrix, tuple[int, ...] | None, tuple[str, ...]]:
    if features.dtype.kind not in "buif":
        raise DataError(f"{name}: features of type {features.dtype} cannot be used; give numbers.")
    shape = features.shape
    if not 1 <= len(shape) <= 4 or 0 in shape:
        raise DataError(
            f"{name}: features of shape {shape} cannot be used; give rows by columns, or "
            "rows of images."
        )
    notes: tuple[str, ...] = ()
    is_moved = len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3, 4)
    if is_moved:
        notes = ("the images' channels come first; they were moved to the end.",)
        shape = (shape[0], *shape[2:], shape[1])
    image_shape = shape[1:] if len(shape) > 2 else None
    if image_shape is not None and image_shape[2:] == (1,):
        image_shape = image_shape[:2]
    if isinstance(features, Stored):
        return _as_mapped(features, memory, is_moved), image_shape, notes
    if is_moved:
        features = np.moveaxis(features, 1, 3)
    matrix = _as_number_type(name, features.reshape(len(features), -1))
    return matrix if matrix.flags.c_contiguous else np.ascontiguousarray(matrix), image_shape, notes


def _as_mapped(features: Stored, memory: int, is_moved: bool) -> MappedRows:
    """Return rows that stay in their file, and become as ``_as_matrix`` has them when read."""
    rows, shape = MappedRows.of(features, memory), features.shape

    def moved(block: np.ndarray) -> np.ndarray:
        return np.moveaxis(block.reshape(-1, *shape[1:]), 1, 3).reshape(len(block), -1)

    if is_moved:
        rows = rows.converted(moved, rows.shape[1], rows.dtype)
    if rows.dtype == bool:
        return rows.converted(lambda block: block.view(np.uint8), rows.shape[1], np.dtype(np.uint8))
    if _is_read_by_kernels(rows.dtype):
        return rows
    ends = np.array([[part.min(), part.max()] for _, part in rows.pieces()])
    wanted = _number_type(rows.dtype, ends.min(), ends.max())
    return rows.converted(lambda block: block.astype(wanted), rows.shape[1], wanted)


def _as_number_type(name: str, matrix: np.ndarray) -> np.ndarray:
    """Return uint8, float32 or float64: a type that kernels read, wide enough for the values."""
    if matrix.dtype == bool:
        return matrix.view(np.uint8)
    if _is_read_by_kernels(matrix.dtype):
        return matrix
    wanted = _number_type(matrix.dtype, matrix.min(), matrix.max())
    require_memory(matrix.size * wanted.itemsize, name)
    return matrix.astype(wanted)


def _is_read_by_kernels(dtype: np.dtype) -> bool:
    return dtype in (np.uint8, np.float32, np.float64) and dtype.isnative


def _bytes_as_numbers(stored: Stored) -> int:
    """Return how many bytes an array takes at least as numbers that kernels read."""
    if stored.dtype == bool or _is_read_by_kernels(stored.dtype):
        return stored.nbytes
    narrowest = np.dtype(np.float64 if stored.dtype.itemsize > 4 else np.float32)
    narrowest = np.dtype(np.float32) if stored.dtype.kind in "ui" else narrowest
    return math.prod(stored.shape) * narrowest.itemsize


def _number_type(dtype: np.dtype, lowest: np.number, highest: np.number) -> np.dtype:
    """Return float32 or float64, whichever numbers of another type become."""
    if dtype.kind in "ui":
        is_exact = max(abs(int(lowest)), abs(int(highest))) <= EXACT_IN_FLOAT32
        return np.dtype(np.float32 if is_exact else np.float64)
    return np.dtype(np.float32 if dtype.itemsize <= 4 else np.float64)


def as_target(name: str, target: np.ndarray) -> np.ndarray:
    """Return int64, float64, bool or str (rows,) or (rows, outputs), or raise a DataError."""
    letter = 4 if target.dtype.kind == "S" else 1  # bytes that one byte becomes
    require_memory(target.size * max(8, letter * target.dtype.itemsize), name)
    if target.dtype.kind == "S":
        try:
            target = np.char.decode(target, "utf-8")
        except UnicodeDecodeError:
            raise DataError(f"{name}: the target's texts are not UTF-8.") from None
    if target.dtype.kind not in "buifU":
        raise DataError(
            f"{name}: a target of type {target.dtype} cannot be used; give numbers, texts or truth "
            "values."
        )
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if target.ndim not in (1, 2):
        raise DataError(
            f"{name}: a target of shape {target.shape} cannot be used; give one value, or one row "
            "of values, a row."
        )
    wide = {"u": np.int64, "i": np.int64, "f": np.float64}
    wanted = wide.get(target.dtype.kind)
    if target.dtype == np.uint64 and target.size and target.max() > np.iinfo(np.int64).max:
        wanted = np.float64
    return np.array(target, wanted or target.dtype.newbyteorder("="))
