"""FileColumns: the columns of Parquet and Arrow files, which are read where they lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from fastmlp.errors import DataError

if TYPE_CHECKING:
    import polars

CELLS = "cells"  # what a column is called while it is read: files of texts have numbers for names


@dataclass(frozen=True)
class FilePart:
    """A file, or one of several whose rows follow each other.

    Attributes
    ----------
    path
        Of a Parquet file or, by its name, of an Arrow file.
    schema
        All of its columns in their order.
    height
        How many rows it has.
    """

    path: Path
    schema: dict[str, polars.DataType]
    height: int


class FileColumns:
    """Columns of one or several files as one table's."""

    def __init__(
        self, parts: Sequence[FilePart], names: Iterable[str], schema: dict[str, polars.DataType]
    ):
        self.parts, self.names, self.schema = list(parts), list(names), schema

    def __getitem__(self, name: str) -> polars.Series:
        import polars

        frames = [_column(list(parts), name) for _, parts in groupby(self.parts, _form)]
        # An empty frame of the type that all of them have together.
        frames.append(polars.DataFrame(schema={CELLS: self.schema[name]}))
        whole = polars.concat(frames, how="vertical_relaxed").rechunk()
        return whole.to_series().alias(name)

    def block(self, name: str, start: int, stop: int) -> polars.Series:
        """Return some rows of a column, which is read whole."""
        return self[name].slice(start, stop - start)


def scan(path: Path | list[Path]) -> polars.LazyFrame:
    """Return a Parquet or Arrow file, or several of one schema, of which nothing is read yet."""
    import polars

    first = path[0] if isinstance(path, list) else path
    if first.name.lower().endswith(".parquet"):
        return polars.scan_parquet(path, glob=False, hive_partitioning=False)
    return polars.scan_ipc(path, glob=False)


def _form(part: FilePart) -> tuple[str, list[tuple[str, polars.DataType]]]:
    """Return what parts must have in common to be scanned together: columns in one order too."""
    return part.path.suffix.lower(), list(part.schema.items())


def _column(parts: list[FilePart], name: str) -> polars.DataFrame:
    """Return a column of files of one form, alone in a frame and called CELLS."""
    import polars

    paths = [part.path for part in parts]
    place = list(parts[0].schema).index(name)  # a name may look like a pattern
    try:
        return scan(paths).select(polars.nth(place).alias(CELLS)).collect()
    except (OSError, polars.exceptions.PolarsError, polars.exceptions.PanicException) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        where = str(paths[0]) if len(paths) == 1 else f"{paths[0]} or a file after it"
        raise DataError(f"{where} cannot be read as a table: {reason}.") from None
