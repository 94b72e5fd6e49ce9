"""ColumnReading and its helpers: kept, restored, read twice, typed or as text; gaps; words."""

import datetime
import decimal
import json
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmlp.data.readings.kinds.gaps import GAP_WORDS, gap_cells, trimmed, without_gaps
from fastmlp.data.readings.kinds.plain import plain_numbers
from fastmlp.data.readings.reading import KINDS, ColumnReading
from fastmlp.data.readings.schema import ColumnFacts
from fastmlp.data.readings.words import brief, counted, listed, printable, shown
from fastmlp.errors import DataError, ModelFileError

MOMENT, SPAN = datetime.datetime, datetime.timedelta(days=100_000)
readings = st.builds(
    ColumnReading,
    name=st.text(max_size=8),
    kind=st.sampled_from(KINDS),
    decimal=st.sampled_from([".", ","]),
    order=st.sampled_from(["ymd", "dmy", "mdy"]),
    gaps=st.lists(st.text(max_size=4), unique=True, max_size=3).map(tuple),
    unit=st.sampled_from(["", "kg", "%", "+"]),
)


@given(reading=readings)
def test_kept_and_restored(reading):
    kept = json.loads(json.dumps(reading.to_dict()))
    assert ColumnReading.from_dict(kept) == reading


@pytest.mark.parametrize(
    "kept",
    [
        *(None, [], "x", 5, {}, {"name": "a"}, {"kind": "number"}, {"name": 5, "kind": "number"}),
        {"name": "a", "kind": "list"},
        {"name": "a", "kind": None},
        {"name": None, "kind": "text"},
        {"name": "a", "kind": "number", "decimal": ";"},
        {"name": "a", "kind": "date", "order": "myd"},
        {"name": "a", "kind": "text", "gaps": "NA"},
        {"name": "a", "kind": "text", "gaps": [1]},
        {"name": "a", "kind": "text", "gaps": ["a", "a"]},
        {"name": "a", "kind": "number", "unit": 3},
        {"name": "a", "kind": "number", "unit": ["kg\n"] * 100},
        {"name": "a\nb", "kind": "x" * 10_000},
    ],
)
def test_hostile_descriptions(kept):
    with pytest.raises(ModelFileError, match="damaged") as caught:
        ColumnReading.from_dict(kept)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "kept",
    [
        None,
        {},
        {"name": "a", "role": "boss", "kind": "text", "missing": 0},
        {"name": "a", "role": "target"},
    ],
)
def test_hostile_facts(kept):
    with pytest.raises(ModelFileError, match="damaged"):
        ColumnFacts.from_dict(kept)


def test_facts_are_kept_and_restored():
    facts = ColumnFacts("a", "left out", "identifier", "", 3)
    assert ColumnFacts.from_dict(json.loads(json.dumps(facts.to_dict()))) == facts


CELLS = [
    *("", " ", *"NA n/a x 5 5.0 -1.5 1,5 1.234,5 1e3 inf nan true FALSE 1 0".split()),
    *"2024-03-31|31.03.2024|3/31/2024 5 pm|12:30|25:00|2 days|5 kg|12%|$5|é漢".split("|"),
    "a\nb",
]
texts = st.lists(st.sampled_from(CELLS) | st.text(max_size=5) | st.none(), max_size=8)
typed = st.one_of(
    texts.map(lambda cells: pl.Series("c", cells, dtype=pl.String)),
    texts.map(lambda cells: pl.Series("c", cells, dtype=pl.Categorical)),
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.none(), max_size=6).map(
        lambda c: pl.Series("c", c, dtype=pl.Int64)
    ),
    st.lists(st.integers(0, 2**64 - 1) | st.none(), max_size=6).map(
        lambda c: pl.Series("c", c, dtype=pl.UInt64)
    ),
    st.lists(st.floats() | st.none(), max_size=6).map(
        lambda c: pl.Series("c", c, dtype=pl.Float64)
    ),
    st.lists(st.floats(width=32) | st.none(), max_size=6).map(
        lambda c: pl.Series("c", c, dtype=pl.Float32)
    ),
    st.lists(st.booleans() | st.none(), max_size=6).map(
        lambda c: pl.Series("c", c, dtype=pl.Boolean)
    ),
    st.lists(st.dates() | st.none(), max_size=6).map(lambda c: pl.Series("c", c, dtype=pl.Date)),
    st.lists(st.datetimes() | st.none(), max_size=6).map(
        lambda c: pl.Series("c", c, dtype=pl.Datetime("us"))
    ),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=6).map(
        lambda c: pl.Series("c", c).cast(pl.Datetime("ms"))
    ),
    st.lists(st.times() | st.none(), max_size=6).map(lambda c: pl.Series("c", c, dtype=pl.Time)),
    st.lists(st.timedeltas(-SPAN, SPAN) | st.none(), max_size=6).map(
        lambda c: pl.Series("c", c, dtype=pl.Duration("us"))
    ),
    st.integers(0, 4).map(lambda rows: pl.Series("c", [None] * rows, dtype=pl.Null)),
)


