"""Looks: what the text columns of a table hold, found for all at once or for one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fastmlp.data.readings.reading import CELLS, as_texts, is_text, is_text_type

from .levels import Levels
from .plain import frame_of, plain_numbers
from .texts import Texts, texts_of

if TYPE_CHECKING:
    import polars

    from fastmlp.data.staged.table import Table


class Looks:
    """All text columns of a frame, looked at together and kept.

    Attributes
    ----------
    codes
        Names of columns of digits that are written as codes are.
    others
        The columns of texts that are no plain numbers, in the frame's order.
    """

    def __init__(self, raw: polars.DataFrame, gaps: tuple[str, ...]):
        self._raw, self._gaps = raw, gaps
        self._plain = plain_numbers(raw, gaps)
        self.codes = self._plain.codes
        names = (name for name in raw.columns if not self.is_plain(name))
        self.others = tuple(name for name in names if is_text(raw[name]))
        self._texts = dict(self.several(self.others))

    def is_plain(self, name: str) -> bool:
        """Return whether a column of texts holds plain numbers and gaps alone."""
        return name in self._plain.numbers

    def numbers(self, name: str) -> polars.Series:
        """Return the numbers of a plain column."""
        return self._plain.numbers[name]

    @property
    def floats(self) -> list[str]:
        """The plain columns whose numbers are not all whole."""
        return [name for name, each in self._plain.numbers.items() if each.dtype.is_float()]

    def gap_words(self, name: str) -> tuple[str, ...]:
        """Return the spellings of a gap in a plain column."""
        return self._plain.gap_words.get(name, ())

    def texts(self, name: str) -> Texts:
        """Return a column's texts, trimmed."""
        if name not in self._texts:
            self._texts |= self.several([name])
        return self._texts[name]

    def several(self, names: Iterable[str]) -> Iterator[tuple[str, Texts]]:
        """Return columns' texts, trimmed; short ones share what is looked up of them."""
        columns = {}
        for name in names:
            known = self._plain.levels.get(name)
            if known is None:
                known = Levels.of(as_texts(self._raw[name].alias(CELLS))).trimmed()
            columns[name] = known
        return iter(texts_of(columns, self._gaps).items())


class ColumnLooks:
    """The same of a table that memory does not hold: one column at a time, looked at whenever it
    is asked for.
    """

    def __init__(self, raw: Table, gaps: tuple[str, ...]):
        self._raw, self._gaps = raw, gaps
        self._last: tuple[str, Looks] | None = None
        self.codes: frozenset[str] = frozenset()
        self.floats: list[str] = []
        plain: set[str] = set()
        others: list[str] = []
        for name, dtype in raw.schema.items():
            if not is_text_type(dtype):
                continue
            look = self._at(name)
            self.codes |= look.codes
            self.floats += look.floats
            (plain.add if look.is_plain(name) else others.append)(name)
        self._plain, self.others = frozenset(plain), tuple(others)

    def is_plain(self, name: str) -> bool:
        """Return whether a column of texts holds plain numbers and gaps alone."""
        return name in self._plain

    def numbers(self, name: str) -> polars.Series:
        """Return the numbers of a plain column."""
        return self._at(name).numbers(name)

    def gap_words(self, name: str) -> tuple[str, ...]:
        """Return the spellings of a gap in a plain column."""
        return self._at(name).gap_words(name)

    def texts(self, name: str) -> Texts:
        """Return a column's texts, trimmed."""
        return self._at(name).texts(name)

    def several(self, names: Iterable[str]) -> Iterator[tuple[str, Texts]]:
        """Yield columns' texts, trimmed, one after the other."""
        for name in names:
            yield name, self.texts(name)

    def _at(self, name: str) -> Looks:
        if self._last is None or self._last[0] != name:
            self._last = None  # two columns are more than one
            self._last = name, Looks(frame_of([self._raw[name]]), self._gaps)
        return self._last[1]
