"""read_table: the one entry for tables, a file, several, a folder or a pattern."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from fastmlp.data.raw.form.layout import Layout
from fastmlp.errors import DataError, MissingExtraError

from .arrow import read_arrow
from .delimited import read_delimited
from .excel import read_excel
from .several import find_tables, read_several
from .suffixes import EXCEL, SUFFIXES, format_of, is_table_name
from .table import RawTable

__all__ = ["SUFFIXES", "is_table_name", "read_table"]


def read_table(source: str | Path | Sequence[str | Path], layout: Layout | None = None) -> RawTable:
    """Read a table as it stands.

    Parameters
    ----------
    source
        A file, whose name says the format; a folder of tables of one format; a pattern,
        ``parts/*.csv``; or a list of these. Several files are read as one table, those of a folder
        or pattern in the order of their names.
    layout
        What is known of a file of text; without it all is found out.

    Raises
    ------
    DataError
        If a file is not there, damaged, empty, not a table or larger than memory, or if several do
        not fit together.
    MissingExtraError
        If polars or, for Excel, fastexcel is not installed.
    """
    if importlib.util.find_spec("polars") is None:
        raise MissingExtraError("reading tables", "polars", "tables")
    layout = layout or Layout()
    paths = find_tables(source)
    if len(paths) == 1:
        return _read_file(paths[0], layout)
    return read_several(paths, layout, _read_file)


def _read_file(path: Path, layout: Layout) -> RawTable:
    kind = format_of(path)
    if kind is None:
        raise DataError(f"{path} is no table by its name; tables end in {' '.join(SUFFIXES)}.")
    if kind == "text":
        return read_delimited(path, layout)
    return read_excel(path, layout) if kind in EXCEL else read_arrow(path)