@settings(max_examples=400, deadline=None)
@given(reading=readings, column=typed)
def test_reading_twice_changes_nothing(reading, column):
    try:
        read = reading.read(column)
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    assert len(read) == len(column)
    odd = reading.odd_cells(column, read)
    assert odd.dtype == pl.Boolean
    assert len(odd) == len(column)
    assert not odd.null_count()
    again = reading.read(read)
    assert again.dtype == read.dtype
    assert again.equals(read)
    assert not reading.odd_cells(read, again).any()


@pytest.mark.parametrize(
    ("kind", "cells", "column"),
    [
        ("number", ["5", "", "-1.5", "NA"], pl.Series([5.0, None, -1.5, float("nan")])),
        ("number", ["5", "", "7"], pl.Series([5, None, 7], dtype=pl.Int16)),
        ("number", ["1.50", "2.25"], pl.Series([decimal.Decimal("1.50"), decimal.Decimal("2.25")])),
        ("number", ["inf", "5"], pl.Series([math.inf, 5.0])),
        ("number", ["1", "0", ""], pl.Series([True, False, None])),
        ("truth", ["TRUE", "False", "", "1", "0.0"], pl.Series([True, False, None, True, False])),
        ("truth", ["1", "0", "2"], pl.Series([1, 0, 2])),
        ("date", ["2024-03-31", "", "1999-12-31"],
            pl.Series([datetime.date(2024, 3, 31), None, datetime.date(1999, 12, 31)])),
        ("date", ["2024-03-31 10:00:01"],
            pl.Series([MOMENT(2024, 3, 31, 10, 0, 1)], dtype=pl.Datetime("ns"))),
        ("date", ["2024-03-31T10:00+02:00"],
            pl.Series([MOMENT(2024, 3, 31, 10)]).dt.replace_time_zone("Europe/Berlin")),
        ("date", ["20240331", "5"], pl.Series([20240331, 5])),
        ("time", ["12:30", ""], pl.Series([datetime.time(12, 30), None])),
        ("duration", ["25:00", "", "2 days"],
            pl.Series([datetime.timedelta(hours=25), None, datetime.timedelta(days=2)])),
        ("text", ["a", "", "b"], pl.Series(["a", None, "b"], dtype=pl.Enum(["a", "b"]))),
        ("text", ["1", "2", ""], pl.Series([1.0, 2.0, float("nan")])),
        ("text", ["1", "2"], pl.Series([1, 2])),
        ("text", ["1.5", "2.25"], pl.Series([decimal.Decimal("1.50"), decimal.Decimal("2.25")])),
        ("text", ["true", "false"], pl.Series([True, False])),
        ("text", ["2024-03-31"], pl.Series([datetime.date(2024, 3, 31)])),
        ("number", ["", ""], pl.Series([None, None])),
        ("text", ["", ""], pl.Series([None, None], dtype=pl.Float64)),
    ],
)  # fmt: skip
def test_typed_cells_are_read_as_their_texts_are(kind, cells, column):
    reading = ColumnReading("c", kind)
    by_text, by_type = reading.read(pl.Series("c", cells)), reading.read(column.alias("c"))
    assert by_text.cast(by_type.dtype).to_list() == by_type.to_list()
    odd = reading.odd_cells(pl.Series("c", cells), by_text)
    assert odd.to_list() == reading.odd_cells(column.alias("c"), by_type).to_list()


@pytest.mark.parametrize(
    ("kind", "column", "held"),
    [
        ("number", pl.Series([datetime.date(2024, 3, 31)]), "2024-03-31"),
        ("number", pl.Series([[1]]), "List"),
        ("text", pl.Series([[1]]), "List"),
        ("text", pl.Series([b"x"]), "Binary"),
        ("date", pl.Series([True]), "True"),
        ("time", pl.Series([5]), "5"),
        ("duration", pl.Series([datetime.time(1)]), "01:00"),
        ("number", pl.Series([{"a": 1}]), "Struct"),
    ],
)
def test_types_that_cannot_be_read(kind, column, held):
    with pytest.raises(DataError, match=held) as caught:
        ColumnReading("c", kind).read(column)
    assert "\n" not in str(caught.value)


def test_a_large_float_among_whole_ones_is_a_label():
    read = ColumnReading("c", "text").read(pl.Series("c", [1e300, 2.0, None]))
    assert read.null_count() == 1
    assert float(read[0]) == 1e300


@pytest.mark.parametrize(
    "column", [pl.Series([-999, 5]), pl.Series([-999.0, 5.0]), pl.Series(["-999", "5"])]
)
def test_a_number_that_was_said_to_be_a_gap(column):
    reading = ColumnReading("c", "number", gaps=("-999",))
    read = reading.read(column)
    assert read.to_list() == [None, 5]
    assert not reading.odd_cells(column, read).any()


