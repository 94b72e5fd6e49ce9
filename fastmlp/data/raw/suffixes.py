"""The names of tables: which suffix stands for which format."""

from __future__ import annotations

from pathlib import Path

PLAIN = (".csv", ".tsv", ".txt", ".tab", ".psv", ".data", ".dat")
DELIMITED = (*PLAIN, *(suffix + ".gz" for suffix in PLAIN))
ARROW = (".arrow", ".feather", ".ipc")
EXCEL = (".xlsx", ".xlsm", ".xls", ".ods")
SUFFIXES = (*DELIMITED, ".parquet", *ARROW, *EXCEL)


def is_table_name(path: str | Path) -> bool:
    """Tell from its name whether a file is a table."""
    return format_of(path) is not None


def format_of(path: str | Path) -> str | None:
    """Return a file's format: ``"text"``, ``"arrow"`` or its suffix; None if it is no table."""
    name = Path(path).name.lower()
    if name.endswith(DELIMITED):
        return "text"
    if name.endswith(ARROW):
        return "arrow"
    return next((suffix for suffix in (".parquet", *EXCEL) if name.endswith(suffix)), None)
