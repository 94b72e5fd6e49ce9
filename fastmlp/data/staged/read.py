"""stage_table: tables of any size, of which no more than a column is in memory."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from fastmlp.data.memory import in_units
from fastmlp.data.raw.arrow import guarded, index_of, named_index, require_table
from fastmlp.data.raw.form.layout import Layout
from fastmlp.data.raw.several import find_tables, read_several
from fastmlp.data.raw.suffixes import EXCEL, format_of
from fastmlp.data.raw.table import RawTable, Rows
from fastmlp.errors import DataError, MissingExtraError

from .files import FileColumns, FilePart, scan
from .table import StagedTable
from .text import stage_text
from .workspace import Workspace

WIDEST_CELL = 16  # bytes of a text's place; a number has 8
COLUMNS_AT_ONCE = 4  # as it comes, as it is read, and what tells its kind


def stage_table(
    source: str | Path | Sequence[str | Path], layout: Layout, space: Workspace
) -> RawTable:
    """Read a table as ``read_table`` does, of which nothing but columns is ever in memory.

    Parameters
    ----------
    source, layout
        As for ``read_table``.
    space
        Where texts become columns.

    Raises
    ------
    DataError
        As ``read_table``, or if not even a few columns fit the memory.
    """
    if importlib.util.find_spec("polars") is None:
        raise MissingExtraError("reading tables", "polars", "tables")
    paths = find_tables(source)
    read = partial(_stage_file, space=space)
    if len(paths) == 1:
        table = read(paths[0], layout)
    else:
        table = read_several(paths, layout, read, partial(_joined, space=space))
    _require_columns(table.frame.height, str(source), space)
    return table


def _require_columns(rows: int, where: str, space: Workspace) -> None:
    """Raise a DataError if a few columns are more than the data may take."""
    wanted = COLUMNS_AT_ONCE * WIDEST_CELL * rows
    if wanted > space.memory:
        raise DataError(
            f"{where} has {rows:,} rows, of which a column at a time needs about "
            f"{in_units(wanted)} of memory, and the data may take {in_units(space.memory)}; give "
            "more with --memory, or fewer rows."
        )


def _stage_file(path: Path, layout: Layout, space: Workspace) -> RawTable:
    kind = format_of(path)
    if kind == "text":
        return stage_text(path, layout, space)
    if kind is None or kind in EXCEL:
        raise DataError(
            f"{path} cannot be read in parts; save it as .csv or .parquet, or leave --cache-dir "
            "out."
        )
    return _stage_arrow(path, space)


def _stage_arrow(path: Path, space: Workspace) -> RawTable:
    part = guarded(path, _part_of)
    columns = list(part.schema)
    index, notes = index_of(columns, guarded(path, named_index))
    names = [name for name in columns if name not in index]
    require_table(path, len(names), part.height)
    files = FileColumns([part], names, part.schema)
    return RawTable(StagedTable(files, names, part.height, space), notes, None, True, Rows())


def _part_of(path: Path) -> FilePart:
    import polars

    lazy = scan(path)
    schema = dict(lazy.collect_schema())
    return FilePart(path, schema, lazy.select(polars.len()).collect().item())


def _joined(tables: list[StagedTable], space: Workspace) -> StagedTable:
    """Return tables below each other, each column of a type that holds those of all."""
    import polars

    empty = [polars.DataFrame(schema=table.schema) for table in tables]
    schema = dict(polars.concat(empty, how="vertical_relaxed").schema)
    parts: list[FilePart] = []
    for table in tables:
        assert isinstance(table.files, FileColumns)  # as of every file
        parts += table.files.parts
    names = tables[0].columns
    files = FileColumns(parts, names, schema)
    return StagedTable(files, names, sum(table.height for table in tables), space)
