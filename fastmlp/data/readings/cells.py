"""Passes over all cells of a frame: in a wide frame over one long column of them, since polars spends time on each column."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars

SHORT = 4096  # rows, below which a column costs more than its cells


def of_each(frame: polars.DataFrame, change: Callable[[polars.Expr], polars.Expr]) -> polars.DataFrame:
    """Return a frame with every cell changed; its columns have one type."""
    import polars

    if not _is_stacked(frame):
        return frame.select(change(polars.all()))
    cells = _stacked(frame).select(change(polars.col("cell")).alias("cell")).to_series()
    height = frame.height
    columns = [cells.slice(place * height, height).alias(name) for place, name in enumerate(frame.columns)]
    return polars.DataFrame(columns)


def columns_with(frame: polars.DataFrame, condition: Callable[[polars.Expr], polars.Expr]) -> list[str]:
    """Return the names of the columns in which a condition holds for some cell; for a null it does not."""
    import polars

    if not frame.width:
        return []
    if _is_stacked(frame):
        cells = _stacked(frame).select(condition(polars.col("cell")).fill_null(False)).to_series().to_numpy()
        found = cells.reshape(frame.width, frame.height).any(axis=1).tolist()
    else:
        found = frame.select(condition(polars.all()).any()).row(0)
    return [name for name, is_found in zip(frame.columns, found, strict=True) if is_found]


def chosen(frame: polars.DataFrame, names: list[str]) -> polars.DataFrame:
    """Return some columns, whose names are not empty."""
    import polars

    columns = dict(zip(frame.columns, frame, strict=True))
    return polars.DataFrame([columns[name] for name in names])


def _is_stacked(frame: polars.DataFrame) -> bool:
    return frame.width > 1 and 0 < frame.height < SHORT


def _stacked(frame: polars.DataFrame) -> polars.DataFrame:
    """Return the cells of a frame, column by column, as one column "cell"."""
    return frame.unpivot(variable_name="column", value_name="cell").select("cell")