def test_dates_beyond_the_calendar_are_odd():
    column = pl.Series("c", [0, 2**62]).cast(pl.Datetime("us"))
    reading = ColumnReading("c", "date")
    read = reading.read(column)
    assert read.to_list() == [MOMENT(1970, 1, 1), None]
    odd = reading.odd_cells(column, read)
    assert odd.to_list() == [False, True]
    assert "row 1" in shown(column, odd, lambda row: f"row {row}")


# Gaps


@pytest.mark.parametrize("word", sorted(GAP_WORDS))
def test_words_that_spell_gaps(word):
    for spelt in {word, word.upper(), word.capitalize(), f" {word} "}:
        column = trimmed(pl.Series("c", [spelt, "5"]))
        assert gap_cells(column).to_list() == [True, False]
        assert ColumnReading("c", "number").read(column).to_list() == [None, 5]
        assert ColumnReading("c", "text").read(column).to_list() == [spelt.strip(), "5"]
        assert list(plain_numbers(pl.DataFrame({"c": [spelt, "5"]})).numbers["c"]) == [None, 5]


def test_gaps_of_texts_are_spelt_exactly():
    column = trimmed(pl.Series("c", ["NA", "na", None, " ", "x"]))
    assert without_gaps(column, ("NA",)).to_list() == [None, "na", None, None, "x"]
    assert without_gaps(column, ()).to_list() == ["NA", "na", None, None, "x"]
    assert gap_cells(column, ("X",)).to_list() == [True, True, False, False, True]


# Plain numbers of a whole frame


def test_plain_columns():
    frame = pl.DataFrame(
        {
            "": ["1", "2", "3"],
            "^a$": ["1.5", "NA", ""],
            "a.b": ["007", "8", "9"],
            "*": ["x", "1", "2"],
            "long": ["1234567890123456789012", "1", "2"],
            "dialled": ["+4930123456", "+4930123457", "+49301234"],
            "signed": ["+4930123456", "-4930123457", "+49301234"],
            "typed": [1, 2, 3],
            "empty": pl.Series([None] * 3, dtype=pl.String),
        }
    )
    found = plain_numbers(frame)
    assert found.numbers[""].to_list() == [1, 2, 3]
    assert found.numbers["^a$"].to_list() == [1.5, None, None]
    assert found.gap_words == {"^a$": ("NA",)}
    assert found.codes == {"a.b", "long", "dialled"}
    assert set(found.numbers) == {"", "^a$", "signed", "empty"}
    assert plain_numbers(pl.DataFrame({"a": [1]})).numbers == {}


@settings(max_examples=100, deadline=None)
@given(
    columns=st.lists(
        st.lists(st.sampled_from(["1", "2.5", "", "NA", "x", "01", " 7 ", "1e400", "-3", "−3"]),
            min_size=4, max_size=4),
        min_size=1,
        max_size=6,
    )
)  # fmt: skip
def test_plain_columns_against_float(columns):
    frame = pl.DataFrame({str(place): cells for place, cells in enumerate(columns)})
    found = plain_numbers(frame)
    for name, cells in zip(frame.columns, columns, strict=True):
        present = [cell.strip() for cell in cells if cell not in ("", "NA")]
        is_plain = all(cell not in ("x", "1e400", "−3") for cell in present)
        is_code = is_plain and "01" in present and "2.5" not in present
        assert (name in found.codes) == is_code
        assert (name in found.numbers) == (is_plain and not is_code)
        if name in found.numbers:
            expected = [None if cell in ("", "NA") else float(cell) for cell in cells]
            assert found.numbers[name].to_list() == expected
            assert found.numbers[name].dtype.is_integer() == all(
                value is None or value == int(value) for value in expected
            )


# Words


def test_words():
    assert counted(1, "cell") == "1 cell"
    assert counted(2000, "cell") == "2,000 cells"
    assert counted(0, "row") == "0 rows"
    assert listed(["a"]) == "'a'"
    assert listed(list("abcdefg")) == "'a', 'b', 'c', 'd', 'e' and 2 more"
    assert listed(["x" * 1000]) == "'" + "x" * 27 + "...'"
    assert brief("x" * 30) == "x" * 30
    assert printable("a\x1b[2J\nb\u202fc", 20) == "a [2J b c"
    assert len(printable("\n" * 10**6)) == 30


def test_cells_that_are_shown():
    column = pl.Series(["a", "<1", "x", "<1", "y", "z\n" * 100])
    cells = column != "a"
    text = shown(column, cells, lambda row: f"line {row + 2}")
    assert text == "'<1' (line 3), 'x' (line 4), 'y' (line 6), …"
    assert "\n" not in shown(column, column.str.starts_with("z"), str)
    assert shown(pl.Series([np.inf, 1.0]), pl.Series([True, False]), str) == "'inf' (0)"
