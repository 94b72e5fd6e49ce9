"""StagedTable: stands where a frame does, but has one column in memory at a time, or a block."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, overload

import numpy as np

from fastmlp.data.readings.kinds.plain import frame_of

from .columns import ColumnFiles
from .workspace import Workspace

if TYPE_CHECKING:
    import polars

    Table: TypeAlias = "polars.DataFrame | StagedTable"  # in memory, or not


class Columns(Protocol):
    """Where the columns are."""

    schema: dict[str, polars.DataType]

    def __getitem__(self, name: str) -> polars.Series: ...

    def block(self, name: str, start: int, stop: int) -> polars.Series:
        """Return some rows of a column."""
        ...


class StagedTable:
    """Columns of a table by name, read when they are asked for; the latest is kept.

    Parameters
    ----------
    files
        Where the columns are.
    names
        Which of them the table has, in this order.
    height
        How many rows the files have.
    workspace
        Where what is made of the table is written.
    rows
        (rows,) int64, ascending: which of them the table has; None for all.
    is_read
        Whether the columns are as readings have them.
    """

    def __init__(
        self,
        files: Columns,
        names: Iterable[str],
        height: int,
        workspace: Workspace,
        rows: np.ndarray | None = None,
        is_read: bool = False,
    ):
        self.files, self.columns, self.workspace = files, list(names), workspace
        self._file_height, self._rows, self.is_read = height, rows, is_read
        self._last: tuple[str, polars.Series] | None = None

    @property
    def height(self) -> int:
        """How many rows there are."""
        return self._file_height if self._rows is None else len(self._rows)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.columns)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.height, self.width

    @property
    def schema(self) -> dict[str, polars.DataType]:
        """The columns' types by name."""
        return {name: self.files.schema[name] for name in self.columns}

    @property
    def dtypes(self) -> list[polars.DataType]:
        """The columns' types."""
        return list(self.schema.values())

    def __len__(self) -> int:
        return self.height

    def __iter__(self) -> Iterator[polars.Series]:
        for name in self.columns:
            yield self[name]

    @overload
    def __getitem__(self, key: str) -> polars.Series: ...

    @overload
    def __getitem__(self, key: np.ndarray) -> StagedTable: ...

    def __getitem__(self, key: str | np.ndarray) -> polars.Series | StagedTable:
        """Return a column, which is read; or some rows, ascending, of which none is."""
        if isinstance(key, str):
            return self._column(key)
        rows = np.asarray(key, np.int64)
        return self._with(rows=rows if self._rows is None else self._rows[rows])

    def _column(self, name: str) -> polars.Series:
        if self._last is None or self._last[0] != name:
            self._last = None  # two columns are more than one
            series = self.files[name]
            self._last = name, series if self._rows is None else series.gather(self._rows)
        return self._last[1]

    def select(self, names: Iterable[str]) -> StagedTable:
        """Return the table with some of its columns, in this order."""
        return self._with(columns=list(names))

    def renamed(self, names: Sequence[str]) -> StagedTable:
        """Return the table with other names for its columns."""
        files = _Renamed(self.files, dict(zip(names, self.columns, strict=True)))
        return StagedTable(
            files, names, self._file_height, self.workspace, self._rows, self.is_read
        )

    def shelf(self) -> ColumnFiles:
        """Return a place for what the columns become when they are read."""
        return self.workspace.shelf()

    def blocks(self, step: int) -> Iterator[tuple[int, polars.DataFrame]]:
        """Yield (first row, up to ``step`` rows as a frame) from the first row on."""
        for start in range(0, self.height, step):
            stop = min(start + step, self.height)
            first, last, chosen = start, stop, None
            if self._rows is not None:
                chosen = self._rows[start:stop]
                first, last = int(chosen[0]), int(chosen[-1]) + 1
                chosen = None if last - first == len(chosen) else chosen - first
            some = (self.files.block(name, first, last) for name in self.columns)
            yield start, frame_of(each if chosen is None else each.gather(chosen) for each in some)

    def _with(
        self, columns: list[str] | None = None, rows: np.ndarray | None = None
    ) -> StagedTable:
        columns = self.columns if columns is None else columns
        rows = self._rows if rows is None else rows
        return StagedTable(
            self.files, columns, self._file_height, self.workspace, rows, self.is_read
        )


class _Renamed:
    """Columns under other names."""

    def __init__(self, files: Columns, names: dict[str, str]):
        self._files, self._names = files, names
        self.schema = {new: files.schema[old] for new, old in names.items()}

    def __getitem__(self, name: str) -> polars.Series:
        return self._files[self._names[name]].alias(name)

    def block(self, name: str, start: int, stop: int) -> polars.Series:
        """Return some rows of a column."""
        return self._files.block(self._names[name], start, stop).alias(name)


def without(table: Table, names: Collection[str]) -> Table:
    """Return a table without some of its columns."""
    if not names:
        return table
    if isinstance(table, StagedTable):
        return table.select(name for name in table.columns if name not in names)
    return frame_of(series for series in table if series.name not in names)


def renamed(table: Table, names: Sequence[str]) -> Table:
    """Return a table with other names for its columns."""
    if isinstance(table, StagedTable):
        return table.renamed(names)
    pairs = zip(table, names, strict=True)
    return frame_of(series.alias(name) for series, name in pairs)
