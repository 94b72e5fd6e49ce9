"""A table's columns as a plan, learnt from training rows, by which tables become matrices."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.data import stored
from fastmlp.data.mapped.rows import Matrix, whole
from fastmlp.data.memory import require_memory
from fastmlp.data.readings.apply import read_columns, read_table
from fastmlp.data.readings.schema import ColumnFacts, Schema
from fastmlp.data.readings.table import schema_of
from fastmlp.data.readings.words import columns_named
from fastmlp.data.source import numbered_names
from fastmlp.data.staged.table import StagedTable
from fastmlp.errors import DataError, ModelFileError, did_you_mean

from .blocks import column_blocks, span_of, staged_matrix, staged_stacks
from .columns import CategoryColumn, NumericColumn, column_from_dict, narrowed
from .encoding import Encoding
from .inputs import InputColumn
from .statistics import TargetRows, TargetStatistics

if TYPE_CHECKING:
    import polars

    from fastmlp.data.staged.table import Table

UNITS = {"date": "days from the earliest training row", "time": "seconds", "duration": "seconds"}


@dataclass(frozen=True)
class FramePlan:
    """The used columns of a table, in the training table's order, and what was noted of them."""

    columns: tuple[NumericColumn | CategoryColumn, ...]  # those that are learnt from
    # what was decided of all of the training table's columns, in words
    facts: tuple[ColumnFacts, ...] = ()
    notes: tuple[str, ...] = ()  # sentences for the user

    @classmethod
    def fit(
        cls,
        frame: polars.DataFrame,
        schema: Schema | None = None,
        encoding: Encoding = Encoding(),  # noqa: B008  it cannot be changed
    ) -> FramePlan:
        """Learn medians and levels from the training rows.

        Parameters
        ----------
        frame
            (rows, columns) with at least one row.
        schema
            How the columns are read; decided from the frame without one.
        encoding
            How gaps are encoded.
        """
        return cls.learn(frame, schema, encoding)[0]

    @classmethod
    def learn(
        cls,
        frame: Table,
        schema: Schema | None = None,
        encoding: Encoding = Encoding(),  # noqa: B008  it cannot be changed
        target: TargetRows | None = None,
    ) -> tuple[FramePlan, Table]:
        """Return what ``fit`` does with the rows as they were read, for ``matrix_of``.

        Target statistics need the rows' ``target``.
        """
        notes: list[str] = []
        if schema is None:
            assert not isinstance(frame, StagedTable)  # which was read by a schema
            schema = schema_of(frame)
            notes += schema.notes
        began = time.perf_counter()
        read = read_table(frame, schema.features, notes)
        numeric = [reading.name for reading in schema.features if reading.kind != "text"]
        medians: dict[str, NumericColumn | None] = {}
        gaps: dict[str, int] = {}
        by_name = {reading.name: reading for reading in schema.features}
        for names, values in column_blocks(read, numeric):
            readings = [by_name[name] for name in names]
            missing = np.count_nonzero(np.isnan(values), axis=0)
            learnt = NumericColumn.fit_all(readings, values, encoding.has_indicators, missing)
            gaps |= zip(names, missing.tolist(), strict=True)
            medians |= zip(names, learnt, strict=True)
        columns: list[NumericColumn | CategoryColumn | None] = []
        for name, reading in by_name.items():
            is_text = reading.kind == "text"
            columns.append(
                CategoryColumn.fit(reading, read[name], encoding, target)
                if is_text
                else medians[name]
            )
        notes += _notes_on(read, schema, columns, gaps)
        if isinstance(read, StagedTable):
            read.workspace.took("fitting", began)
        learnt = tuple(column for column in columns if column is not None)
        if not learnt:
            raise DataError(
                "no column holds a value in the training rows; there is nothing to learn from."
            )
        return cls(learnt, _with_encodings(schema.columns, learnt, encoding), tuple(notes)), read

    @property
    def input_names(self) -> tuple[str, ...]:
        """The columns that a table must have."""
        return tuple(column.name for column in self.columns)

    @property
    def inputs(self) -> tuple[InputColumn, ...]:
        """Where each of these columns stands in the matrix."""
        found = []
        for column, first in zip(self.columns, self._starts(), strict=True):
            name, kind, end = column.name, column.reading.kind, first + len(column.output_names)
            if isinstance(column, CategoryColumn):
                levels = column.output_levels
                beside = tuple(range(first + len(levels), end))
                values = tuple(map(tuple, column.beside_levels.tolist())) if beside else ()
                place = {"beside": beside, "beside_levels": values}
                found.append(InputColumn(name, kind, first, levels=levels, **place))
            else:
                beside = tuple(range(first + 1, end))
                found.append(InputColumn(name, kind, first, origin=column.origin, beside=beside))
        return tuple(found)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The columns of the matrix."""
        return tuple(name for column in self.columns for name in column.output_names)

    @property
    def unscaled(self) -> np.ndarray:
        """Booleans (output columns,): True for one-hot levels and indicators of gaps."""
        return np.array([each for column in self.columns for each in column.unscaled], bool)

    @property
    def codes(self) -> tuple[tuple[int, int], ...]:
        """The output columns of codes, each with the count of its codes."""
        return tuple(
            (start, column.codes)
            for start, column in zip(self._starts(), self.columns, strict=True)
            if isinstance(column, CategoryColumn) and column.is_coded
        )

    def transform(
        self,
        features: np.ndarray | Table,
        dtype: np.dtype,
        names: tuple[str, ...] | None = None,
        notes: list[str] | None = None,
    ) -> Matrix:
        """Return a table as (rows, output columns) in ``dtype``; columns are found by name.

        An array is taken as the columns ``names``, or without names as the training table's, in
        their order. ``notes`` gets a sentence for each column with cells that could not be read, or
        with texts that training did not hold.
        """
        frame = self._as_frame(features, names) if isinstance(features, np.ndarray) else features
        found = set(frame.columns)
        for name in self.input_names:
            if name not in found:
                hint = did_you_mean(name, frame.columns)
                raise DataError(
                    f"the data has no column {name!r}, which the model was trained on{hint}"
                )
        read = read_table(frame, [column.reading for column in self.columns], notes)
        if isinstance(read, StagedTable):
            return staged_matrix(self, read, dtype, notes)
        return self.matrix_of(read, dtype, notes)

    def matrix_of(
        self,
        read: polars.DataFrame,
        dtype: np.dtype,
        notes: list[str] | None = None,
        first_row: int = 0,
    ) -> np.ndarray:
        """Return columns that were read as (rows, output columns) in ``dtype``.

        Messages count the rows from ``first_row``.
        """
        self._require_memory(read.height, dtype)
        matrix = np.empty((read.height, len(self.output_names)), dtype)
        starts = dict(zip(self.input_names, self._starts(), strict=True))
        numeric = {each.name: each for each in self.columns if isinstance(each, NumericColumn)}
        for names, values in column_blocks(read, list(numeric)):
            columns = [numeric[name] for name in names]
            origins = np.array([column.origin for column in columns])
            if origins.any():
                values -= origins
            for place, column in enumerate(columns):
                if column.has_indicator:
                    matrix[:, starts[column.name] + 1] = np.isnan(values[:, place])
            if (gaps := np.isnan(values)).any():
                np.copyto(values, np.array([column.median for column in columns]), where=gaps)
            places = span_of([starts[name] for name in names])
            matrix[:, places] = narrowed(values, dtype, tuple(names), first_row)
        for column in self.columns:
            if isinstance(column, CategoryColumn):
                start, width = starts[column.name], len(column.output_names)
                column.write(read[column.name], matrix[:, start : start + width], notes)
        return matrix

    def training_matrix_of(
        self, read: Table, dtype: np.dtype, target: TargetRows | None = None
    ) -> Matrix:
        """Return the rows from which the plan was learnt, with cross-fitted target statistics where
        there is a target.
        """
        fitted = () if target is None else self.cross_fitted(read, target)
        if isinstance(read, StagedTable):
            return staged_matrix(self, read, dtype, fitted=fitted)
        matrix = self.matrix_of(read, dtype)
        for place, values in fitted:
            matrix[:, place] = values
        return matrix

    def without_folds(
        self, frame: Table, matrix: Matrix, target: TargetRows, folds: np.ndarray
    ) -> Matrix:
        """Return the training rows' matrix once for each fold, with target statistics of which none
        knows the rows of that fold.
        """
        readings = [each.reading for each in self.columns if _statistics_of(each) is not None]
        if isinstance(frame, StagedTable):
            return staged_stacks(self, frame, matrix, target, folds)
        read, stacks = read_columns(frame, readings), int(folds.max()) + 1
        result = np.concatenate([whole(matrix, "the training rows")] * stacks)
        for fold, stack in enumerate(np.split(result, stacks)):
            for place, values in self.cross_fitted(read, target, folds == fold):
                stack[:, place] = values
        return result

    def cross_fitted(
        self, read: Table, target: TargetRows, left_out: np.ndarray | None = None
    ) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield the training rows' target statistics (rows, statistics) and the output columns in
        which they stand.
        """
        for column, start in zip(self.columns, self._starts(), strict=True):
            statistics = _statistics_of(column)
            if statistics is not None:
                end = start + len(column.output_names)
                fitted = statistics.cross_fitted(read[column.name], target, left_out)
                yield slice(end - fitted.shape[1], end), fitted

    @property
    def has_statistics(self) -> bool:
        """Whether a column has target statistics."""
        return any(_statistics_of(each) is not None for each in self.columns)

    def _require_memory(self, rows: int, dtype: np.dtype) -> None:
        width = len(self.output_names)
        what = f"the table as {rows:,} rows of {width:,} columns"
        require_memory(rows * width * dtype.itemsize, what)

    def _starts(self) -> list[int]:
        """Return the first output column of each column."""
        return [0, *np.cumsum([len(column.output_names) for column in self.columns])[:-1].tolist()]

    def _as_frame(self, features: np.ndarray, names: tuple[str, ...] | None) -> polars.DataFrame:
        import polars

        columns = features.shape[1]
        if names is None:
            names = self.input_names if columns == len(self.columns) else numbered_names(columns)
        return polars.DataFrame(
            {name: np.ascontiguousarray(features[:, index]) for index, name in enumerate(names)}
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON can hold it."""
        return {
            "kind": "table",
            "columns": [column.to_dict() for column in self.columns],
            "facts": [each.to_dict() for each in self.facts],
        }

    @classmethod
    def from_dict(cls, kept: Any) -> FramePlan:
        """Return the plan that ``to_dict`` described, every entry checked."""
        columns = tuple(column_from_dict(each) for each in stored.entry(kept, "columns", list))
        if not columns or len({column.name for column in columns}) != len(columns):
            raise ModelFileError(
                "the model's data description is damaged: its table needs columns of different "
                "names."
            )
        facts = stored.entry(kept, "facts", list) if "facts" in kept else []
        return cls(columns, tuple(ColumnFacts.from_dict(each) for each in facts))


def _statistics_of(column: NumericColumn | CategoryColumn) -> TargetStatistics | None:
    return column.statistics if isinstance(column, CategoryColumn) else None


def _with_encodings(
    facts: tuple[ColumnFacts, ...],
    columns: tuple[NumericColumn | CategoryColumn, ...],
    encoding: Encoding,
) -> tuple[ColumnFacts, ...]:
    """Return the facts with a note on each column that is encoded other than by default."""
    notes = {column.name: tuple(_encoding_notes(column, encoding)) for column in columns}
    return tuple(
        replace(each, note="; ".join(filter(None, (each.note, *notes.get(each.name, ())))))
        for each in facts
    )


def _encoding_notes(column: NumericColumn | CategoryColumn, encoding: Encoding) -> Iterator[str]:
    if isinstance(column, NumericColumn):
        if column.has_indicator:
            yield "indicator of gaps beside it"
        return
    if column.has_other and encoding.has_own_levels:
        count = len(column.levels)
        yield f"{count:,} levels, the rest share one" if count else "all levels share one"
    if column.statistics is not None:
        count = len(column.statistics.endings)
        yield (
            f"{count:,} target statistics beside it" if count > 1 else "target statistic beside it"
        )


def _notes_on(
    read: Table,
    schema: Schema,
    columns: list[NumericColumn | CategoryColumn | None],
    gaps: dict[str, int],
) -> list[str]:
    """Describe surprises in the columns that are learnt; like columns share a sentence.

    ``gaps`` counts the missing values of each column that holds no texts.
    """
    notes = []
    pairs = zip(schema.features, columns, strict=True)
    if empty := [reading.name for reading, column in pairs if column is None]:
        are = ("has", "is") if len(empty) == 1 else ("have", "are")
        notes.append(
            f"{columns_named(empty)} {are[0]} no value in the training rows and {are[1]} left out."
        )
    for kind, unit in UNITS.items():
        if names := [reading.name for reading in schema.features if reading.kind == kind]:
            are = "is" if len(names) == 1 else "are"
            notes.append(f"{columns_named(names)} {are} counted in {unit}.")
    for column in columns:
        if isinstance(column, CategoryColumn) and column.has_other:
            distinct = read[column.name].alias("text").drop_nulls().n_unique()
            if distinct <= len(column.levels):  # an embedded column has (other) in any case
                continue
            notes.append(
                f"column {column.name!r} has {distinct:,} different texts; the rarest share one "
                "level."
            )
    numeric = [each.name for each in schema.features if gaps.get(each.name)]
    if len(numeric) == 1:
        name = numeric[0]
        notes.append(
            f"column {name!r} lacks {gaps[name]:,} of the {read.height:,} values in training rows; "
            "the median stands in."
        )
    elif numeric:
        count = sum(gaps[name] for name in numeric)
        notes.append(
            f"{columns_named(numeric)} lack {count:,} values in training rows; the median of each "
            "stands in."
        )
    return notes
