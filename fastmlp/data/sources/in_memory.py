"""Data in a program's memory as a source: a frame with its target, or features and target."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.data import tables
from fastmlp.data.readings.target import target_values
from fastmlp.data.source import Source
from fastmlp.data.tables import TableOptions
from fastmlp.errors import DataError, UsageError

from .arrays import as_target, source_of_arrays
from .datasets import NAMES
from .incoming import as_features, as_frame
from .series import is_of, plain_array, to_series

NAME = "data in memory"


def is_place(given: Any) -> bool:
    """Return whether data are a data set's name, a path or a pair of paths; not data themselves."""
    parts = given if isinstance(given, (list, tuple)) and len(given) == 2 else [given]
    return all(isinstance(part, (str, Path)) for part in parts)


def place(given: str | Path | list | tuple) -> str:
    """Return the text by which ``loading.load`` finds data that are given by name."""
    if isinstance(given, (list, tuple)):
        return ",".join(map(place, given))
    # A path is never a data set's name.
    return f"./{given}" if isinstance(given, Path) and str(given) in NAMES else str(given)


def is_pair(given: Any) -> bool:
    """Return whether data in memory are features and target apart."""
    return isinstance(given, tuple) and len(given) == 2 and not is_place(given)


def as_source(
    given: Any,
    target: str | int | None = None,
    need_target: bool = True,
    options: TableOptions | None = None,
) -> Source:
    """Return data in memory as a source.

    Parameters
    ----------
    given
        A pair of features, as ``as_features`` takes them, and target: an array, a list, a series or
        a frame; or a frame, a dict of columns or a list of dicts with the target in it. Without a
        need for a target, features alone.
    target, need_target
        As for ``load_table``, of a frame with the target in it.
    options
        How a frame is read.

    Raises
    ------
    UsageError
        If there is no target but should be, or something else is given.
    DataError
        If rows or values cannot be used.
    """
    if isinstance(given, Source):
        return given
    if is_pair(given):
        features, values = given
        return _of_pair(features, values, need_target, options)
    frame = as_frame(given)
    if frame is not None:
        return _of_frame(frame, target, need_target, options)
    features = as_features(given)
    if need_target:
        raise UsageError(
            f"data of type {type(given).__name__} have no target; give a pair of features and "
            "target, (X, y), or a frame with target='name'."
        )
    return _of_features(features, options)


def _of_frame(
    frame: Any, target: str | int | None, need_target: bool, options: TableOptions | None
) -> Source:
    """The one place where a frame in memory is read as a table."""
    tables.require_cells(frame, "the frame")
    return tables.source_of_frame(frame, NAME, target, need_target, options, where="the frame")


def _of_features(features: Any, options: TableOptions | None) -> Source:
    if isinstance(features, np.ndarray):
        return source_of_arrays(NAME, features, None, None)
    return _of_frame(features, None, False, options)


def _of_pair(features: Any, values: Any, need_target: bool, options: TableOptions | None) -> Source:
    source = _of_features(as_features(features), options)
    if values is None and not need_target:
        return source
    labels, name = _target(values)
    return replace(source, target=labels, target_name=name)


def _target(values: Any) -> tuple[np.ndarray, str | None]:
    """Return a target, (rows,) or (rows, outputs), and its name."""
    if is_of("pandas", values, "Series") or is_of("polars", values, "Series"):
        name = None if values.name in (None, "") else str(values.name)
        return _labels(values, name), name
    frame = as_frame(values)
    if frame is not None:
        columns = [_labels(column, column.name) for column in frame]
        if len(columns) == 1:
            return columns[0], frame.columns[0]
        if not columns or any(column.dtype.kind not in "buif" for column in columns):
            raise DataError("a target of several columns must hold numbers or truth values alone.")
        return np.stack(columns, axis=1), None
    if isinstance(values, (str, Path)) or not hasattr(values, "__len__"):
        raise UsageError(
            f"a target of type {type(values).__name__} cannot be used; give a value for each row, "
            "as an array, a list or a series; or a frame with target='name'."
        )
    array = plain_array(values, "the target")
    if array.dtype.kind == "O" and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind == "O" and array.ndim == 1:
        return _labels(array, None), None
    return as_target(NAME, array), None


def _labels(values: Any, name: str | None) -> np.ndarray:
    """Return a target of one column, in which nothing may be missing."""
    series = to_series(name or "target", values)
    if series.null_count():
        raise DataError(
            f"the target {series.name!r} lacks {series.null_count():,} of {len(series):,} values; "
            "leave those rows out."
        )
    return target_values(series)
