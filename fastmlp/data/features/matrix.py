"""Arrays as a plan: pixels and plain numbers, whose gaps become the training rows' medians."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.data import stored
from fastmlp.data.mapped.rows import MappedRows, Matrix
from fastmlp.data.source import numbered_names
from fastmlp.errors import DataError, did_you_mean

from .columns import narrowed, to_numbers
from .encoding import Encoding, indicator_name
from .inputs import InputColumn
from .order_statistics.streamed import order_statistics
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
        features: Matrix,
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
            assert isinstance(features, np.ndarray)  # what stays in a file is converted when read
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
        features: Matrix | polars.DataFrame,
        dtype: np.dtype,
        names: tuple[str, ...] | None = None,
        notes: list[str] | None = None,
    ) -> Matrix:
        """Return (rows, columns) less origins in ``dtype``, uint8 as it came; not copied if right.

        ``notes`` is there for tables; of arrays nothing is to be said.
        """
        if not isinstance(features, (np.ndarray, MappedRows)):
            features = self._from_frame(features)
        elif names is not None and self.names is not None and names != self.names:
            chosen = [self._position(name, names) for name in self.names]
            if isinstance(features, MappedRows):
                about = len(chosen), features.dtype
                features = features.converted(lambda block: block[:, chosen], *about)
            else:
                features = features[:, chosen]
        _check_matrix(features)
        if features.shape[1] != self.columns:
            raise DataError(
                f"the data has {features.shape[1]:,} columns; the model was trained on "
                f"{self.columns:,}."
            )
        if isinstance(features, MappedRows):
            return self._mapped(features, dtype)
        if not self.indicators:
            return self._numbers(features, dtype)
        numbers = self._numbers(features, dtype)
        return self._with_indicators(features, numbers.astype(dtype, copy=False))

    def _with_indicators(self, features: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        gaps = np.isnan(features[:, list(self.indicators)])
        return np.hstack([numbers, gaps.astype(numbers.dtype)])

    def _mapped(self, features: MappedRows, dtype: np.dtype) -> MappedRows:
        """Return rows that stay in their file, checked here and changed when they are read."""
        is_plain = self.origins is None and not self.indicators
        if features.dtype.kind != "f" and is_plain:  # as of bytes, which the kernels read
            return features
        has_gaps = False
        for start, chunk in row_chunks(features):
            has_gaps |= self._checked(chunk, dtype, start)[1]
        if is_plain and not has_gaps and features.dtype == dtype:
            return features

        def numbers(block: np.ndarray) -> np.ndarray:
            result = self._checked(block, dtype, 0)[0]
            return self._with_indicators(block, result) if self.indicators else result

        return features.converted(numbers, len(self.output_names), dtype)

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
            numbers, has_gaps = self._checked(chunk, dtype, start)
            if has_gaps and result is features:
                result = np.array(features)
            if result is not features:
                result[start : start + len(chunk)] = numbers
        return result

    def _checked(self, chunk: np.ndarray, dtype: np.dtype, start: int) -> tuple[np.ndarray, bool]:
        """Return rows, the first of which is row ``start``, as numbers in ``dtype``, and whether
        there were gaps.
        """
        missing = np.isnan(chunk)
        has_gaps = bool(missing.any())
        if has_gaps:
            if self.medians is None:
                raise self._no_median(missing, start)
            chunk = np.where(missing, self.medians, chunk)
        _check_finite(chunk, start, self.output_names)
        if not has_gaps and self.origins is None and chunk.dtype == dtype:
            return chunk, False
        if self.origins is not None:
            chunk = chunk - self.origins  # in float64, whatever the rows are
        return narrowed(chunk, dtype, self.output_names, start), has_gaps

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


def _check_matrix(features: Matrix) -> None:
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
    features: Matrix, names: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """Return each column's median, minimum, maximum and count of NaNs; how many are NaN alone."""
    missing = np.zeros(features.shape[1], np.int64)
    for start, chunk in row_chunks(features):
        absent = np.isnan(chunk)
        missing += absent.sum(axis=0)
        _check_finite(np.where(absent, 0, chunk), start, names)
    empty = int((missing == len(features)).sum())
    if isinstance(features, MappedRows):
        low, high = order_statistics(features, (0, 0.5, 1), len(features) - missing)
        middle = np.where(low[1] == high[1], low[1], (low[1] + high[1]) / 2)
        return middle + 0.0, low[0], high[2], missing, empty
    medians, lowest, highest = np.zeros((3, features.shape[1]))
    for index, absent in enumerate(missing):
        column = np.array(features[:, index], np.float64)
        if absent:
            column = column[~np.isnan(column)]
        if column.size:
            medians[index] = np.median(column, overwrite_input=True)
            lowest[index], highest[index] = column.min(), column.max()
    medians += 0.0  # turns -0.0 into 0.0: which of them is in the middle is by chance
    return medians, lowest, highest, missing, empty


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
