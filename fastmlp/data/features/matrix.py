"""Arrays as a plan: pixels and plain numbers, whose gaps become the training rows' medians."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.data import stored
from fastmlp.data.source import numbered_names
from fastmlp.errors import DataError, did_you_mean

from .columns import narrowed, to_numbers
from .encoding import Encoding, indicator_name
from .inputs import InputColumn
from .scaling import far_from_zero, row_chunks

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True)
class MatrixPlan:
    """What is known of the training array."""

    columns: int  # how many it has
    names: tuple[str, ...] | None = None  # theirs, if they have any
    # (columns,) float64, what stands in for missing values; None if the training rows were whole
    # numbers
    medians: np.ndarray | None = None
    notes: tuple[str, ...] = ()  # sentences for the user
    # (columns,) float64, what is subtracted from the values, medians included, before they are
    # narrowed: 0 but for columns that lie far from zero, whose differences would be lost otherwise.
    # None where it would be 0 throughout.
    origins: np.ndarray | None = None
    # the columns, ascending, that have an indicator of gaps; these stand behind all columns
    indicators: tuple[int, ...] = ()

    @classmethod
    def fit(
        cls,
        features: np.ndarray,
        names: tuple[str, ...] | None = None,
        image_shape: tuple[int, ...] | None = None,
        encoding: Encoding = Encoding(),  # noqa: B008  it cannot be changed
    ) -> MatrixPlan:
        """Learn from (rows, columns) training rows; the pixels of a channel share an origin.

        Pixels have no indicators of gaps.
        """
        _check_matrix(features)
        columns = features.shape[1]
        if features.dtype.kind == "b" or features.dtype == np.uint8:
            return cls(columns, names)
        medians, notes, shown = None, [], names or numbered_names(columns)
        indicators: tuple[int, ...] = ()
        if features.dtype.kind == "f":
            medians, lowest, highest, missing, empty = _medians(features, shown)
            if missing.any():
                count = f"{missing.sum():,} missing values"
                notes.append(f"{count}; the median of their column stands in.")
            if encoding.has_indicators and image_shape is None:
                indicators = tuple(np.flatnonzero(missing).tolist())
            if empty:
                notes.append(f"{empty:,} columns have no value in the training rows; 0 stands in.")
        else:
            ends = features.min(axis=0), features.max(axis=0)
            lowest, highest = (end.astype(np.float64) for end in ends)
        origins = _origins(lowest, highest, image_shape)
        if origins is not None:
            notes.append(_note_on_origins(origins, shown))
        return cls(columns, names, medians, tuple(notes), origins, indicators)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The columns' names, numbered where they have none, then the indicators'."""
        names = self.names or numbered_names(self.columns)
        return (*names, *(indicator_name(names[column]) for column in self.indicators))

    @property
    def unscaled(self) -> np.ndarray | None:
        """Booleans (output columns,): True for indicators; None where there are none."""
        return np.arange(len(self.output_names)) >= self.columns if self.indicators else None

    @property
    def inputs(self) -> tuple[InputColumn, ...]:
        """Where each column stands in the matrix: in its own place, its indicator behind all."""
        origins = np.zeros(self.columns) if self.origins is None else self.origins
        indicators = {column: self.columns + at for at, column in enumerate(self.indicators)}
        names = self.names or numbered_names(self.columns)
        return tuple(
            InputColumn(
                name,
                "number",
                place,
                origin=origin,
                beside=(indicators[place],) if place in indicators else (),
            )
            for place, (name, origin) in enumerate(zip(names, origins.tolist(), strict=True))
        )

    def transform(
        self,
        features: np.ndarray | polars.DataFrame,
        dtype: np.dtype,
        names: tuple[str, ...] | None = None,
        notes: list[str] | None = None,
    ) -> np.ndarray:
        """Return (rows, columns) less origins in ``dtype``, uint8 as it came; not copied if right.

        ``notes`` is there for tables; of arrays nothing is to be said.
        """
        if not isinstance(features, np.ndarray):
            features = self._from_frame(features)
        elif names is not None and self.names is not None and names != self.names:
            features = features[:, [self._position(name, names) for name in self.names]]
        _check_matrix(features)
        if features.shape[1] != self.columns:
            raise DataError(
                f"the data has {features.shape[1]:,} columns; the model was trained on "
                f"{self.columns:,}."
            )
        if not self.indicators:
            return self._numbers(features, dtype)
        numbers = self._numbers(features, dtype).astype(dtype, copy=False)
        return np.hstack([numbers, np.isnan(features[:, list(self.indicators)]).astype(dtype)])

    def _numbers(self, features: np.ndarray, dtype: np.dtype) -> np.ndarray:
        if self.origins is None and features.dtype == np.uint8:
            return np.ascontiguousarray(features)
        if self.origins is None and features.dtype.kind != "f":
            return np.ascontiguousarray(features, dtype)
        return self._imputed(features, dtype)

    def _imputed(self, features: np.ndarray, dtype: np.dtype) -> np.ndarray:
        ready = features.dtype == dtype and features.flags.c_contiguous and self.origins is None
        result = features if ready else np.empty(features.shape, dtype)
        for start, chunk in row_chunks(features):
            missing = np.isnan(chunk)
            if missing.any():
                if self.medians is None:
                    raise self._no_median(missing, start)
                chunk = np.where(missing, self.medians, chunk)
                if result is features:
                    result = np.array(features)
            _check_finite(chunk, start, self.output_names)
            if self.origins is not None:
                chunk = chunk - self.origins  # in float64, whatever the rows are
            if result is not features:
                rows = slice(start, start + len(chunk))
                result[rows] = narrowed(chunk, dtype, self.output_names, start)
        return result

    def _no_median(self, missing: np.ndarray, start: int) -> DataError:
        row, column = np.argwhere(missing)[0]
        return DataError(
            f"column {self.output_names[column]!r}, row {start + row + 1:,} is missing; "
            "the model was trained on whole numbers without gaps and has nothing to put there."
        )

    def _from_frame(self, frame: polars.DataFrame) -> np.ndarray:
        positions = range(frame.width)
        if self.names is not None:
            positions = [self._position(name, tuple(frame.columns)) for name in self.names]
        columns = [to_numbers(frame.to_series(position)).to_numpy() for position in positions]
        return np.stack(columns, axis=1) if columns else np.empty((frame.height, 0))

    def _position(self, name: str, names: tuple[str, ...]) -> int:
        if name not in names:
            raise DataError(
                f"the data has no column {name!r}, which the model was trained "
                f"on{did_you_mean(name, names)}"
            )
        return names.index(name)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON can hold it."""
        return {
            "kind": "matrix",
            "columns": self.columns,
            "names": None if self.names is None else list(self.names),
            "medians": None if self.medians is None else self.medians.tolist(),
            "origins": None if self.origins is None else self.origins.tolist(),
            "indicators": list(self.indicators),
        }

    @classmethod
    def from_dict(cls, kept: Any) -> MatrixPlan:
        """Return the plan that ``to_dict`` described, every entry checked."""
        columns = stored.entry(kept, "columns", int)
        names = stored.texts(kept, "names", optional=True)
        fits = names is None or len(names) == columns
        if not (0 < columns <= stored.MAXIMUM_LENGTH and fits):
            raise stored.damaged("columns", "a count, with as many names", columns)
        medians = stored.vector(kept, "medians", columns, optional=True)
        origins = stored.vector(kept, "origins", columns, optional=True)
        indicators = _stored_indicators(kept, columns)
        # Models older than origins, or than indicators, have none.
        return cls(columns, names, medians, origins=origins, indicators=indicators)


def _stored_indicators(kept: Any, columns: int) -> tuple[int, ...]:
    indicators = stored.entry({"indicators": [], **kept}, "indicators", list)
    are_columns = all(type(each) is int and 0 <= each < columns for each in indicators)
    if not are_columns or sorted(set(indicators)) != indicators:
        raise stored.damaged("indicators", "ascending numbers of columns", indicators)
    return tuple(indicators)


def _check_matrix(features: np.ndarray) -> None:
    if features.ndim != 2 or features.shape[1] == 0:
        raise DataError(
            f"features of shape {features.shape} cannot be used; give a matrix of rows by columns."
        )
    if features.dtype.kind not in "buif":
        raise DataError(f"features of type {features.dtype} cannot be used; give numbers.")


def _check_finite(chunk: np.ndarray, start: int, names: tuple[str, ...]) -> None:
    finite = np.isfinite(chunk)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise DataError(
            f"column {names[column]!r}, row {start + row + 1:,} holds {chunk[row, column]}; "
            "leave the row out or clear the value."
        )


def _medians(
    features: np.ndarray, names: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """Return each column's median, minimum, maximum and count of NaNs; how many are NaN alone."""
    missing = np.zeros(features.shape[1], np.int64)
    for start, chunk in row_chunks(features):
        absent = np.isnan(chunk)
        missing += absent.sum(axis=0)
        _check_finite(np.where(absent, 0, chunk), start, names)
    medians, lowest, highest = np.zeros((3, features.shape[1]))
    for index, absent in enumerate(missing):
        column = np.array(features[:, index], np.float64)
        if absent:
            column = column[~np.isnan(column)]
        if column.size:
            medians[index] = np.median(column, overwrite_input=True)
            lowest[index], highest[index] = column.min(), column.max()
    return medians, lowest, highest, missing, int((missing == len(features)).sum())


def _origins(
    lowest: np.ndarray, highest: np.ndarray, image_shape: tuple[int, ...] | None
) -> np.ndarray | None:
    """Return what is to be subtracted: the minimum of a column or channel far from zero."""
    if image_shape is not None:
        channels = image_shape[2] if len(image_shape) == 3 else 1
        lowest = np.resize(lowest.reshape(-1, channels).min(axis=0), lowest.size)
        highest = np.resize(highest.reshape(-1, channels).max(axis=0), highest.size)
    with np.errstate(over="ignore"):
        far = far_from_zero(lowest, highest, highest - lowest)
    return np.where(far, lowest, 0.0) if far.any() else None


def _note_on_origins(origins: np.ndarray, names: tuple[str, ...]) -> str:
    far = np.flatnonzero(origins)
    if len(far) == 1:
        what = f"column {names[far[0]]!r} lies"
    else:
        what = f"{len(far):,} columns lie" if len(far) < len(origins) else "all columns lie"
    return f"{what} far from zero; the least value of the training rows is subtracted first."
