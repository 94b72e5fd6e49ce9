"""Tables as sources: CSV, TSV, Parquet and Arrow files read with polars, and the target split off."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastmlp.data.columns import is_text, to_texts
from fastmlp.data.delimited import read_delimited
from fastmlp.data.memory import require_memory
from fastmlp.data.source import Source
from fastmlp.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import polars

DELIMITED_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
ARROW_SUFFIXES = (".arrow", ".feather", ".ipc")
SUFFIXES = (*DELIMITED_SUFFIXES, ".parquet", *ARROW_SUFFIXES)
USUAL_TARGETS = ("label", "target")
FEWEST_PIXELS = 64
LONGEST_LABEL = 1000
FEWEST_BYTES_A_VALUE = 4


def is_table_name(path: Path) -> bool:
    """Tell from its name whether a file is a table."""
    return path.name.lower().endswith(SUFFIXES)


def load_table(
    path: Path,
    target: str | int | None = None,
    need_target: bool = True,
    text_columns: tuple[str, ...] = (),
) -> Source:
    """Read a table and split its target off.

    Parameters
    ----------
    path
        The file; its name says the format.
    target
        The target column's name, or its position from 0, from the end if negative. Without it a column called label or
        target, else the last column.
    need_target
        Whether the target must be there. If not, only a given ``target`` is split off, and only where the table has it.
    text_columns
        Columns whose values are texts even where they look like numbers.

    Returns
    -------
    Source
        Features as a frame; or as uint8 rows of pixels if the columns are a square count, at least 64, of integers from
        0 to 255.

    Raises
    ------
    DataError
        If the table is empty, damaged, or lacks the target.
    """
    table = read_table(path, text_columns)
    return source_of_frame(table.frame, path.stem, target, need_target, str(path), table.notes)


def source_of_frame(
    frame: polars.DataFrame,
    stem: str,
    target: str | int | None = None,
    need_target: bool = True,
    path: str = "the frame",
    notes: tuple[str, ...] = (),
) -> Source:
    """Return a frame, read from a file or given in memory, as a source with its target split off.

    Parameters
    ----------
    frame
        At least one row and one column.
    stem
        The source's name.
    target, need_target
        As for ``load_table``.
    path
        What messages call the frame.
    notes
        Of its reading.
    """
    name = _target_column(frame, path, target, need_target)
    if name is None:
        return _source(stem, frame, None, None, notes)
    if target is None and name != frame.columns[-1]:
        notes = (*notes, f"column {name!r} is taken as the target.")
    missing = _missing(frame[name])
    if missing.any() and need_target:
        frame = frame.filter(~missing)
        notes = (*notes, f"{missing.sum():,} rows without a value in the target {name!r} were left out.")
        if not frame.height:
            raise DataError(f"{path} has no row with a value in the target {name!r}; name another column as target.")
    elif missing.any():
        notes = (*notes, f"the target {name!r} lacks values and is not compared with the predictions.")
        return _source(stem, frame.drop(name), None, None, notes)
    if frame.width == 1:
        raise DataError(f"{path} has the column {name!r} only; a table needs features beside the target.")
    return _source(stem, frame.drop(name), target_values(frame[name]), name, notes)


def load_pair(features_path: Path, labels_path: Path) -> Source:
    """Read features and labels from two tables, whose rows belong together in order or by equal index columns.

    Parameters
    ----------
    features_path
        One row an example; its first column is an index if the labels have one.
    labels_path
        The label alone, or an index and the label.

    Raises
    ------
    DataError
        If the tables differ in length or in their indices.
    """
    features, labels = read_table(features_path), read_table(labels_path)
    frame, given = features.frame, labels.frame
    if given.width > 2:
        raise DataError(f"{labels_path} has {given.width:,} columns; it may have the label, or an index and the label.")
    if given.height != frame.height:
        raise DataError(
            f"{features_path} has {frame.height:,} rows and {labels_path} {given.height:,}; they must be as many."
        )
    if given.width == 2:
        first, second = frame.to_series(0), given.to_series(0)
        differ = to_texts(first).ne_missing(to_texts(second))
        if differ.any():
            row = differ.arg_max()
            raise DataError(
                f"the indices of {features_path} and {labels_path} differ first in row {row + 1:,}: "
                f"{first[row]} and {second[row]}."
            )
        frame = frame.drop(first.name)
    label = given.to_series(given.width - 1)
    if label.null_count():
        raise DataError(f"{labels_path} lacks {label.null_count():,} labels; leave those rows out of both tables.")
    if not frame.width:
        raise DataError(f"{features_path} has no columns beside the index.")
    return _source(features_path.stem, frame, target_values(label), label.name, features.notes + labels.notes)


@dataclass(frozen=True)
class Table:
    """A frame with at least one row and column, and the notes of its reading."""

    frame: polars.DataFrame
    notes: tuple[str, ...]


def read_table(path: Path, text_columns: tuple[str, ...] = ()) -> Table:
    """Read a whole table; see ``load_table`` for the formats and errors."""
    name, notes = path.name.lower(), ()
    if name.endswith(DELIMITED_SUFFIXES):
        frame, notes = read_delimited(path, text_columns)
    else:
        frame = _read_binary(path)
    require_cells(frame, str(path))
    return Table(frame, notes)


def require_cells(frame: polars.DataFrame, path: str) -> None:
    """Raise a DataError if a frame has no rows or no columns."""
    if not frame.width or not frame.height:
        part = "columns" if not frame.width else "rows"
        raise DataError(f"{path} has no {part}; a table needs at least one row and one column.")


def _read_binary(path: Path) -> polars.DataFrame:
    import polars

    try:
        require_memory(2 * path.stat().st_size, str(path))
        if path.name.lower().endswith(".parquet"):
            lazy = polars.scan_parquet(path, glob=False, hive_partitioning=False)
        else:
            lazy = polars.scan_ipc(path.read_bytes())  # a path would be searched for * and [
        # A few bytes can stand for any number of equal values, so the count of rows is asked before they are unpacked.
        rows = lazy.select(polars.len()).collect().item()
        require_memory(rows * len(lazy.collect_schema()) * FEWEST_BYTES_A_VALUE, str(path))
        return lazy.collect()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{path} cannot be read as a table: {reason}.") from None


def _target_column(frame: polars.DataFrame, path: str, target: str | int | None, need_target: bool) -> str | None:
    columns = frame.columns
    if target is None:
        usual = [name for name in columns if name.lower() in USUAL_TARGETS]
        return (usual[0] if len(usual) == 1 else columns[-1]) if need_target else None
    if target in columns:
        return target
    try:
        position = int(target)
    except ValueError:
        if not need_target:
            return None
        raise DataError(f"{path} has no column {target!r} for the target{did_you_mean(target, columns)}") from None
    if not -len(columns) <= position < len(columns):
        raise DataError(
            f"{path} has no column at position {position}; it has {len(columns):,} columns, "
            "counted from 0 or, from the end, from -1."
        )
    return columns[position]


def _missing(series: polars.Series) -> polars.Series:
    missing = series.is_null()
    return missing | series.is_nan().fill_null(False) if series.dtype.is_float() else missing


def target_values(series: polars.Series) -> np.ndarray:
    """Return a target column without gaps as int64, float64, bool or str values."""
    import polars

    dtype = series.dtype
    if dtype == polars.Boolean:
        return series.to_numpy()
    if dtype.is_integer():
        fits = series.min() >= -(2**63) and series.max() < 2**63
        return series.cast(polars.Int64 if fits else polars.Float64).to_numpy()
    if dtype.is_numeric():
        return series.cast(polars.Float64).to_numpy()
    if is_text(series):
        texts = to_texts(series)
        longest = texts.str.len_chars().max()
        if longest > LONGEST_LABEL:
            raise DataError(
                f"the target {series.name!r} holds texts of up to {longest:,} characters; labels or numbers are needed."
            )
        require_memory(4 * longest * len(series), f"the target {series.name!r}")
        return np.array(texts.to_list(), dtype=str)
    raise DataError(f"the target {series.name!r} holds {dtype} values; labels, numbers or truth values are needed.")


def _source(
    name: str, frame: polars.DataFrame, target: np.ndarray | None, target_name: str | None, notes: tuple[str, ...]
) -> Source:
    pixels = _as_pixels(frame)
    side = math.isqrt(frame.width)
    return Source(
        name=name.removesuffix(".csv").removesuffix(".tsv").removesuffix(".txt"),  # what .csv.gz leaves
        features=frame if pixels is None else pixels,
        target=target,
        target_name=target_name,
        feature_names=tuple(frame.columns),
        image_shape=None if pixels is None else (side, side),
        notes=notes,
    )


def _as_pixels(frame: polars.DataFrame) -> np.ndarray | None:
    """Return a table of square pictures as uint8 (rows, pixels), or None if it is another table."""
    import polars

    square = frame.width >= FEWEST_PIXELS and math.isqrt(frame.width) ** 2 == frame.width
    if not square or not all(dtype.is_integer() for dtype in frame.dtypes):
        return None
    if any(series.null_count() or series.min() < 0 or series.max() > 255 for series in frame):
        return None
    return np.ascontiguousarray(frame.cast(polars.UInt8).to_numpy())
