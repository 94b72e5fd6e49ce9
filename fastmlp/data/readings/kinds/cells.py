"""Cells: columns of one type; many short ones as one column, since polars pays by column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars

SHORT = 4096  # rows, below which a column costs more than its cells


class Cells:
    """Columns of one type and length by place, since names may be empty or look like patterns.

    Parameters
    ----------
    frame
        The columns; or, if ``height`` is given, all their cells below each other in one.
    height
        How many cells a column has.
    """

    def __init__(self, frame: polars.DataFrame, height: int | None = None):
        self._frame, self._height = frame, height

    @classmethod
    def of(cls, columns: Sequence[polars.Series]) -> Cells:
        """Return the cells of columns of different names."""
        import polars

        height = len(columns[0]) if columns else 0
        if any(not series.name for series in columns):
            columns = [series.alias(str(place)) for place, series in enumerate(columns)]
        frame = polars.DataFrame(columns)
        frame.columns = [str(place) for place in range(len(columns))]
        if len(columns) < 2 or not 0 < height < SHORT:
            return cls(frame)
        return cls(frame.unpivot(variable_name="place", value_name="cell").select("cell"), height)

    def changed(self, change: Callable[[polars.Expr], polars.Expr]) -> Cells:
        """Return the cells with every one changed."""
        import polars

        return Cells(self._frame.select(change(polars.all())), self._height)

    def having(self, condition: Callable[[polars.Expr], polars.Expr]) -> np.ndarray:
        """Return bool (columns,): whether a condition holds for some cell; null is False."""
        import polars

        if self._height is None:
            if not self._frame.width:
                return np.zeros(0, bool)
            return np.array(self._frame.select(condition(polars.all()).any()).row(0), bool)
        found = self._frame.select(condition(polars.all()).fill_null(False)).to_series()
        return np.asarray(found.to_numpy().reshape(-1, self._height).any(axis=1))

    def null_counts(self) -> np.ndarray:
        """Return how many nulls each column has, int64 (columns,)."""
        if self._height is None:
            return np.array(self._frame.null_count().row(0) if self._frame.width else (), np.int64)
        return self._frame.to_series().is_null().to_numpy().reshape(-1, self._height).sum(axis=1)

    def columns(self, chosen: np.ndarray) -> list[polars.Series]:
        """Return the columns for which a Boolean is true."""
        places = np.flatnonzero(chosen).tolist()
        if self._height is None:
            return [self._frame.to_series(place) for place in places]
        cells, height = self._frame.to_series(), self._height
        return [cells.slice(place * height, height) for place in places]

    def take(self, chosen: np.ndarray) -> Cells:
        """Return the cells of the columns for which a Boolean is true."""
        if chosen.all():
            return self
        if self._height is None:
            return Cells(self._frame[:, np.flatnonzero(chosen).tolist()])
        return Cells(self._frame.filter(np.repeat(chosen, self._height)), self._height)
