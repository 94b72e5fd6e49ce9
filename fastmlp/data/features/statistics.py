"""Target statistics: the mean of the target in the rows of a text, as an input of the network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.data import stored
from fastmlp.errors import DataError

from .spellings import other_spellings, spelt_gap
from .targets import TargetEncoder

if TYPE_CHECKING:
    import polars

SMOOTHING = 10.0  # rows that the mean of all counts for, beside those of the text
SPREAD = 2.0  # of the target's deviations: what a statistic of 1 deviation from the mean becomes


@dataclass(frozen=True, eq=False)
class TargetRows:
    """The training rows' target as statistics take it.

    Attributes
    ----------
    values
        (rows, statistics) float64: encoded values, or 0 and 1.
    folds
        (rows,) int64 from 0: rows of one fold get their statistics from those of the others.
    endings
        (statistics,) what stands behind a column's name for each.
    """

    values: np.ndarray
    folds: np.ndarray
    endings: tuple[str, ...]

    @classmethod
    def of(cls, encoder: TargetEncoder, encoded: np.ndarray, folds: np.ndarray) -> TargetRows:
        """Return what an encoder made of the target: of two classes whether it is the second, of
        more whether it is each, of values and labels each output.
        """
        if encoder.classes is None:
            width = encoded.shape[1]
            numbers = (f"={number}" for number in range(1, width + 1))
            endings = (":target",) if width == 1 else tuple(f":target{each}" for each in numbers)
            return cls(encoded.astype(np.float64), folds, endings)
        classes = np.arange(len(encoder.classes))
        if len(classes) == 2:
            return cls((encoded == 1)[:, None].astype(np.float64), folds, (":target",))
        values = (encoded[:, None] == classes).astype(np.float64)
        return cls(values, folds, tuple(f":target={label}" for label in encoder.classes))


@dataclass(frozen=True)
class TargetStatistics:
    """The statistics of a column's texts.

    That of a text with n training rows is t = (Σ y + a·prior)/(n + a), where prior is the mean of
    y in all rows and a = 10 (Micci-Barreca 2001, "A preprocessing scheme for high-cardinality
    categorical attributes", equation 3 with λ(n) = n/(n + a)). The network reads
    2·(t − centre)/deviation.
    """

    endings: tuple[str, ...]  # of TargetRows
    texts: tuple[str, ...]  # all that the training rows held, ascending
    has_missing: bool  # whether they had gaps
    # t of each text, of gaps where there were any, and of what was not seen: the prior
    values: tuple[tuple[float, ...], ...]
    centre: tuple[float, ...]  # means of what ``cross_fitted`` gave the training rows
    deviation: tuple[float, ...]  # of y in the training rows; 1 where it is constant

    @classmethod
    def fit(cls, texts: polars.Series, target: TargetRows) -> TargetStatistics:
        """Learn the statistics of a String column of training rows, of which some hold a text.

        Raises
        ------
        DataError
            If the target's values are too large to be added.
        """
        levels = tuple(texts.drop_nulls().unique().sort().to_list())
        has_missing = texts.null_count() > 0
        numbers = _numbers(texts, levels)
        with np.errstate(over="ignore", invalid="ignore"):
            everyone = np.zeros(len(numbers), np.int64)
            sums, counts = _sums(numbers, everyone, target.values, len(levels) + has_missing)
            prior = target.values.mean(axis=0)
            values = np.vstack([_smoothed(sums[0], counts[0], prior), prior])
            centre = _cross_fitted(numbers, target, len(levels) + has_missing).mean(axis=0)
            deviation = target.values.std(axis=0)
        if not all(np.isfinite(each).all() for each in (values, centre, deviation)):
            raise DataError(
                "the target's values are too large for target statistics; divide them by a "
                "constant."
            )
        is_constant = (target.values == target.values[0]).all(axis=0) | (deviation == 0)
        deviation = np.where(is_constant, 1.0, deviation)
        means = (tuple(each) for each in values.tolist())
        numbers = (tuple(each.tolist()) for each in (centre, deviation))
        return cls(target.endings, levels, has_missing, tuple(means), *numbers)

    def cross_fitted(
        self, texts: polars.Series, target: TargetRows, left_out: np.ndarray | None = None
    ) -> np.ndarray:
        """Return what the network reads of the training rows, (rows, statistics) float64.

        The statistics of a row come from the rows of the other folds alone, so that no row's own
        target stands among its inputs. Where rows are ``left_out``, they count for none, and have
        themselves those of all the rest.
        """
        numbers, places = _numbers(texts, self.texts), len(self.texts) + self.has_missing
        if left_out is None:
            return self._scaled(_cross_fitted(numbers, target, places))
        rest = ~left_out
        few = TargetRows(target.values[rest], target.folds[rest], target.endings)
        result = np.empty_like(target.values)
        result[rest] = _cross_fitted(numbers[rest], few, places)
        sums, counts = _sums(numbers[rest], np.zeros_like(few.folds), few.values, places)
        result[left_out] = _smoothed(sums[0], counts[0], few.values.mean(axis=0))[numbers[left_out]]
        return self._scaled(result)

    @cached_property
    def table(self) -> np.ndarray:
        """What the network reads of each place, (places, statistics) float64."""
        return self._scaled(np.array(self.values))

    def _scaled(self, statistics: np.ndarray) -> np.ndarray:
        return SPREAD * (statistics - np.array(self.centre)) / np.array(self.deviation)

    @property
    def unseen_place(self) -> int:
        """The place in the table of a text that training did not hold."""
        return len(self.values) - 1

    @cached_property
    def missing_place(self) -> int:
        """The place of a gap: its own, that of the only text that spells one, or of the unseen."""
        if self.has_missing:
            return len(self.texts)
        place = spelt_gap(self.texts)
        return self.unseen_place if place < 0 else place

    def places(self, gaps: tuple[str, ...]) -> dict[str, int]:
        """Return the places of all texts that have one, and of their other spellings.

        ``gaps`` are the spellings of one in this column.
        """
        others = other_spellings(self.texts, self.missing_place, self.has_missing, gaps)
        return others | {text: place for place, text in enumerate(self.texts)}

    def mean_of_others(self, levels: tuple[str, ...]) -> np.ndarray:
        """Return what the network reads on average of the texts that are none of the levels."""
        known = frozenset(levels)
        others = [place for place, text in enumerate(self.texts) if text not in known]
        return self.table[others or [self.unseen_place]].mean(axis=0)

    def to_dict(self) -> dict[str, Any]:
        """Return the statistics as JSON can hold them."""
        lists = ("endings", "texts", "centre", "deviation")
        kept = {key: list(getattr(self, key)) for key in lists}
        values = [list(each) for each in self.values]
        return kept | {"has_missing": self.has_missing, "values": values}

    @classmethod
    def from_dict(cls, kept: Any) -> TargetStatistics:
        """Return the statistics that ``to_dict`` described, every entry checked."""
        endings, texts = stored.texts(kept, "endings"), stored.texts(kept, "texts")
        if not endings:
            raise stored.damaged("endings", "at least one text", list(endings))
        has_missing = stored.entry(kept, "has_missing", bool)
        rows, places = stored.entry(kept, "values", list), len(texts) + has_missing + 1
        if not texts or len(rows) != places:
            raise stored.damaged("values", f"a row for each of {places:,} places", len(rows))
        width = len(endings)
        values = tuple(_kept_numbers({"values": row}, "values", width) for row in rows)
        centre = _kept_numbers(kept, "centre", width)
        deviation = _kept_numbers(kept, "deviation", width, positive=True)
        return cls(endings, texts, has_missing, values, centre, deviation)


def _kept_numbers(kept: Any, key: str, width: int, positive: bool = False) -> tuple[float, ...]:
    vector = stored.vector(kept, key, width, positive=positive)
    assert vector is not None  # as it may not be
    return tuple(vector.tolist())


def _numbers(texts: polars.Series, levels: tuple[str, ...]) -> np.ndarray:
    """Return the place of each row's text among the levels, a gap's behind them, int64 (rows,)."""
    import polars

    places = texts.cast(polars.Enum(levels)).to_physical().cast(polars.Int64)
    return places.fill_null(len(levels)).to_numpy()


def _sums(
    numbers: np.ndarray, folds: np.ndarray, values: np.ndarray, places: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return Σ y as (folds, places, statistics), and the rows (folds, places, 1), of each fold."""
    count = int(folds.max()) + 1
    cells = folds * places + numbers
    columns = [np.bincount(cells, column, count * places) for column in values.T]
    sums = np.stack(columns, axis=1).reshape(count, places, -1)
    counts = np.bincount(cells, minlength=count * places)
    return sums, counts.reshape(count, places, 1)


def _smoothed(sums: np.ndarray, counts: np.ndarray, prior: np.ndarray) -> np.ndarray:
    return (sums + SMOOTHING * prior) / (counts + SMOOTHING)


def _cross_fitted(numbers: np.ndarray, target: TargetRows, places: int) -> np.ndarray:
    """Return t of each row from the rows of the other folds, (rows, statistics)."""
    sums, counts = _sums(numbers, target.folds, target.values, places)
    result = np.empty_like(target.values)
    for fold in range(len(sums)):
        others = np.arange(len(sums)) != fold
        # Added up anew rather than subtracted from the sum of all: what is left of the fold's own
        # values after a subtraction is little, but it is not nothing.
        left, rows = sums[others].sum(axis=0), counts[others].sum(axis=0)
        prior = left.sum(axis=0) / max(1, rows.sum())
        own = target.folds == fold
        result[own] = _smoothed(left, rows, prior)[numbers[own]]
    return result
