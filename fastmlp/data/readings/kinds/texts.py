"""Columns of texts and what their cells could be; short columns share one pass."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar

from fastmlp.data.readings.reading import TRUTHS

from .cells import SHORT
from .dates import could_be_dates, date_like, parse_dates, parse_times
from .durations import duration_like, parse_durations
from .gaps import gap_cells, without_gaps
from .levels import Levels
from .numbers import Signs, infinite_cells, parse_numbers, sign_marks, units_in

if TYPE_CHECKING:
    import polars

Found = TypeVar("Found")


class _Shared:
    """Texts of one column or of several below each other, and what was found of them."""

    def __init__(self, texts: polars.Series):
        self.texts = texts
        self.found: dict[Hashable, Any] = {}

    def get(self, key: Hashable, find: Callable[[polars.Series], Found]) -> Found:
        if key not in self.found:
            self.found[key] = find(self.texts)
        return self.found[key]


class Texts:
    """A column of trimmed texts.

    Attributes
    ----------
    levels
        Its different texts; what the other attributes and methods return belongs to these, and
        ``levels`` makes rows of it.
    """

    def __init__(self, levels: Levels, shared: _Shared, start: int, gaps: tuple[str, ...]):
        self.levels, self._shared, self._start, self._gaps = levels, shared, start, gaps

    @property
    def is_gap(self) -> polars.Series:
        """Which texts can only be gaps in a column of numbers."""
        return self._own("gap", lambda texts: gap_cells(texts, self._gaps))

    @property
    def present(self) -> polars.Series:
        """The texts that can be more than a gap."""
        return self._own("present", self._present)

    @property
    def gap_words(self) -> tuple[str, ...]:
        """The spellings of a gap among them."""
        if not self.is_gap.any():
            return ()
        return tuple(self.levels.texts.filter(self.is_gap).unique().to_list())

    @property
    def are_truths(self) -> bool:
        """Whether all that are present are true or false."""

        def is_truth(texts: polars.Series) -> polars.Series:
            return texts.str.to_lowercase().is_in(list(TRUTHS)).fill_null(True)

        if len(self.levels.texts) >= SHORT and not is_truth(self.present.head(SHORT)).all():
            return False
        return bool(self._own("truth", lambda texts: is_truth(self._present(texts))).all())

    @property
    def could_be_dates(self) -> bool:
        """Whether some look like dates or times."""
        if len(self.levels.texts) >= SHORT:
            return could_be_dates(self.present)
        return could_be_dates(self.present, self._own("date-like", date_like))

    @property
    def signs(self) -> Signs:
        """What they say of the decimal sign."""
        marks = [
            self._own(("sign", place), lambda texts, place=place: self._marks()[place])
            for place in range(4)
        ]
        return Signs(*map(self.levels.count, marks))

    def numbers(self, decimal: str) -> polars.Series:
        """Return them as numbers; what is none is null."""
        return self._own(
            ("number", decimal), lambda texts: parse_numbers(self._present(texts), decimal)
        )

    def times(self) -> polars.Series:
        """Return them as times of day; what is none is null."""
        return self._own("time", lambda texts: parse_times(self._present(texts)))

    def dates(self, order: str) -> polars.Series:
        """Return them as dates; what is none is null."""
        return self._own(("date", order), lambda texts: parse_dates(self._present(texts), order))

    @property
    def could_be_durations(self) -> bool:
        """Whether some look like spans of time."""
        if len(self.levels.texts) >= SHORT:
            return bool(duration_like(self.present.drop_nulls().head(200)).any())
        return bool(self._own("span-like", duration_like).any())

    def durations(self) -> polars.Series:
        """Return them as spans of time; what is none is null."""
        return self._own("span", lambda texts: parse_durations(self._present(texts)))

    @property
    def infinite(self) -> polars.Series:
        """Which of them spell an infinity."""
        return self._own("infinite", infinite_cells)

    @property
    def units(self) -> polars.Series:
        """What stands behind the number in each; null where nothing does."""
        return self._own("unit", lambda texts: units_in(self._present(texts)))

    def without(self, words: tuple[str, ...]) -> polars.Series:
        """Return the texts with some words null."""
        return self._own(("without", words), lambda texts: without_gaps(texts, words))

    def forget(self) -> None:
        """Let go of what was found, which is much for a long column."""
        if len(self.levels.texts) >= SHORT:
            self._shared.found.clear()

    def _own(self, key: Hashable, find: Callable[[polars.Series], polars.Series]) -> polars.Series:
        return self._shared.get(key, find).slice(self._start, len(self.levels.texts))

    def _present(self, texts: polars.Series) -> polars.Series:
        is_gap = self._shared.get("gap", lambda texts: gap_cells(texts, self._gaps))
        return self._shared.get("present", lambda texts: texts.set(is_gap, None))

    def _marks(self) -> tuple[polars.Series, ...]:
        return self._shared.get("marks", sign_marks)


def texts_of(columns: dict[str, Levels], gaps: tuple[str, ...]) -> dict[str, Texts]:
    """Return columns of trimmed texts to be looked at; ``gaps`` are gaps beside the usual words."""
    import polars

    short = {name: levels for name, levels in columns.items() if len(levels.texts) < SHORT}
    result, start = {}, 0
    if short:
        shared = _Shared(
            polars.concat([levels.texts.alias("") for levels in short.values()], rechunk=True)
        )
    for name, levels in columns.items():
        if name in short:
            result[name] = Texts(levels, shared, start, gaps)
            start += len(levels.texts)
        else:
            result[name] = Texts(levels, _Shared(levels.texts), 0, gaps)
    return result
