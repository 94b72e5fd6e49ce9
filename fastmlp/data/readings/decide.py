"""From a raw table to readings: each column's kind, and the spelling of its values and gaps."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING

from fastmlp.data.readings.kinds.levels import Levels
from fastmlp.data.readings.kinds.looks import ColumnLooks, Looks
from fastmlp.data.readings.kinds.numbers import (
    Signs,
    cells_like_numbers,
    marks_of,
    parse_integers,
    parse_numbers,
    signs_of,
    unit_of,
    without_unit,
)
from fastmlp.data.readings.kinds.text_column import TextColumn, few
from fastmlp.data.readings.kinds.texts import Texts
from fastmlp.data.staged.table import StagedTable

from .choices import ColumnChoices
from .decided import Decided, Nearly
from .reading import CELLS, ColumnReading, kind_of
from .words import shown

if TYPE_CHECKING:
    import polars

    from fastmlp.data.staged.table import Table

LEAST_SHARE = 0.5  # of a text column's cells, to say that they look like numbers or dates
FEW_LEVELS = 20  # so many texts that begin with digits are levels as good as others


def decide(
    raw: Table, choices: ColumnChoices, line_of: Callable[[int], str], separator: str | None = None
) -> Decided:
    """Decide how each column of a table is read.

    Parameters
    ----------
    raw
        Text columns as they were written, others typed; at least one row. Of a table that memory
        does not hold, one column is looked at after the other, and what is read goes to its shelf.
    choices
        What the user said.
    line_of
        The place of a row, for messages.
    separator
        Of a file of texts: where it is a semicolon, a comma is taken for the decimal sign if
        nothing else tells.

    Raises
    ------
    DataError
        If a column holds values that cannot be learnt from, such as lists.
    """
    return _Decision(raw, choices, line_of, separator).run()


class _Decision:
    """One pass over the columns; what is found in some of them helps to decide on others."""

    def __init__(
        self,
        raw: Table,
        choices: ColumnChoices,
        line_of: Callable[[int], str],
        separator: str | None,
    ):
        self.raw, self.choices, self.line_of = raw, choices, line_of
        self.gaps = choices.na_values or ()
        self.found = Decided(raw.height)
        self.read: MutableMapping[str, polars.Series] = {}
        self.labels: list[str] = []  # the columns of texts
        if isinstance(raw, StagedTable):
            self.read = raw.shelf()
            self.looks = ColumnLooks(raw, self.gaps)
        else:
            self.looks = Looks(raw, self.gaps)
        self.usual_decimal = choices.decimal or ("," if separator == ";" else ".")
        self.usual_order: str | None = None
        # Dates that fit two orders, until those of the other columns are known.
        self.waiting: list[tuple[str, str, Signs]] = []

    def run(self) -> Decided:
        """Decide on all columns, in their order."""
        columns, others = list(self.raw.columns), set(self.looks.others)
        signs = self._table_signs()
        for name in columns:
            if name in others:
                texts = self.looks.texts(name)
                self._decide_texts(name, texts, signs.get(name))
                texts.forget()
            elif self.looks.is_plain(name):
                self._decide_plain(name, signs.get(name))
            else:
                self._decide_typed(name)
        for name, decimal, signs_here in self.waiting:
            self._take_dates(TextColumn(name, self.looks.texts(name), decimal, signs_here), None)
        self._decide_text_gaps()
        readings = self.found.readings
        self.found.readings = {name: readings[name] for name in columns if name in readings}
        self.found.columns = self.read
        if isinstance(self.read, dict):
            named = {name: _named(self.read[name], name) for name in self.found.readings}
            self.found.columns = named
        return self.found

    # What is looked at

    def _table_signs(self) -> dict[str, Signs]:
        """Count decimal signs by column; the columns that are certain decide the usual one."""
        names = [each for each in self.looks.others if self.choices.kind_of(each) != "text"]
        signs = {name: self.looks.texts(name).signs for name in names}
        commas = sum(each.comma > each.point for each in signs.values())
        points = sum(each.point > each.comma for each in signs.values())
        if self.choices.decimal is None and commas != points:
            self.usual_decimal = "," if commas > points else "."
        if self.usual_decimal == "," and (commas or self.choices.decimal):
            # Whole thousands in a table of decimal commas look like plain numbers: 1.234.
            several = self.looks.several(self.looks.floats)
            signs |= {name: column.signs for name, column in several}
        return signs

    def _decimal(self, signs: Signs) -> str:
        return self.choices.decimal or signs.decimal(self.usual_decimal)

    # Columns by what they came as

    def _decide_plain(self, name: str, signs: Signs | None) -> None:
        """Decide on a column of texts that are plain numbers."""
        numbers = self.looks.numbers(name)
        is_empty = numbers.null_count() == len(numbers)
        is_other = self.choices.kind_of(name) in ("text", "date")
        if is_other or is_empty or (signs is not None and self._decimal(signs) == ","):
            self._decide_texts(name, self.looks.texts(name), signs)
        else:
            reading = ColumnReading(name, "number", gaps=self.gaps)
            if self.gaps:  # each reading costs, and some tables are wide
                numbers = reading.read(numbers)
            self._take(reading, numbers, self.looks.gap_words(name))

    def _decide_typed(self, name: str) -> None:
        series = self.raw[name].alias(CELLS)
        kind = kind_of(series, name)
        if series.null_count() == len(series):
            return
        reading = ColumnReading(name, self.choices.kind_of(name) or kind, gaps=self.gaps)
        read = reading.read(series)
        self._take(reading, read, ())
        self._note_odd(name, Levels(series), reading.odd_cells(series, read), series)

    def _decide_texts(self, name: str, texts: Texts, signs: Signs | None) -> None:
        """Decide on a column of texts; dates that fit two orders wait for the other columns."""
        wanted = self.choices.kind_of(name)
        if wanted == "text" or is_categorical(self.raw.schema[name]):
            self._take_text(name)
            return
        signs = signs or texts.signs
        column = TextColumn(name, texts, self._decimal(signs), signs)
        if not column.count:
            # One word is how the table spells a gap; of several nobody can tell, and texts they
            # are.
            if len({word.lower() for word in texts.gap_words}) > 1:
                self._take_text(name)
        elif wanted is not None:
            self._take_wanted(column, wanted)
        elif name in self.looks.codes:
            self.found.codes.add(name)
            self._take_text(name)
        else:
            kinds = (self._as_truths, self._as_numbers, self._as_times)
            kinds += (self._as_dates, self._as_spans, self._as_units)
            if not any(is_one(column) for is_one in kinds):
                self._look_like_numbers(column)
                self._take_text(name)

    # Kinds: each tells whether the column is one, and takes it then

    def _as_truths(self, column: TextColumn) -> bool:
        if not column.texts.are_truths:
            return False
        reading = ColumnReading(column.name, "truth", gaps=self.gaps)
        self._take_cells(reading, reading.read(column.levels.texts), column)
        return True

    def _as_numbers(self, column: TextColumn) -> bool:
        """Infinities are numbers that cannot be learnt from: they become gaps, however many."""
        odd = column.levels.count(column.odd(column.numbers))
        if odd == column.count:
            return False
        finite = odd - column.levels.count(column.texts.infinite)
        if not few(odd, column.count) and not few(finite, column.count):
            return False
        self._take_numbers(column)
        return True

    def _as_times(self, column: TextColumn) -> bool:
        if not column.texts.could_be_dates or not column.fits(column.texts.times()):
            return False
        reading = ColumnReading(column.name, "time", gaps=self.gaps)
        self._take_cells(reading, column.texts.times(), column)
        return True

    def _as_dates(self, column: TextColumn) -> bool:
        if not column.texts.could_be_dates:
            return False
        order = column.order(self.usual_order)
        dates = column.texts.dates(order.order)
        if not column.fits(dates):
            self._look_like(column, "date", dates)
            return False
        self.found.gap_words |= set(column.texts.gap_words)
        if order.is_doubtful:
            self.waiting.append((column.name, column.decimal, column.signs))
        else:
            self._take_dates(column, order.order)
        return True

    def _as_spans(self, column: TextColumn) -> bool:
        if not column.texts.could_be_durations or not column.fits(column.texts.durations()):
            return False
        reading = ColumnReading(column.name, "duration", gaps=self.gaps)
        self._take_cells(reading, column.texts.durations(), column)
        return True

    def _as_units(self, column: TextColumn) -> bool:
        """Return whether cells are numbers with one unit; with two units they may be labels."""
        unit = self._unit(column)
        if not unit or column.present.drop_nulls().n_unique() <= 2:
            return False
        return self._take_numbers_with(column, unit)

    @staticmethod
    def _unit(column: TextColumn) -> str:
        return unit_of(column.texts.units, len(column.present) - column.present.null_count())

    # Taking a column

    def _take_wanted(self, column: TextColumn, wanted: str) -> None:
        """Read a column as the user said."""
        if wanted == "date":
            self._take_dates(column, self.choices.order_of_dates[column.name])
        elif column.fits(column.numbers) or not self._take_numbers_with(column, self._unit(column)):
            self._take_numbers(column)

    def _take_numbers(self, column: TextColumn, unit: str = "") -> None:
        reading = ColumnReading(column.name, "number", column.decimal, gaps=self.gaps, unit=unit)
        whole = None if unit else parse_integers(column.present)
        numbers = reading.read(column.levels.texts) if unit else column.numbers
        if column.signs.is_doubtful and self.choices.decimal is None:
            self.found.doubtful_numbers[column.name] = "," if column.signs.either_comma else "."
        marks = marks_of(column.present)
        shares = [mark for mark in marks if mark in "%‰"]
        all_end_so = shares and column.present.drop_nulls().str.ends_with(shares[0]).all()
        if len(marks) > 1 or (shares and not all_end_so):
            self.found.mixed_marks[column.name] = marks
        self._take_cells(reading, numbers if whole is None else whole, column)

    def _take_numbers_with(self, column: TextColumn, unit: str) -> bool:
        """Take numbers with a unit if they are that, and tell whether they are."""
        if not unit:
            return False
        bare = without_unit(column.present, unit)
        signs = signs_of(bare, column.levels.counts)
        decimal = self._decimal(signs)
        if not column.fits(parse_numbers(bare, decimal)):
            return False
        self._take_numbers(replace(column, decimal=decimal, signs=signs), unit)
        return True

    def _take_dates(self, column: TextColumn, given: str | None) -> None:
        """Read a column as dates, in the order of other columns or of the table if it has none."""
        order = given
        if order is None:
            found = column.order(self.usual_order or ("dmy" if self.usual_decimal == "," else None))
            order = found.order
            if found.is_doubtful:
                self.found.doubtful_dates.append(column.name)
        if order != "ymd":
            self.usual_order = self.usual_order or order
        reading = ColumnReading(column.name, "date", order=order, gaps=self.gaps)
        self._take_cells(reading, column.texts.dates(order), column)

    def _take_cells(self, reading: ColumnReading, read: polars.Series, column: TextColumn) -> None:
        """Take what the texts of a column were read as, each in the rows that hold it."""
        self.found.nearly.pop(column.name, None)
        self._take(reading, column.levels.rows(read), column.texts.gap_words)
        self._note_odd(column.name, column.levels, column.odd(read), column.present)

    def _take_text(self, name: str) -> None:
        # Which words are gaps here is known at the end: see _decide_text_gaps.
        self.found.readings[name] = ColumnReading(name, "text", gaps=self.gaps)
        self.labels.append(name)

    def _take(self, reading: ColumnReading, read: polars.Series, words: tuple[str, ...]) -> None:
        if read.null_count() == len(read):
            return
        self.found.readings[reading.name] = reading
        self.read[reading.name] = read
        self.found.gap_words |= set(words)
        if self.raw[reading.name].null_count():
            self.found.gap_words.add("")

    # What is said of a column

    def _look_like_numbers(self, column: TextColumn) -> None:
        self._look_like(column, "number", column.numbers)
        if column.name not in self.found.nearly and column.present.n_unique() > FEW_LEVELS:
            alike = cells_like_numbers(column.present)
            if column.levels.count(alike) >= LEAST_SHARE * column.count:
                self._look_like(column, "number", column.numbers, least=0.0)

    def _look_like(
        self, column: TextColumn, kind: str, read: polars.Series, least: float = LEAST_SHARE
    ) -> None:
        """Keep what a column of texts nearly is, if enough of its cells are that."""
        share = column.share(read)
        if share >= least:
            cells = self._shown(column.levels, column.odd(read), column.present)
            self.found.nearly[column.name] = Nearly(kind, share, cells)

    def _note_odd(
        self, name: str, levels: Levels, odd: polars.Series, texts: polars.Series
    ) -> None:
        if odd.any():
            self.found.odd[name] = levels.count(odd), self._shown(levels, odd, texts)

    def _shown(self, levels: Levels, cells: polars.Series, texts: polars.Series) -> str:
        return shown(levels.rows(texts), levels.rows(cells), self.line_of)

    def _decide_text_gaps(self) -> None:
        """Make gaps of the words that spell gaps in the table's numeric columns, in texts too."""
        words = self.gaps
        if self.choices.na_values is None:
            words = tuple(sorted(self.found.gap_words - {""}))
        for name in self.labels:
            column = self.looks.texts(name)
            texts = column.without(words)
            if texts.null_count() < len(texts):
                self.found.readings[name] = replace(self.found.readings[name], gaps=words)
                self.read[name] = column.levels.rows(texts)
            else:
                del self.found.readings[name]


def _named(series: polars.Series, name: str) -> polars.Series:
    return series if series.name == name else series.alias(name)


def is_categorical(dtype: polars.DataType) -> bool:
    """Return whether columns of a type were declared to hold categories."""
    import polars

    return isinstance(dtype, (polars.Categorical, polars.Enum))
