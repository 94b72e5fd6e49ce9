"""How one column of a table becomes columns of numbers: numeric columns impute, text columns become one-hot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.data import stored
from fastmlp.errors import DataError, ModelFileError

if TYPE_CHECKING:
    import polars

MAXIMUM_LEVELS = 64
KINDS = ("number", "date", "time", "duration")
MICROSECONDS_A_DAY = 86_400_000_000


@dataclass(frozen=True)
class NumericColumn:
    """A column of numbers, truth values, dates or times; missing values become the training rows' median.

    Parameters
    ----------
    name
        The column's name in the table.
    kind
        "number" (booleans are 0 and 1), "date" (days), "time" or "duration" (seconds).
    origin
        What is subtracted before the values are narrowed to float32, in the same unit: dates and other columns that lie
        far from zero would lose their differences otherwise.
    median
        Median of the training rows' values, origin subtracted.
    """

    name: str
    kind: str
    origin: float
    median: float

    @property
    def output_names(self) -> tuple[str, ...]:
        """The one output column, called as the column is."""
        return (self.name,)

    @classmethod
    def fit(cls, series: polars.Series) -> NumericColumn | None:
        """Learn origin and median; return None if every value is missing."""
        kind = _kind_of(series)
        values = to_numbers(series, kind).drop_nulls().to_numpy()
        if values.size == 0:
            return None
        lowest, highest = float(values.min()), float(values.max())
        with np.errstate(over="ignore"):
            resolution = float(np.spacing(np.float32(max(abs(lowest), abs(highest)))))
        too_coarse = np.isfinite(resolution) and highest > lowest and resolution > 1e-4 * (highest - lowest)
        origin = lowest if kind == "date" or too_coarse else 0.0
        return cls(series.name, kind, origin, float(np.median(values)) - origin)

    def write(self, series: polars.Series, output: np.ndarray) -> None:
        """Write the column's numbers into ``output``, (rows, 1)."""
        values = to_numbers(series, self.kind) - self.origin
        output[:, 0] = narrowed(values.fill_null(self.median).to_numpy()[:, None], output.dtype, self.output_names)[
            :, 0
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the column as JSON can hold it."""
        return {"name": self.name, "kind": self.kind, "origin": self.origin, "median": self.median}

    @classmethod
    def from_dict(cls, kept: Any) -> NumericColumn:
        """Return the column that ``to_dict`` described, every entry checked."""
        return cls(
            stored.entry(kept, "name", str),
            stored.word(kept, "kind", KINDS),
            stored.number(kept, "origin"),
            stored.number(kept, "median"),
        )


@dataclass(frozen=True)
class CategoryColumn:
    """A column of texts; each level becomes an output column that is 1 where the row has that level.

    Parameters
    ----------
    name
        The column's name in the table.
    levels
        The texts that have an output column of their own.
    has_other
        Whether rare texts share a level "(other)", to which texts unseen in training go as well. Without it such a text
        is all zeros.
    has_missing
        Whether a missing text is a level "(missing)". Without it a missing text is all zeros.
    """

    name: str
    levels: tuple[str, ...]
    has_other: bool
    has_missing: bool

    @property
    def output_names(self) -> tuple[str, ...]:
        """One name a level, as in ``colour=red``."""
        extra = ("(other)",) * self.has_other + ("(missing)",) * self.has_missing
        return tuple(f"{self.name}={level}" for level in (*self.levels, *extra))

    @classmethod
    def fit(cls, series: polars.Series) -> CategoryColumn | None:
        """Learn the levels, at most 64 of them; return None if every value is missing."""
        texts = to_texts(series)
        present, counts = np.unique(texts.drop_nulls().to_numpy().astype(object), return_counts=True)
        if present.size == 0:
            return None
        has_missing = texts.null_count() > 0
        room = MAXIMUM_LEVELS - has_missing
        has_other = present.size > room
        if has_other:
            frequent = np.argsort(-counts, kind="stable")[: room - 1]
            present = present[np.sort(frequent)]
        return cls(series.name, tuple(present.tolist()), has_other, has_missing)

    def write(self, series: polars.Series, output: np.ndarray) -> None:
        """Write ones and zeros into ``output``, (rows, levels)."""
        import polars

        texts = to_texts(series)
        unseen = len(self.levels) if self.has_other else -1
        missing = len(self.levels) + self.has_other if self.has_missing else -1
        positions = texts.replace_strict(
            polars.Series(self.levels, dtype=polars.String),
            polars.Series(range(len(self.levels)), dtype=polars.Int32),
            default=unseen,
            return_dtype=polars.Int32,
        ).to_numpy(writable=True)
        positions[texts.is_null().to_numpy()] = missing
        output[:] = 0
        rows = np.flatnonzero(positions >= 0)
        output[rows, positions[rows]] = 1

    def to_dict(self) -> dict[str, Any]:
        """Return the column as JSON can hold it."""
        return {
            "name": self.name,
            "kind": "category",
            "levels": list(self.levels),
            "has_other": self.has_other,
            "has_missing": self.has_missing,
        }

    @classmethod
    def from_dict(cls, kept: Any) -> CategoryColumn:
        """Return the column that ``to_dict`` described, every entry checked."""
        levels = stored.texts(kept, "levels")
        if not levels:
            raise ModelFileError("the model's data description is damaged: a text column has no levels.")
        return cls(
            stored.entry(kept, "name", str),
            levels,
            stored.entry(kept, "has_other", bool),
            stored.entry(kept, "has_missing", bool),
        )


def column_from_dict(kept: Any) -> NumericColumn | CategoryColumn:
    """Return the column of either sort that its ``to_dict`` described."""
    kind = stored.word(kept, "kind", (*KINDS, "category"))
    return (CategoryColumn if kind == "category" else NumericColumn).from_dict(kept)


def is_text(series: polars.Series) -> bool:
    """Tell whether a column holds texts, which become one-hot."""
    import polars

    return isinstance(series.dtype, (polars.String, polars.Categorical, polars.Enum))


def to_texts(series: polars.Series) -> polars.Series:
    """Return a column's values as texts; missing ones stay missing."""
    import polars

    return series.cast(polars.String)


def to_numbers(series: polars.Series, kind: str) -> polars.Series:
    """Return a column as finite float64 in the unit of ``kind``; missing values and NaN are null.

    Raises
    ------
    DataError
        If the column holds something else or an infinity; the message names the column and the first such value.
    """
    import polars

    if is_text(series) and kind == "number":
        return _finite(_from_texts(series))
    if series.dtype == polars.Null or series.null_count() == len(series):
        return polars.Series(series.name, [None] * len(series), dtype=polars.Float64)
    if _kind_of(series) != kind:
        held = series.drop_nulls()[0]
        raise DataError(
            f"column {series.name!r} holds {str(held)!r}, of type {series.dtype}; "
            f"the model was trained on a {kind} there."
        )
    if kind == "date":
        return series.cast(polars.Datetime("us")).dt.timestamp("us").cast(polars.Float64) / MICROSECONDS_A_DAY
    if kind == "time":
        return series.cast(polars.Int64).cast(polars.Float64) / 1e9
    if kind == "duration":
        return series.dt.total_microseconds().cast(polars.Float64) / 1e6
    return _finite(series.cast(polars.Float64))


def narrowed(values: np.ndarray, dtype: np.dtype, names: tuple[str, ...], first_row: int = 0) -> np.ndarray:
    """Return finite (rows, columns) values in ``dtype``, or raise a DataError that names a value too large for it."""
    with np.errstate(over="ignore"):
        result = values.astype(dtype)
    if not np.isfinite(result).all():
        row, column = np.argwhere(~np.isfinite(result))[0]
        raise DataError(
            f"column {names[column]!r}, row {first_row + row + 1:,} holds {values[row, column]:g}, too large for "
            f"{np.dtype(dtype).name}; divide the column or use float64."
        )
    return result


def _kind_of(series: polars.Series) -> str:
    import polars

    dtype = series.dtype
    if dtype.is_numeric() or dtype in (polars.Boolean, polars.Null):
        return "number"
    if dtype in (polars.Date, polars.Datetime):
        return "date"
    if dtype == polars.Time:
        return "time"
    if dtype == polars.Duration:
        return "duration"
    if is_text(series):
        return "text"
    raise DataError(
        f"column {series.name!r} holds {dtype} values; numbers, texts, truth values, dates and times can be used."
    )


def _from_texts(series: polars.Series) -> polars.Series:
    import polars

    texts = to_texts(series).str.strip_chars()
    numbers = texts.cast(polars.Float64, strict=False)
    wrong = numbers.is_null() & texts.is_not_null()
    if wrong.any():
        row = wrong.arg_max()
        raise DataError(
            f"column {series.name!r}, row {row + 1:,} holds {texts[row]!r}; the model was trained on numbers there."
        )
    return numbers


def _finite(numbers: polars.Series) -> polars.Series:
    numbers = numbers.fill_nan(None)
    infinite = numbers.is_infinite().fill_null(False)
    if infinite.any():
        row = infinite.arg_max()
        raise DataError(
            f"column {numbers.name!r}, row {row + 1:,} holds {numbers[row]}; leave the row out or clear the value."
        )
    return numbers
