"""One column of a table as columns of numbers: numbers are imputed, texts become one-hot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.data import stored
from fastmlp.data.readings.kinds.levels import Levels
from fastmlp.data.readings.reading import CELLS, ColumnReading
from fastmlp.data.readings.words import counted, listed
from fastmlp.errors import DataError, ModelFileError

from .encoding import Encoding, indicator_name
from .order_statistics.medians import column_ranges
from .scaling import far_from_zero
from .spellings import other_spellings, spelt_gap
from .statistics import TargetRows, TargetStatistics

if TYPE_CHECKING:
    import polars

MAXIMUM_CODES = (
    10_000  # of an embedded column: float32 holds them exactly, a table of them is small
)
NUMERIC_KINDS = ("number", "truth", "date", "time", "duration")
MICROSECONDS_A_DAY = 86_400_000_000
# What spelt a gap when models did not say so themselves.
EARLIER_GAPS = ("NA", "N/A", "nan", "NaN", "null", "NULL", "None", "?")


@dataclass(frozen=True)
class NumericColumn:
    """A column of numbers, truth values, dates or times; gaps become the training rows' median."""

    # how its cells are read: "number", "truth" (0 and 1), "date" (days), "time" or "duration"
    # (seconds)
    reading: ColumnReading
    # what is subtracted before the values are narrowed to float32, in the same unit: dates and
    # other columns that lie far from zero would lose their differences otherwise
    origin: float
    median: float  # median of the training rows' values, origin subtracted
    # whether a second output column is 1 in the rows of a gap, and 0 elsewhere
    has_indicator: bool = False

    @property
    def name(self) -> str:
        """The column's name in the table."""
        return self.reading.name

    @property
    def output_names(self) -> tuple[str, ...]:
        """The output column, called as the column is, and its indicator where it has one."""
        return (self.name, indicator_name(self.name)) if self.has_indicator else (self.name,)

    @property
    def unscaled(self) -> tuple[bool, ...]:
        """The indicator is not scaled."""
        return (False, True) if self.has_indicator else (False,)

    @classmethod
    def fit_all(
        cls,
        readings: Sequence[ColumnReading],
        values: np.ndarray,
        indicators: bool = False,
        gaps: np.ndarray | None = None,
    ) -> list[NumericColumn | None]:
        """Learn origins and medians of float64 (rows, columns), gaps NaN; None if all are gaps.

        With ``indicators`` a column that has gaps gets one. ``gaps`` counts them by column, if they
        are counted.
        """
        counts = np.count_nonzero(np.isnan(values), axis=0) if gaps is None else gaps
        lowest, medians, highest = column_ranges(values)
        with np.errstate(over="ignore"):
            far = far_from_zero(lowest, highest, highest - lowest)
        is_date = np.array([reading.kind == "date" for reading in readings], bool)
        origins = np.where(far | is_date, lowest, 0.0)
        return [
            None
            if math.isnan(median)
            else cls(reading, float(origin), float(median), indicators and bool(count))
            for reading, origin, median, count in zip(
                readings, origins, medians - origins, counts, strict=True
            )
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the column as JSON can hold it."""
        kept = {**self.reading.to_dict(), "origin": self.origin, "median": self.median}
        return kept | ({"indicator": True} if self.has_indicator else {})

    @classmethod
    def from_dict(cls, kept: Any) -> NumericColumn:
        """Return the column that ``to_dict`` described, every entry checked."""
        origin, median = (stored.number(kept, key) for key in ("origin", "median"))
        has_indicator = stored.entry({"indicator": False, **kept}, "indicator", bool)
        return cls(ColumnReading.from_dict(kept), origin, median, has_indicator)


@dataclass(frozen=True)
class CategoryColumn:
    """A column of texts; each level has an output column, 1 in the rows of that level.

    Or they share one, which holds the level's number: a code, for a network to embed. Behind these
    may stand columns of target statistics.
    """

    reading: ColumnReading  # how its cells are read: as "text"
    levels: tuple[str, ...]  # the texts that have an output column of their own
    # whether rare texts share a level "(other)", to which texts unseen in training go as well.
    # Without it such a text is all zeros.
    has_other: bool
    # whether a missing text is a level "(missing)". Without it a missing text is all zeros.
    has_missing: bool
    # whether there is one output column, of codes. Such a column has both levels, (other) and
    # (missing), whatever training saw.
    is_coded: bool = False
    statistics: TargetStatistics | None = None

    @property
    def name(self) -> str:
        """The column's name in the table."""
        return self.reading.name

    @property
    def codes(self) -> int:
        """How many different codes or one-hot columns there are."""
        return len(self.levels) + self.has_other + self.has_missing

    @property
    def output_names(self) -> tuple[str, ...]:
        """One name a level, as in ``colour=red``, or that of the column for codes; then
        ``colour:target`` or the like.
        """
        endings = () if self.statistics is None else self.statistics.endings
        levels = (f"{self.name}={level}" for level in self.output_levels)
        own = (self.name,) if self.is_coded else levels
        return (*own, *(f"{self.name}{ending}" for ending in endings))

    @property
    def own_width(self) -> int:
        """How many output columns there are before those of statistics."""
        return 1 if self.is_coded else len(self.output_levels)

    @property
    def output_levels(self) -> tuple[str, ...]:
        """What each code or one-hot column stands for: a text, ``(other)`` or ``(missing)``."""
        extra = ("(other)",) * self.has_other + ("(missing)",) * self.has_missing
        return (*self.levels, *extra)

    @property
    def unscaled(self) -> tuple[bool, ...]:
        """No level is scaled; statistics are already."""
        return (True,) * len(self.output_names)

    @classmethod
    def fit(
        cls,
        reading: ColumnReading,
        texts: polars.Series,
        encoding: Encoding = Encoding(),  # noqa: B008  it cannot be changed
        target: TargetRows | None = None,
    ) -> CategoryColumn | None:
        """Learn the levels; return None if every value is missing.

        They are as many as the encoding allows, or 10,000 in a column that holds codes. With a
        ``target`` a column of more texts than ``encoding.target_statistics`` has these.
        """
        found = texts.alias("text").drop_nulls().value_counts(name="rows").sort("text")
        present, counts = found["text"].to_numpy().astype(object), found["rows"].to_numpy()
        if present.size == 0:
            return None
        has_missing = texts.null_count() > 0
        statistics = None
        if target is not None and 0 < encoding.target_statistics < present.size:
            statistics = TargetStatistics.fit(texts, target)
        above = encoding.embed_above
        is_coded = above is not None and present.size + has_missing > above
        room = (MAXIMUM_CODES if is_coded else encoding.max_levels) - (is_coded or has_missing)
        enough = int((counts >= encoding.level_rows).sum())
        has_other = present.size > min(room, enough)
        if has_other:
            frequent = np.argsort(-counts, kind="stable")[: min(room - 1, enough)]
            present = present[np.sort(frequent)]
        flags = (is_coded or has_other, is_coded or has_missing, is_coded)
        return cls(reading, tuple(present.tolist()), *flags, statistics)

    @property
    def missing_position(self) -> int:
        """The output column of a missing text, or -1.

        Where training saw no gap but a word that spells one elsewhere, a gap is that word.
        """
        if self.has_missing:
            return len(self.levels) + self.has_other
        return spelt_gap(self.levels)

    @cached_property
    def other_spellings(self) -> dict[str, int]:
        """The output columns of texts that are no level but spell one, or a gap."""
        gap = self.missing_position
        return other_spellings(self.levels, gap, self.has_missing, self.reading.gaps)

    def position_of(self, text: str) -> int:
        """Return the output column of a text that is no level; -1 if it becomes all zeros."""
        return self.other_spellings.get(text, len(self.levels) if self.has_other else -1)

    def write(
        self, texts: polars.Series, output: np.ndarray, notes: list[str] | None = None
    ) -> None:
        """Write into ``output`` ones and zeros (rows, levels) or codes (rows, 1), and behind them
        the statistics of a column that has some.

        Texts unseen in training are noted where they are no level's.
        """
        column = Levels.of(texts.alias(CELLS))
        places = {level: place for place, level in enumerate(self.levels)}
        held = column.texts.to_list()
        unseen = self._unseen(held)
        places |= {None: self.missing_position, **{text: self.position_of(text) for text in unseen}}
        positions = np.array([places[text] for text in held], np.int64)
        codes = None if column.codes is None else column.codes.to_numpy()
        if codes is not None:
            positions = positions[codes]
        if self.is_coded:
            output[:, 0] = positions
        else:
            output[:] = 0
            rows = np.flatnonzero(positions >= 0)
            output[rows, positions[rows]] = 1
        if self.statistics is not None:
            places = self._statistic_places(held)
            read = self.statistics.table[places if codes is None else places[codes]]
            output[:, self.own_width :] = read
        if notes is not None:
            notes += self._surprises(texts.null_count(), unseen)

    def surprises(self, texts: polars.Series) -> list[str]:
        """Return the notes that ``write`` makes on texts."""
        column = Levels.of(texts.alias(CELLS))
        return list(self._surprises(texts.null_count(), self._unseen(column.texts.to_list())))

    def _unseen(self, held: list[str | None]) -> list[str]:
        known = set(self.levels)
        return sorted({text for text in held if text is not None and text not in known})

    def _statistic_places(self, held: list[str | None]) -> np.ndarray:
        assert self.statistics is not None
        unseen, missing = self.statistics.unseen_place, self.statistics.missing_place
        place_of = self._known_places
        places = (missing if text is None else place_of.get(text, unseen) for text in held)
        return np.fromiter(places, np.int64, len(held))

    @cached_property
    def _known_places(self) -> dict[str, int]:
        assert self.statistics is not None
        return self.statistics.places(self.reading.gaps)

    @property
    def beside_levels(self) -> np.ndarray:
        """The statistics of each level, of "(other)" their mean, (levels, statistics) float64."""
        if self.statistics is None:
            return np.empty((len(self.output_levels), 0))
        table, places = self.statistics.table, self._known_places
        rows = [table[places[level]] for level in self.levels]
        rows += [self.statistics.mean_of_others(self.levels)] * self.has_other
        rows += [table[self.statistics.missing_place]] * self.has_missing
        return np.array(rows)

    def _surprises(self, gaps: int, unseen: list[str]) -> Iterator[str]:
        if gaps and not self.has_missing:
            level = self.missing_position
            meant = f"the level {self.levels[level]!r}" if level >= 0 else "none of its levels"
            yield (
                f"column {self.name!r} lacks {counted(gaps, 'value')}, though none was missing in "
                f"training; {'counts' if gaps == 1 else 'each counts'} as {meant}."
            )
        unknown = [] if self.has_other else [text for text in unseen if self.position_of(text) < 0]
        if unknown:
            what, count = ("a text", "it counts") if len(unknown) == 1 else ("texts", "they count")
            yield (
                f"column {self.name!r} holds {what} that training did not: {listed(unknown)}; "
                f"{count} as none of its levels."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the column as JSON can hold it."""
        kept = {"name": self.name, "kind": "category", "gaps": list(self.reading.gaps)}
        flags = {"has_other": self.has_other, "has_missing": self.has_missing}
        coded = {"is_coded": True} if self.is_coded else {}
        kept |= {"levels": list(self.levels)} | flags | coded
        statistics = self.statistics
        return kept if statistics is None else kept | {"statistics": statistics.to_dict()}

    @classmethod
    def from_dict(cls, kept: Any) -> CategoryColumn:
        """Return the column that ``to_dict`` described, every entry checked."""
        levels = stored.texts(kept, "levels")
        if not levels and not stored.entry(kept, "has_other", bool):
            raise ModelFileError(
                "the model's data description is damaged: a text column has no levels."
            )
        gaps = stored.texts(kept, "gaps") if "gaps" in kept else EARLIER_GAPS
        reading = ColumnReading(stored.entry(kept, "name", str), "text", gaps=gaps)
        given = {"is_coded": False, **kept}  # models older than embeddings do not say
        has_other, has_missing, is_coded = (
            stored.entry(given, key, bool) for key in ("has_other", "has_missing", "is_coded")
        )
        if is_coded and not (has_other and has_missing):
            raise stored.damaged("is_coded", "with other and missing levels alone", True)
        about = kept.get("statistics")
        statistics = None if about is None else TargetStatistics.from_dict(about)
        return cls(reading, levels, has_other, has_missing, is_coded, statistics)


def column_from_dict(kept: Any) -> NumericColumn | CategoryColumn:
    """Return the column of either sort that its ``to_dict`` described."""
    kind = stored.word(kept, "kind", (*NUMERIC_KINDS, "category"))
    return (CategoryColumn if kind == "category" else NumericColumn).from_dict(kept)


def as_numbers(frame: polars.DataFrame) -> np.ndarray:
    """Return numbers, truth values, dates or times as float64 (rows, columns), gaps as NaN."""
    import polars

    if any(dtype != polars.Float64 for dtype in frame.dtypes):
        places = enumerate(frame)
        frame = polars.DataFrame([_as_float(series.alias(str(place))) for place, series in places])
    return frame.to_numpy(writable=True)


def _as_float(series: polars.Series) -> polars.Series:
    import polars

    dtype = series.dtype
    if dtype == polars.Datetime:
        return series.dt.timestamp("us").cast(polars.Float64) / MICROSECONDS_A_DAY
    if dtype == polars.Time:
        return series.cast(polars.Int64).cast(polars.Float64) / 1e9
    if dtype == polars.Duration:
        return series.dt.total_microseconds().cast(polars.Float64) / 1e6
    return series.cast(polars.Float64)


def to_numbers(series: polars.Series) -> polars.Series:
    """Return a column as finite float64 with null for gaps, for a model trained on plain numbers.

    Raises
    ------
    DataError
        If the column holds something else or an infinity; the message names the column and the
        first such value.
    """
    import polars

    reading = ColumnReading(series.name, "number")
    numbers = reading.read(series)
    odd = reading.odd_cells(series, numbers)
    if odd.any():
        row = odd.arg_true()[0]
        raise DataError(
            f"column {series.name!r}, row {row + 1:,} holds {str(series[row])!r}; a finite number "
            "is needed there: leave the row out or clear the value."
        )
    return numbers.cast(polars.Float64)


def narrowed(
    values: np.ndarray, dtype: np.dtype, names: tuple[str, ...], first_row: int = 0
) -> np.ndarray:
    """Return finite (rows, columns) in ``dtype``; a DataError names a value too large for it."""
    with np.errstate(over="ignore"):
        result = values.astype(dtype)
    if not np.isfinite(result).all():
        row, column = np.argwhere(~np.isfinite(result))[0]
        raise DataError(
            f"column {names[column]!r}, row {first_row + row + 1:,} holds {values[row, column]:g}, "
            f"too large for {np.dtype(dtype).name}; divide the column or use float64."
        )
    return result
