"""Parquet, Arrow and Feather files as raw tables, without the index that pandas stores in them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from fastmlp.data.memory import require_memory
from fastmlp.errors import DataError

from .table import RawTable, Rows

if TYPE_CHECKING:
    import polars

FEWEST_BYTES_A_VALUE = 4
SAMPLE_ROWS = 1000
TEXT_BYTES = 16  # of a text's place
REMEDY = "give --cache-dir to read it in parts, or fewer rows"
Read = TypeVar("Read")
INDEX_NAME = re.compile(r"__index_level_\d+__")


def read_arrow(path: Path) -> RawTable:
    """Read a Parquet, Arrow or Feather file.

    Parameters
    ----------
    path
        The file; its name says the format.

    Raises
    ------
    DataError
        If it cannot be read, holds nothing, or needs more memory than there is.
    """
    frame, named = guarded(path, _read)
    index, notes = index_of(frame.columns, named)
    if index:
        frame = frame.drop(index)
    require_table(path, frame.width, frame.height)
    return RawTable(frame, notes, None, True, Rows())


def guarded(path: Path, read: Callable[[Path], Read]) -> Read:
    """Return what ``read`` makes of a file; a DataError tells that it cannot be read."""
    import polars

    try:
        return read(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{path} cannot be read as a table: {reason}.") from None


def index_of(columns: list[str], named: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the columns that are pandas' index and are to be left out, and notes on an index.

    ``named`` are those that pandas' metadata calls its index.
    """
    index = [name for name in columns if INDEX_NAME.fullmatch(name)]
    index = index if len(index) < len(columns) else []
    notes = ()
    if index:
        notes = (f"{', '.join(map(repr, index))} is the index of a pandas frame and was left out.",)
    for name in named:
        if name in columns and name not in index:
            notes = (
                *notes,
                f"column {name!r} was the index of a pandas frame and is read as a column.",
            )
    return index, notes


def require_table(path: Path, width: int, height: int) -> None:
    """Raise a DataError if a file has no columns or no rows."""
    if not width or not height:
        part = "columns" if not width else "rows"
        raise DataError(f"{path} has no {part}; a table needs at least one row and one column.")


def _read(path: Path) -> tuple[polars.DataFrame, list[str]]:
    """Return the frame, and the named columns that pandas' metadata calls its index."""
    import polars

    require_memory(2 * path.stat().st_size, str(path))
    if path.name.lower().endswith(".parquet"):
        lazy = polars.scan_parquet(path, glob=False, hive_partitioning=False)
    else:
        lazy = polars.scan_ipc(path.read_bytes())  # a path would be searched for * and [
    # A few bytes can stand for any number of equal values, so the count of rows is asked before
    # they are unpacked.
    rows = lazy.select(polars.len()).collect().item()
    require_memory(rows * len(lazy.collect_schema()) * FEWEST_BYTES_A_VALUE, str(path), REMEDY)
    require_memory(rows * row_bytes(lazy, rows), str(path), REMEDY)
    return lazy.collect(), named_index(path)


def row_bytes(lazy: polars.LazyFrame, rows: int) -> float:
    """Return the bytes that a row takes in memory, judged by some of the beginning and the end."""
    import polars

    count = min(rows, SAMPLE_ROWS)
    if not count:
        return 0.0
    texts = sum(dtype == polars.String for dtype in lazy.collect_schema().dtypes())
    samples = (lazy.slice(start, count).collect() for start in (0, rows - count))
    # Of texts polars counts the letters, not their places.
    return TEXT_BYTES * texts + max(sample.estimated_size() / count for sample in samples)


def named_index(path: Path) -> list[str]:
    """Return what pandas' metadata names as the index; anything else it may say is no matter."""
    import polars

    if not path.name.lower().endswith(".parquet"):
        return []
    try:
        columns = json.loads(polars.read_parquet_metadata(path)["pandas"])["index_columns"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return []
    return [name for name in columns if isinstance(name, str)] if isinstance(columns, list) else []
