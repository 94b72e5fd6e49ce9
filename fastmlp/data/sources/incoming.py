"""A program's data become features: frames, dicts, lists, arrays and tensors."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.data.mapped.rows import MappedRows, Matrix
from fastmlp.data.memory import require_memory
from fastmlp.data.source import numbered_names
from fastmlp.errors import DataError, MissingExtraError, UsageError, did_you_mean

from .series import is_of, plain_array, to_series

if TYPE_CHECKING:
    import polars

ACCEPTED = (
    "an array or tensor, a pandas or polars frame, an Arrow table, a dict of columns, a list of "
    "rows, or one row"
)


def as_features(
    given: Any, width: int | None = None, names: tuple[str, ...] | None = None
) -> Matrix | polars.DataFrame:
    """Return rows of features as the preprocessing takes them.

    Parameters
    ----------
    given
        Rows as an array (NumPy, sparse, a tensor), a frame (pandas, polars, lazy, Arrow), a dict of
        columns, a list of rows or of dicts; or one row as a 1-D array, a flat list, a dict of
        single values or a series.
    width
        How many columns a row has. Without it a 1-D array is one column rather than one row.
    names
        The columns' names, if they have names. Other columns of a frame or dict are then left out
        unread.

    Returns
    -------
    numpy.ndarray, MappedRows or polars.DataFrame
        (rows, columns) of numbers, rows that stay in their file as they are; or a frame, where
        columns have names of their own or are not all numbers. Without a ``width`` an array may
        have from one to four dimensions.

    Raises
    ------
    UsageError
        If it is none of these.
    DataError
        If a value cannot be used, a column of ``names`` is missing, or a single row has another
        length.
    """
    if isinstance(given, MappedRows):
        return given
    frame = as_frame(given, names)
    if frame is not None:
        return frame
    if is_of("pandas", given, "Series") or is_of("polars", given, "Series"):
        return _of_series(given, width, names)
    if isinstance(given, (list, tuple)):
        return _of_list(given, width, names)
    not_rows = (str, bytes, PathLike, set, frozenset, type(None))
    if isinstance(given, not_rows) or callable(given):
        raise _not_features(given)
    if hasattr(given, "toarray") and hasattr(given, "nnz"):  # sparse
        size = int(np.prod(given.shape)) * given.dtype.itemsize
        require_memory(size, "the sparse matrix, made dense,")
        given = given.toarray()
    array = plain_array(given, "the features")
    if array.ndim == 0:
        raise _not_features(given)
    return _of_array(array, width, names)


def as_frame(given: Any, names: tuple[str, ...] | None = None) -> polars.DataFrame | None:
    """Return what has named columns as a polars frame, None for all else; see ``as_features``."""
    if is_of("polars", given, "DataFrame"):
        return given
    if is_of("polars", given, "LazyFrame"):
        return _collected(given, names)
    if is_of("pandas", given, "DataFrame"):
        kinds = set(given.dtypes)
        if len(kinds) == 1 and isinstance(kind := kinds.pop(), np.dtype) and kind.kind in "buif":
            return _of_matrix(given.columns, given.to_numpy(), names)
        return _of_columns(given.columns, lambda position: given.iloc[:, position], names)
    if isinstance(given, Mapping):
        return _of_dict(given, names)
    is_list = isinstance(given, (list, tuple)) and len(given) > 0
    if is_list and all(isinstance(row, Mapping) for row in given):
        keys = list(dict.fromkeys(key for row in given for key in row))
        return _of_columns(keys, lambda position: [row.get(keys[position]) for row in given], names)
    if isinstance(given, np.ndarray) and given.dtype.names is not None:
        rows, keys = np.atleast_1d(given), given.dtype.names
        return _of_columns(keys, lambda position: rows[keys[position]], names)
    is_series = is_of("polars", given, "Series") or is_of("pandas", given, "Series")
    is_arrow = hasattr(given, "__arrow_c_stream__") or hasattr(given, "__arrow_c_array__")
    return _of_arrow(given) if is_arrow and not is_series else None


def _of_columns(
    columns: Iterable[Any], column: Callable[[int], Any], names: tuple[str, ...] | None
) -> polars.DataFrame:
    """Return the columns, or those of ``names``, as a frame whose names are texts."""
    polars = _polars()
    wanted = _wanted(columns, names)
    series = [to_series(name, column(position)) for name, position in wanted.items()]
    _check_lengths(series)
    return polars.DataFrame(series)


def _of_matrix(
    columns: Iterable[Any], matrix: np.ndarray, names: tuple[str, ...] | None
) -> polars.DataFrame:
    """Return the columns of a matrix of numbers, as ``_of_columns`` would, at once."""
    wanted = _wanted(columns, names)
    chosen = matrix if names is None else matrix[:, list(wanted.values())]
    return _polars().DataFrame(chosen, schema=list(wanted), orient="row", nan_to_null=True)


def _wanted(columns: Iterable[Any], names: tuple[str, ...] | None) -> dict[str, int]:
    """Return the columns that are wanted, as texts, and where each stands."""
    found: dict[str, int] = {}
    for position, name in enumerate(map(str, columns)):
        if name in found:
            raise DataError(
                f"the column {name!r} occurs twice; give each column a name of its own."
            )
        found[name] = position
    if names is None:
        return found
    for name in names:
        if name not in found:
            hint = did_you_mean(name, found)
            raise DataError(
                f"the data has no column {name!r}, which the model was trained on{hint}"
            )
    return {name: found[name] for name in names}


def _check_lengths(series: Sequence[polars.Series]) -> None:
    for each in series:
        if len(each) != len(series[0]):
            raise DataError(
                f"the column {each.name!r} has {len(each):,} values and {series[0].name!r} has "
                f"{len(series[0]):,}; they must be as many."
            )


def _of_dict(given: Mapping, names: tuple[str, ...] | None) -> polars.DataFrame:
    """Return a dict of columns, single values repeated; a dict of single values alone is a row."""
    keys, values = list(given), list(given.values())
    lengths = [len(value) for value in values if not _is_single(value)]
    rows = lengths[0] if lengths else 1

    def column(position: int) -> Any:
        value = values[position]
        return [value] * rows if _is_single(value) else value

    return _of_columns(keys, column, names)


def _is_single(value: Any) -> bool:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        return True
    return getattr(value, "ndim", 1) == 0


def _collected(lazy: polars.LazyFrame, names: tuple[str, ...] | None) -> polars.DataFrame:
    polars = _polars()
    try:
        if names is not None:
            lazy = lazy.select(list(_wanted(lazy.collect_schema().names(), names)))
        return lazy.collect()
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, OSError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"the lazy frame cannot be collected: {reason}.") from None


def _of_arrow(given: Any) -> polars.DataFrame:
    polars = _polars()
    try:
        return polars.DataFrame(given)
    except Exception as error:  # whatever a foreign class raises while it is converted
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(
            f"the {type(given).__name__} cannot be read as a table: {reason}."
        ) from None


def _of_series(
    given: Any, width: int | None, names: tuple[str, ...] | None
) -> np.ndarray | polars.DataFrame:
    """Return a series as one row, by the names in its index if any; without ``width`` a column."""
    if width is None:
        return to_series(str(given.name or numbered_names(1)[0]), given).to_frame()
    if is_of("polars", given, "Series"):
        if given.dtype == _polars().Struct:
            return given.struct.unnest()
        return _one_row(given.to_list(), width, names)
    labels = [str(label) for label in given.index]
    if names is not None and not set(labels).isdisjoint(names):
        return _of_columns(labels, lambda position: [given.iloc[position]], names)
    return _one_row(given.tolist(), width, names)


def _of_list(
    given: Sequence, width: int | None, names: tuple[str, ...] | None
) -> np.ndarray | polars.DataFrame:
    if not len(given):
        return np.zeros((0, width or 0))
    if not any(hasattr(row, "__len__") and not isinstance(row, (str, bytes)) for row in given):
        return _one_row(given, width, names) if width is not None else _of_cells(given)
    if all(isinstance(row, (list, tuple)) for row in given):
        lengths = {len(row) for row in given}
        if len(lengths) > 1:
            raise DataError(
                f"the rows have from {min(lengths):,} to {max(lengths):,} values; all must have as "
                "many."
            )
        if names is not None and lengths == {len(names)}:
            return _of_columns(names, list(zip(*given, strict=True)).__getitem__, names)
        return _of_array(_of_cells(given), width, names)
    if any(is_of(package, row, "Series") for row in given for package in ("pandas", "polars")):
        return _of_list([list(row) for row in given], width, names)
    return _of_array(plain_array(given, "the features"), width, names)


def _of_cells(given: Sequence) -> np.ndarray:
    """Return numbers as float64, anything else as objects."""
    try:
        cells = np.array(given)
        if cells.dtype.kind in "buif" and cells.dtype.itemsize <= 8:
            return cells.astype(np.float64)
        return np.array(given, dtype=object)
    except ValueError:
        raise DataError("the features must be rows of single values, all of one length.") from None


def _one_row(
    values: Sequence, width: int, names: tuple[str, ...] | None
) -> np.ndarray | polars.DataFrame:
    if len(values) != width:
        remedy = "give several rows as a list of rows"
        if width == 1:
            remedy = "give a column as rows of one value each"
        raise DataError(
            f"one row of {len(values):,} values was given; a row has {width:,}. Else {remedy}."
        )
    if names is not None and len(names) == width:
        return _of_columns(names, lambda position: [values[position]], names)
    return _of_array(_of_cells([list(values)]), width, names)


def _of_array(
    array: np.ndarray, width: int | None, names: tuple[str, ...] | None
) -> np.ndarray | polars.DataFrame:
    if array.dtype.kind == "c":
        raise DataError(f"features of type {array.dtype} cannot be used; give numbers.")
    if width is not None and array.ndim == 1:
        if array.size and (array.size != width or array.dtype.kind not in "buif"):
            return _one_row(array.tolist(), width, names)
        array = array.reshape(-1, width)
    elif width is not None and array.ndim > 2:
        array = _flattened(array)
    if array.dtype.kind in "buif":
        return array
    if array.dtype.kind not in "OUMm" or array.ndim > 2:
        raise DataError(
            f"features of type {array.dtype} and shape {array.shape} cannot be used; give numbers."
        )
    columns = array.reshape(len(array), -1)
    width = columns.shape[1]
    chosen = names if names is not None and len(names) == width else numbered_names(width)
    return _of_columns(chosen, lambda position: columns[:, position], chosen)


def _flattened(array: np.ndarray) -> np.ndarray:
    """Return pictures (rows, height, width[, channels]), channels last or first, as rows."""
    from .arrays import source_of_arrays

    if 0 in array.shape:
        return array.reshape(len(array), int(np.prod(array.shape[1:])))
    features = source_of_arrays("the data", array, None, None).features
    assert isinstance(features, np.ndarray)  # of an array
    return features


def _polars() -> Any:
    if importlib.util.find_spec("polars") is None:
        raise MissingExtraError("reading tables", "polars", "tables")
    import polars

    return polars


def _not_features(given: Any) -> UsageError:
    hint = ""
    if isinstance(given, (str, PathLike)):
        hint = " fastmlp.predict and fastmlp.evaluate read files."
    return UsageError(
        f"data of type {type(given).__name__} cannot be taken as features; give {ACCEPTED}.{hint}"
    )
