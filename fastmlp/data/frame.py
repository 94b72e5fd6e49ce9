"""A table's columns as a plan: learnt from the training rows, then any table with those columns becomes a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.data import stored
from fastmlp.data.columns import CategoryColumn, NumericColumn, column_from_dict, is_text
from fastmlp.data.memory import require_memory
from fastmlp.data.source import numbered_names
from fastmlp.errors import DataError, ModelFileError, did_you_mean

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True)
class FramePlan:
    """The columns of a table that are used, in the training table's order, and what was noted while learning them."""

    columns: tuple[NumericColumn | CategoryColumn, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def fit(cls, frame: polars.DataFrame) -> FramePlan:
        """Learn medians and levels from the training rows, (rows, columns) with at least one row."""
        columns, notes = [], []
        for series in frame:
            column = (CategoryColumn if is_text(series) else NumericColumn).fit(series)
            notes.extend(_notes_on(series, column))
            if column is not None:
                columns.append(column)
        if not columns:
            raise DataError("no column holds a value in the training rows; there is nothing to learn from.")
        return cls(tuple(columns), tuple(notes))

    @property
    def input_names(self) -> tuple[str, ...]:
        """The columns that a table must have."""
        return tuple(column.name for column in self.columns)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The columns of the matrix."""
        return tuple(name for column in self.columns for name in column.output_names)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The input columns that hold texts."""
        return tuple(column.name for column in self.columns if isinstance(column, CategoryColumn))

    @property
    def unscaled(self) -> np.ndarray:
        """Booleans (output columns,): True for one-hot levels."""
        return np.array([isinstance(column, CategoryColumn) for column in self.columns for _ in column.output_names])

    def transform(
        self, features: np.ndarray | polars.DataFrame, dtype: np.dtype, names: tuple[str, ...] | None = None
    ) -> np.ndarray:
        """Return a table as (rows, output columns) in ``dtype``; columns are found by name, others are ignored.

        An array is taken as the columns ``names``, or without names as the training table's, in their order.
        """
        frame = self._as_frame(features, names) if isinstance(features, np.ndarray) else features
        for name in self.input_names:
            if name not in frame.columns:
                hint = did_you_mean(name, frame.columns)
                raise DataError(f"the data has no column {name!r}, which the model was trained on{hint}")
        width = len(self.output_names)
        require_memory(
            frame.height * width * dtype.itemsize, f"the table as {frame.height:,} rows of {width:,} columns"
        )
        matrix = np.empty((frame.height, width), dtype)
        start = 0
        for column in self.columns:
            stop = start + len(column.output_names)
            column.write(frame[column.name], matrix[:, start:stop])
            start = stop
        return matrix

    def _as_frame(self, features: np.ndarray, names: tuple[str, ...] | None) -> polars.DataFrame:
        import polars

        columns = features.shape[1]
        if names is None:
            names = self.input_names if columns == len(self.columns) else numbered_names(columns)
        return polars.DataFrame({name: np.ascontiguousarray(features[:, index]) for index, name in enumerate(names)})

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON can hold it."""
        return {"kind": "table", "columns": [column.to_dict() for column in self.columns]}

    @classmethod
    def from_dict(cls, kept: Any) -> FramePlan:
        """Return the plan that ``to_dict`` described, every entry checked."""
        columns = tuple(column_from_dict(each) for each in stored.entry(kept, "columns", list))
        if not columns or len({column.name for column in columns}) != len(columns):
            raise ModelFileError("the model's data description is damaged: its table needs columns of different names.")
        return cls(columns)


def _notes_on(series: polars.Series, column: NumericColumn | CategoryColumn | None) -> list[str]:
    """Say what a user might not expect of a column."""
    name, rows = series.name, len(series)
    if column is None:
        return [f"column {name!r} has no value in the training rows and is left out."]
    notes = []
    missing = series.null_count()
    if isinstance(column, CategoryColumn):
        distinct = series.drop_nulls().n_unique()
        if rows >= 20 and distinct > 0.9 * rows:
            notes.append(
                f"column {name!r} differs in nearly every row ({distinct:,} texts in {rows:,} rows); "
                "it may be an identifier to leave out."
            )
        if column.has_other:
            notes.append(f"column {name!r} has {distinct:,} different texts; the rarest share one level.")
        return notes
    if column.kind == "date":
        notes.append(f"column {name!r} is counted in days from the earliest training row.")
    elif column.kind in ("time", "duration"):
        notes.append(f"column {name!r} is counted in seconds.")
    elif rows >= 20 and series.dtype.is_integer() and series.n_unique() == rows == series.max() - series.min() + 1:
        notes.append(f"column {name!r} counts the rows; it may be an identifier to leave out.")
    if series.dtype.is_float():
        missing += int(series.is_nan().sum())
    if missing:
        notes.append(f"column {name!r} lacks {missing:,} of {rows:,} values; the median stands in.")
    return notes
