"""Tables with every kind of column, drawn by hypothesis: each value as Python has it, and as a CSV
file spells it.
"""

import datetime
from dataclasses import dataclass

from hypothesis import strategies as st

TEXTS = [
    "None",
    "NA",
    "1",
    "01",
    "1.0",
    "é",
    "a b",
    "  b ",
    "n/a",
    "x,y",
    'the "x"',
    "null",
    "-",
    "TRUE",
    "2024-01-31",
]
SURE_TEXTS = [
    "é",
    "a b",
    "c",
    "d",
    "x,y",
    "é",
    "a b",
    "c",
]  # so that no draw is a column of numbers or dates
NEW_TEXTS = [*TEXTS, "unseen", "c", "É", "01.0", "2"]
GAPS = ["", "", "NA", "n/a", "-", "?", "null"]
EPOCH = datetime.datetime(1970, 1, 1)


@dataclass(frozen=True)
class Column:
    """A column's kind, its values in Python, its cells in a CSV file; those of new rows beside."""

    kind: str
    values: list
    cells: list[str]
    new_values: list
    new_cells: list[str]


@dataclass(frozen=True)
class Table:
    """Columns by name, and the target."""

    columns: dict[str, Column]
    target: Column

    def cells(self, is_new):
        """Return the CSV cells by column."""
        return {
            name: column.new_cells if is_new else column.cells
            for name, column in self.columns.items()
        }


def number_text(value, decimal):
    return repr(value).replace(".", decimal)


def whole(low, high):
    return st.integers(low, high), str


def decimals(scale, decimal):
    numbers = st.integers(-99_999, 99_999).map(lambda number: number / 1000 * scale)
    return numbers, lambda value: number_text(value, decimal)


def money():
    return st.integers(-9_999_999, 9_999_999).map(
        lambda cents: cents / 100
    ), lambda value: f"{value:,.2f} €"


def percents(decimal):
    return st.integers(0, 1000).map(
        lambda tenths: tenths / 10
    ), lambda value: f"{number_text(value, decimal)} %"


DATES = st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2067, 12, 31)).map(
    lambda moment: moment.replace(hour=0, minute=0, second=0, microsecond=0)
)
MOMENTS = st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2049, 12, 31)).map(
    lambda moment: moment.replace(microsecond=0)
)
DATE_SPELLINGS = {
    "iso": (DATES, "%Y-%m-%d"),
    "points": (DATES, "%d.%m.%Y"),
    "short": (DATES, "%d.%m.%y"),
    "month first": (DATES, "%m/%d/%Y"),
    "day first": (DATES, "%d/%m/%Y"),
    "named": (DATES, "%d %b %Y"),
    "moments": (MOMENTS, "%Y-%m-%d %H:%M:%S"),
    "zulu": (MOMENTS, "%Y-%m-%dT%H:%M:%SZ"),
}
SURE_DATES = [
    datetime.datetime(2001, 2, 27),
    datetime.datetime(1999, 11, 30),
    datetime.datetime(2010, 1, 13),
]
SAME_IN_ALL = ("iso", "named", "moments", "zulu")  # spellings that need no order
TIMES = st.times().map(lambda time: time.replace(microsecond=0))
SURE_NUMBERS = [1.25, -2.5, 3.75]


def source_of(draw, kind, decimal, spellings):
    """Return what draws a value, what spells one, and values that the training rows begin with."""
    if kind == "whole":
        return *whole(-50, 50), []
    if kind == "far":
        return *whole(1_700_000_000, 1_700_000_900), []
    if kind == "decimals":
        return *decimals(1, decimal), SURE_NUMBERS
    if kind == "far decimals":
        return *decimals(2.0**-10, decimal), []
    if kind == "percents":
        return *percents(decimal), SURE_NUMBERS
    if kind == "money":
        return *money(), [1234.5, -0.25]
    if kind == "truths":
        spelling = draw(
            st.sampled_from(
                [str, lambda value: str(value).upper(), lambda value: str(value).lower()]
            )
        )
        return st.booleans(), spelling, []
    if kind == "dates":
        values, pattern = DATE_SPELLINGS[draw(st.sampled_from(spellings))]
        return values, lambda value: value.strftime(pattern), SURE_DATES
    if kind == "times":
        pattern = draw(st.sampled_from(["%H:%M:%S", "%I:%M:%S %p"]))
        return TIMES, lambda value: value.strftime(pattern), []
    if kind == "codes":
        return st.sampled_from(["001", "002", "010", "123"]), str, ["001", "002", "010"]
    return None


@st.composite
def drawn(draw, kind, rows, new_rows, decimal, spellings):
    """A column of a kind."""
    total = rows + new_rows
    if kind == "texts":
        values = SURE_TEXTS + draw(
            st.lists(st.sampled_from(TEXTS), min_size=rows - 8, max_size=rows - 8)
        )
        values += draw(st.lists(st.sampled_from(NEW_TEXTS), min_size=new_rows, max_size=new_rows))
        cells = values
    elif kind == "constant":
        values, cells = [7] * total, ["7"] * total
    elif kind == "empty":
        values, cells = [None] * total, [""] * total
    elif kind == "identifier":
        values, cells = [*range(1, total + 1)], [str(number) for number in range(1, total + 1)]
    else:
        numbers, spelt, sure = source_of(draw, kind, decimal, spellings)
        has_gaps = draw(st.booleans())
        drawn, left = st.one_of(st.none(), numbers) if has_gaps else numbers, total - len(sure)
        values = sure + draw(st.lists(drawn, min_size=left, max_size=left))
        # Codes are texts, of which the empty one alone is a gap everywhere.
        gaps = [""] if kind == "codes" else GAPS
        cells = [draw(st.sampled_from(gaps)) if value is None else spelt(value) for value in values]
    return Column(kind, values[:rows], cells[:rows], values[rows:], cells[rows:])


KINDS = (
    *(
        "whole",
        "far",
        "decimals",
        "far decimals",
        "percents",
        "money",
        "truths",
        "dates",
        "times",
        "texts",
        "texts",
    ),
    *("codes", "constant", "empty", "identifier"),
)
LABELS = ["yes", "no", "None", "NA", "01", "é"]


@st.composite
def tables(draw, spellings=tuple(DATE_SPELLINGS), decimals=".,"):
    """A table with columns of all kinds, and a target of labels or of numbers.

    The new rows may be spelt in ways that typed training rows do not tell, unless these are left
    out.
    """
    rows, new_rows = draw(st.integers(24, 40)), draw(st.integers(1, 12))
    decimal = draw(st.sampled_from(decimals))
    kinds = [kind for kind in KINDS if not (kind == "money" and decimal == ",")]
    columns = {}
    for number, kind in enumerate(kinds):
        name = "id" if kind == "identifier" else f"{kind} {number}"
        columns[name] = draw(drawn(kind, rows, new_rows, decimal, spellings))
    if draw(st.booleans()):
        labels = draw(st.lists(st.sampled_from(LABELS), min_size=rows - 2, max_size=rows - 2))
        target = Column("texts", (known := ["yes", "no", *labels]), known, ["yes"], ["yes"])
    else:
        start = draw(st.integers(0, 10_000))
        numbers = [start + 0.25 + 1.5 * place for place in range(rows)]
        target = Column(
            "decimals",
            numbers,
            [number_text(number, decimal) for number in numbers],
            [1.5],
            ["1.5"],
        )
    target = Column(target.kind, target.values[:rows], target.cells[:rows], [], [])
    return Table(columns, target)
