"""Levels: a long column of texts as its different texts and which of them every row holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .gaps import trimmed

if TYPE_CHECKING:
    import polars

LONG = 10_000  # rows, from which on looking for equal texts pays
SHARE = 0.25  # of the rows: with more different texts than that it does not


@dataclass(frozen=True, eq=False)
class Levels:
    """A column of texts."""

    # the different texts in the order in which they come first, null among them if the column has
    # gaps; the column itself where it is short or most texts are different
    texts: polars.Series
    # UInt32 (rows,): which of the texts each row holds; None where these are the rows
    codes: polars.Series | None = None
    counts: np.ndarray | None = None  # int64 (texts,): how many rows hold each; None for one each

    @classmethod
    def of(cls, column: polars.Series) -> Levels:
        """Return the levels of a String column."""
        import polars

        if len(column) < LONG:
            return cls(column)
        different: Any = column.approx_n_unique()  # a number, which polars' annotation leaves open
        if different > SHARE * len(column):
            return cls(column)
        categories = column.cast(polars.Categorical)
        levels = categories.unique(maintain_order=True)
        physical = (each.to_physical().cast(polars.Int64) for each in (levels, categories))
        numbers, rows = (each.fill_null(-1).to_numpy() for each in physical)
        # The last is that of null, whose number is -1.
        places = np.zeros(int(numbers.max()) + 2, np.uint32)
        places[numbers] = np.arange(len(numbers), dtype=np.uint32)
        codes = places[rows]
        counts = np.bincount(codes, minlength=len(numbers))
        return cls(levels.cast(polars.String), polars.Series(codes), counts)

    def trimmed(self) -> Levels:
        """Return the same without blanks around the texts; empty ones are null."""
        return replace(self, texts=trimmed(self.texts))

    def count(self, which: polars.Series) -> int:
        """Return how many rows hold one of the texts for which a Boolean is true."""
        return int(which.sum()) if self.counts is None else int(self.counts[which.to_numpy()].sum())

    def rows(self, values: polars.Series) -> polars.Series:
        """Return for each row what belongs to its text."""
        return values if self.codes is None else values.gather(self.codes)
