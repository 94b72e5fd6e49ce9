"""Parquet, Arrow and Feather files as raw tables, without the index that pandas stores in them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from fastmlp.data.memory import require_memory
from fastmlp.errors import DataError

from .table import RawTable, Rows

if TYPE_CHECKING:
    import polars

FEWEST_BYTES_A_VALUE = 4
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
    import polars

    try:
        frame, named = _read(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{path} cannot be read as a table: {reason}.") from None
    index = [name for name in frame.columns if INDEX_NAME.fullmatch(name)]
    notes = ()
    if index and len(index) < frame.width:
        frame = frame.drop(index)
        notes = (f"{', '.join(map(repr, index))} is the index of a pandas frame and was left out.",)
    for name in named:
        if name in frame.columns:
            notes = (
                *notes,
                f"column {name!r} was the index of a pandas frame and is read as a column.",
            )
    if not frame.width or not frame.height:
        part = "columns" if not frame.width else "rows"
        raise DataError(f"{path} has no {part}; a table needs at least one row and one column.")
    return RawTable(frame, notes, None, True, Rows())


def _read(path: Path) -> tuple[polars.DataFrame, list[str]]:
    """Return the frame, and the named columns that pandas' metadata calls its index."""
    import polars

    require_memory(2 * path.stat().st_size, str(path))
    named = []
    if path.name.lower().endswith(".parquet"):
        lazy = polars.scan_parquet(path, glob=False, hive_partitioning=False)
        named = _index_columns(polars.read_parquet_metadata(path))
    else:
        lazy = polars.scan_ipc(path.read_bytes())  # a path would be searched for * and [
    # A few bytes can stand for any number of equal values, so the count of rows is asked before
    # they are unpacked.
    rows = lazy.select(polars.len()).collect().item()
    require_memory(rows * len(lazy.collect_schema()) * FEWEST_BYTES_A_VALUE, str(path))
    return lazy.collect(), named


def _index_columns(metadata: dict[str, str]) -> list[str]:
    """Return what pandas' metadata names as the index; anything else it may say is no matter."""
    try:
        columns = json.loads(metadata["pandas"])["index_columns"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return []
    return [name for name in columns if isinstance(name, str)] if isinstance(columns, list) else []
