"""TextColumn: a column of texts that are not all plain numbers, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from .dates import DateOrder, order_of
from .levels import Levels
from .numbers import Signs
from .texts import Texts

if TYPE_CHECKING:
    import polars
YEAR_FIRST = r"^[0-9]{4}[^0-9]"


def few(odd: int, present: int) -> bool:
    """Return whether so few cells are of another sort that a column is what the rest is."""
    return odd < present and (odd <= 0.05 * present or (odd == 1 and present >= 10))


@dataclass(frozen=True)
class TextColumn:
    """A column of texts that are not all plain numbers."""

    name: str  # the column's name
    texts: Texts  # its cells, and what was found of them
    decimal: str  # the sign of decimals in it
    signs: Signs  # what its cells say of that

    @property
    def levels(self) -> Levels:
        """Its different texts, and which of them each row holds."""
        return self.texts.levels

    @property
    def present(self) -> polars.Series:
        """The different texts without the words that can only be gaps among numbers."""
        return self.texts.present

    @cached_property
    def count(self) -> int:
        """How many cells are no gap."""
        return self.levels.count(self.present.is_not_null())

    @property
    def numbers(self) -> polars.Series:
        """The texts as numbers."""
        return self.texts.numbers(self.decimal)

    def odd(self, read: polars.Series) -> polars.Series:
        """Return which texts were read as nothing."""
        return read.is_null() & self.present.is_not_null()

    def fits(self, read: polars.Series) -> bool:
        """Return whether all but few cells were read."""
        return few(self.levels.count(self.odd(read)), self.count)

    def share(self, read: polars.Series) -> float:
        """Return the share of the cells that were read."""
        return 1 - self.levels.count(self.odd(read)) / self.count

    def order(self, usual: str | None) -> DateOrder:
        """Return the order of day, month and year of dates; ``usual`` is another column's."""
        found = order_of(self.present, usual)
        if self.levels.codes is None or self.present.str.contains(YEAR_FIRST).fill_null(True).all():
            return found
        # The frequency of each text and the sequence of the rows tell days from months.
        return order_of(self.levels.rows(self.present), usual)
