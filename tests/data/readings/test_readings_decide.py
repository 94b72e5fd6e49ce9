"""What a table's columns are taken for: kinds, odd cells, codes, choices, typed sources, notes."""

import datetime
import decimal
import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmlp.data.readings.choices import ColumnChoices
from fastmlp.data.readings.kinds.text_column import few
from fastmlp.data.readings.table import describe, schema_of
from fastmlp.data.sources.incoming import as_frame
from fastmlp.errors import DataError, UsageError


def repeated(*cells, rows=40):
    return [cells[row % len(cells)] for row in range(rows)]


def described(cells, choices=None, **more):
    """Describe a table of a column "x" beside one that no rule leaves out."""
    column = cells if isinstance(cells, pl.Series) else pl.Series(cells, dtype=pl.String)
    other = [str(7 * row % 5 + 0.5) for row in range(len(column))]
    return describe(pl.DataFrame({"other": other, "x": column}), None, choices, **more)


def kind(cells, choices=None):
    found = {reading.name: reading.kind for reading in described(cells, choices).schema.features}
    return found.get("x", "left out")


KINDS = {
    "whole numbers": (repeated("5", "-7", "12"), "number"),
    "one number": (["5"], "number"),
    "numbers and gaps": (repeated("5", "", "n/a", "?", "8"), "number"),
    "not determined": (repeated("1.5", "n.d.", "2.5"), "number"),
    "whole and decimal": (repeated("5", "5.0", "6"), "number"),
    "minus of a typesetter": (repeated("−5", "3"), "number"),
    "narrow blanks": (repeated("1\u202f000", "2\u202f500", "12"), "number"),
    "blanks behind": (repeated("5  ", "6\t", "  7"), "number"),
    "years": (repeated("1999", "2004", "2010"), "number"),
    "exponents": (repeated("1e5", "2e5", "3e-7"), "number"),
    "lakhs": (repeated("1,23,456", "12,34,567.50"), "number"),
    "a unit": (repeated("5 kg", "7.5 kg", "10 kg"), "number"),
    "truth values": (repeated("TRUE", "false", ""), "truth"),
    "dates": (repeated("2024-01-31", "2024-02-29"), "date"),
    "months": (repeated("Jan 2024", "Feb 2024"), "date"),
    "dates and MySQL's none": (repeated("2024-01-31", "0000-00-00", "2024-02-29"), "date"),
    "times": (repeated("12:30", "9:05"), "time"),
    "times beyond a day": (repeated("12:30:05", "25:10:00"), "duration"),
    "spans": (repeated("0 days 00:05:00", "1 days 02:00:00"), "duration"),
    "words": (repeated("red", "blue", 'O\'Brien, "Pat"', "😀"), "text"),
    "yes and no": (repeated("yes", "no"), "text"),
    "hexadecimal": (repeated("0x1F", "0x2A"), "text"),
    "hexadecimal digits": (repeated("1e5", "2af", "bc1", "3e7", "ff0"), "text"),
    "colours": (repeated("#ff00aa", "#00ff00"), "text"),
    "fractions": (repeated("1/2", "3/4"), "text"),
    "ranges": (repeated("10-20", "20-30"), "text"),
    "scores": (repeated("3:1", "2:0"), "text"),
    "telephones": (repeated("555-123-4567", "555-987-6543"), "text"),
    "telephones with brackets": (repeated("(030) 123456", "(040) 765432"), "text"),
    "telephones with a plus": (repeated("+4930123456", "+4940765432"), "text"),
    "addresses": (repeated("10.0.0.1", "192.168.1.2"), "text"),
    "versions": (repeated("1.2.10", "1.10.12", "2.0.1"), "text"),
    "books": (repeated("978-3-16-148410-0", "978-0-306-40615-7"), "text"),
    "codes": (repeated("01234", "98765"), "text"),
    "digits beyond any number": (repeated("12345678901234567890", "12345678901234567891"), "text"),
    "zip codes with four more": (repeated("12345-6789", "98765-4321"), "text"),
    "different units": (repeated("5 cm", "1.7 m"), "text"),
    "lists": (repeated("1,2,3", "4,5,6"), "text"),
    "quarters": (repeated("2024Q1", "2024Q2"), "date"),
    "long texts": (repeated("x" * 50_000, "y" * 20_000), "text"),
    "several words for a gap": (repeated("none", "unknown"), "text"),
    "no cell": ([""] * 40, "left out"),
    "one word for a gap": (repeated("", "NA"), "left out"),
    "one number over and over": (["7"] * 40, "left out"),
}


@pytest.mark.parametrize("name", KINDS)
def test_kinds(name):
    cells, expected = KINDS[name]
    assert kind(cells) == expected


@pytest.mark.parametrize(
    ("odd", "present", "is_few"),
    [(0, 5, True), (1, 5, False), (1, 9, False), (1, 10, True), (2, 20, False), (2, 40, True),
        (1, 1, False), (0, 0, False)],
)  # fmt: skip
def test_few(odd, present, is_few):
    assert few(odd, present) == is_few


@pytest.mark.parametrize(
    ("right", "wrong", "kind", "plural"),
    [
        ("1.5", "<1.0", "number", "numbers"),
        ("1.5", ">100", "number", "numbers"),
        ("1.5", "3.2*", "number", "numbers"),
        ("2024-01-31", "soon", "date", "dates"),
        ("12:30", "noon", "time", "times of day"),
        ("25:30", "long", "duration", "spans of time"),
        ("5 kg", "500 g", "number", "numbers"),
    ],
)
def test_few_odd_cells_become_gaps_and_are_named(right, wrong, kind, plural):
    cells = [
        right,
        right.replace("3", "1").replace("5", "2"),
        right.replace("5", "4").replace("3", "0"),
    ] * 20
    cells[41] = cells[50] = wrong
    found = described(cells, line_of=lambda row: f"line {row + 2}")
    assert {reading.name: reading.kind for reading in found.schema.features}["x"] == kind
    assert found.features["x"].is_null().arg_true().to_list() == [41, 50]
    note = (
        f"column 'x' is read as {plural}; 2 cells are not {plural} and count as gaps: '{wrong}'"
        " (line 43)."
    )
    assert note in found.schema.notes
    assert found.schema.columns[1].note == f"2 odd: '{wrong}' (line 43)"


def test_many_odd_cells_make_texts_that_look_like_numbers():
    found = described(repeated("1.5", "2.5", "<1.0"))
    assert found.schema.features[1].kind == "text"
    (note,) = found.schema.notes
    assert "'x' is read as texts, though 68% of its cells are numbers" in note
    assert "'<1.0' (row 3)" in note
    assert "--numeric x" in note
    told = described(repeated("1.5", "2.5", "<1.0"), ColumnChoices(numeric=("x",)))
    assert told.features["x"].null_count() == 13
    spelt = described(repeated("1.5", "2.5", "<1.0"), ColumnChoices(na_values=("<1.0",)))
    assert spelt.features["x"].null_count() == 13
    assert spelt.schema.notes == ()


def test_texts_that_all_but_are_numbers_are_said_to_look_like_them():
    found = described([f"<{row / 7:.2f}" for row in range(40)])
    assert any(
        "though its cells look like numbers: '<0.00' (row 1)" in note for note in found.schema.notes
    )
    assert described(repeated("7A", "8A", "9B")).schema.notes == ()


def test_a_long_column_is_decided_as_a_short_one():
    cells = [f"{row % 50 / 4:.2f}" for row in range(30_000)]
    cells[12_345], cells[20_000] = "<1.0", "<1.0"
    found = described(cells)
    assert found.features["x"].null_count() == 2
    assert any(
        "2 cells are not numbers and count as gaps: '<1.0' (row 12,346)" in note
        for note in found.schema.notes
    )
    days = [f"{1 + row % 12:02}/{1 + row % 28:02}/2024" for row in range(30_000)]
    assert described(days).schema.features[1].order == "mdy"


# What the user says


def test_choices():
    cells = repeated("1", "2", "3")
    assert kind(cells, ColumnChoices(categorical=("x",))) == "text"
    assert kind(repeated("01", "02"), ColumnChoices(numeric=("x",))) == "number"
    assert described(repeated("1.234", "5.678"), ColumnChoices(decimal=",")).features[
        "x"
    ].to_list()[:2] == [1234, 5678]
    assert described(repeated("1,234", "5,678"), ColumnChoices(decimal=",")).features[
        "x"
    ].to_list()[:2] == [1.234, 5.678]
    assert described(repeated("1,234", "5,678"), ColumnChoices(decimal=".")).features[
        "x"
    ].to_list()[:2] == [1234, 5678]
    gaps = described(repeated("1", "-9", "word"), ColumnChoices(na_values=("-9", "word")))
    assert gaps.features["x"].to_list()[:3] == [1, None, None]
    typed = described(pl.Series([1, -9, 4] * 10), ColumnChoices(na_values=("-9",)))
    assert typed.features["x"].to_list()[:3] == [1, None, 4]
    assert described(cells, ColumnChoices(drop=("x",))).features.columns == ["other"]
    constant = described(["7"] * 40, ColumnChoices(numeric=("x",)))
    assert constant.features.columns == ["other", "x"]


@pytest.mark.parametrize("column", [["a", "b"] * 20, pl.Series([datetime.date(2024, 1, 1)] * 40)])
def test_what_is_asked_to_be_numbers_and_is_none(column):
    with pytest.raises(DataError, match=r"column 'x'.*number") as caught:
        described(column, ColumnChoices(numeric=("x",)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        ({"decimal": ";"}, "decimal ';' is not known"),
        ({"drop": ("x",), "numeric": ("x",)}, "given to both drop and numeric"),
        ({"dates": ("x=dym",)}, "the order 'dym' is not known; give ymd, dmy, mdy"),
        ({"dates": ("x",), "categorical": ("x",)}, "given to both"),
    ],
)
def test_choices_that_contradict(choices, reason):
    with pytest.raises(UsageError, match=reason):
        ColumnChoices(**choices)


def test_choices_of_columns_that_are_not_there():
    for option in ("drop", "categorical", "numeric", "dates"):
        with pytest.raises(DataError, match=f"no column 'xx', which {option} names"):
            described(["1"], ColumnChoices(**{option: ("xx",)}))


# Typed columns


TYPED = {
    "integers": (pl.Series([1, 2, None, 4], dtype=pl.Int8), "number", [1, 2, None, 4]),
    "large integers": (
        pl.Series([2**63, 2**64 - 1, 1], dtype=pl.UInt64),
        "number",
        [2**63, 2**64 - 1, 1],
    ),
    "floats": (pl.Series([1.5, math.nan, None, 4]), "number", [1.5, None, None, 4]),
    "infinities": (pl.Series([1.5, math.inf, -math.inf, 4]), "number", [1.5, None, None, 4]),
    "decimals": (pl.Series([decimal.Decimal("1.50"), decimal.Decimal("2")]), "number", [1.5, 2]),
    "truths": (pl.Series([True, None, False]), "truth", [True, None, False]),
    "categories": (pl.Series(["1", "2", None], dtype=pl.Categorical), "text", ["1", "2", None]),
    "an enum": (pl.Series(["b", "a"], dtype=pl.Enum(["b", "a"])), "text", ["b", "a"]),
    "days": (pl.Series([datetime.date(2024, 1, 31), datetime.date(2024, 2, 1)]), "date", None),
    "moments": (
        pl.Series([datetime.datetime(2024, 1, 31, 5), datetime.datetime(2024, 2, 1)]),
        "date",
        None,
    ),
    "times": (pl.Series([datetime.time(5), datetime.time(6)]), "time", None),
    "spans": (pl.Series([datetime.timedelta(5), datetime.timedelta(6)]), "duration", None),
    "no type": (pl.Series([None, None], dtype=pl.Null), "left out", None),
    "texts that are numbers": (pl.Series(["1", "2.5", "n/a"]), "number", [1, 2.5, None]),
    "texts with decimal commas": (pl.Series(["1,5", "2,5"]), "number", [1.5, 2.5]),
    "texts that are dates": (pl.Series(["31.01.2024", "01.02.2024"]), "date", None),
}


@pytest.mark.parametrize("name", TYPED)
def test_typed_columns(name):
    column, expected, values = TYPED[name]
    found = described(column)
    assert {reading.name: reading.kind for reading in found.schema.features}.get(
        "x", "left out"
    ) == expected
    if values is not None:
        assert found.features["x"].to_list() == values


def test_infinities_of_a_typed_column_are_named():
    notes = described(pl.Series([1.5, math.inf, 2.5, -math.inf])).schema.notes
    assert (
        "column 'x' is read as numbers; 2 cells are not numbers and count as gaps: 'inf' (row 2),"
        " '-inf' (row 4)." in notes
    )
    only = described(pl.Series([math.inf, math.inf]))
    assert any(
        "'x' holds nothing that can be read and is left out: 'inf' (row 1)" in note
        for note in only.schema.notes
    )


def test_zones_are_brought_to_one():
    berlin = pl.Series([datetime.datetime(2024, 1, 31, 12), datetime.datetime(2024, 7, 31, 12)])
    berlin = berlin.dt.replace_time_zone("Europe/Berlin")
    found = described(berlin).features["x"]
    assert found.to_list() == [
        datetime.datetime(2024, 1, 31, 11),
        datetime.datetime(2024, 7, 31, 10),
    ]


@pytest.mark.parametrize(
    "column", [pl.Series([[1], [2]]), pl.Series([{"a": 1}] * 2), pl.Series([b"a", b"b"])]
)
def test_columns_that_cannot_be_learnt_from(column):
    with pytest.raises(
        DataError,
        match=r"column 'x' holds .* values; numbers, texts, truth values, dates and times",
    ):
        described(column)


# One table, written in several ways, is decided alike.

CELLS = {
    "number": st.one_of(st.none(), st.floats(-1e6, 1e6).map(lambda value: round(value, 3))),
    "word": st.one_of(st.none(), st.sampled_from(["red", "green", "blue", "é", "yes"])),
    "truth": st.one_of(st.none(), st.booleans()),
    "day": st.one_of(st.none(), st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))),
    "time": st.one_of(st.none(), st.times().map(lambda time: time.replace(microsecond=0))),
}


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.tuples(*CELLS.values()), min_size=3, max_size=20))
def test_texts_and_types_make_the_same_table(rows):
    schema = {
        "number": pl.Float64,
        "word": pl.String,
        "truth": pl.Boolean,
        "day": pl.Date,
        "time": pl.Time,
    }
    typed = pl.DataFrame(rows, schema=schema, orient="row")
    texts = typed.select(pl.all().cast(pl.String))
    by_type, by_text = (
        describe(frame, None, ColumnChoices(categorical=("word",))) for frame in (typed, texts)
    )
    assert [reading.kind for reading in by_text.schema.features] == [
        reading.kind for reading in by_type.schema.features
    ]
    for name in by_type.features.columns:
        assert (
            by_text.features[name].cast(by_type.features[name].dtype).equals(by_type.features[name])
        )


def test_frames_of_pandas():
    frame = pd.DataFrame(
        {
            "n": [1.5, None, 3.0],
            "t": pd.Series(["a", None, "b"], dtype="object"),
            "d": pd.to_datetime(["2024-01-31", None, "2024-02-01"]),
            "c": pd.Categorical(["1", "2", None]),
            "w": pd.to_timedelta([60, None, 90_000], unit="s"),
        }
    )
    found = describe(as_frame(frame))
    assert [reading.kind for reading in found.schema.features] == [
        *"number text date text duration".split()
    ]
    assert found.features.null_count().row(0) == (1,) * 5
    columns = [name for name in frame if name != "c"]
    texts = {
        name: [None if pd.isna(cell) else str(cell) for cell in frame[name]] for name in columns
    }
    csv = describe(pl.DataFrame(texts))
    assert [reading.kind for reading in csv.schema.features] == [
        "number",
        "text",
        "date",
        "duration",
    ]
    for name in csv.features.columns:
        assert csv.features[name].cast(found.features[name].dtype).equals(found.features[name])


# Words for gaps


def test_words_that_spell_gaps_in_numbers_spell_them_in_texts():
    frame = pl.DataFrame(
        {
            "n": repeated("1", "NA", "2"),
            "t": repeated("NA", "none", "x"),
            "u": repeated("none", "y"),
        }
    )
    found = describe(frame)
    assert found.features["t"].to_list()[:3] == [None, "none", "x"]
    assert found.features["u"].to_list()[:2] == ["none", "y"]
    assert [reading.gaps for reading in found.schema.features] == [(), ("NA",), ("NA",)]
    without = describe(frame.with_columns(n=pl.lit("1.5")))
    assert without.features["t"].to_list()[:3] == ["NA", "none", "x"]


def test_texts_of_nothing_but_what_spells_gaps_elsewhere_are_empty():
    frame = pl.DataFrame({"n": repeated("1", "NA", "2", "none"), "t": repeated("NA", "none")})
    found = describe(frame)
    assert found.features.columns == ["n"]
    assert "column 't' has no value and is left out." in found.schema.notes
    assert found.schema.columns[1].kind == "empty"
    assert found.schema.columns[1].missing == 40


def test_the_usual_decimal_sign_of_the_table():
    doubtful = repeated("1,234", "5,678")
    certain = repeated("0,5", "12,75")
    found = describe(pl.DataFrame({"a": doubtful, "b": certain}))
    assert found.features["a"].to_list()[:2] == [1.234, 5.678]
    for wanted in (
        "'a': three digits follow each comma, which is read as decimals (--decimal . reads"
        " thousands)",
        "columns 'a', 'b': the comma is read as the decimal sign",
    ):
        assert any(wanted in note for note in found.schema.notes)
    by_separator = describe(pl.DataFrame({"a": doubtful, "b": repeated("x", "y")}), separator=";")
    assert by_separator.features["a"].to_list()[:2] == [1.234, 5.678]
    whole = describe(pl.DataFrame({"a": repeated("1.234", "5.678"), "b": certain}))
    assert whole.features["a"].to_list()[:2] == [1234, 5678]
    assert any(
        "follow each point, which is read as thousands" in note for note in whole.schema.notes
    )


def test_notes_are_one_line_each():
    for cells, _ in KINDS.values():
        for note in described(cells).schema.notes:
            assert "\n" not in note
            assert len(note) < 400
            assert note.endswith(".")


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_few_rows(rows):
    frame = pl.DataFrame(
        {"a": [str(row) for row in range(rows)], "b": ["x"] * rows, "c": [None] * rows}
    )
    found = describe(frame)
    assert "a" in found.features.columns
    assert len(found.features) == rows


def test_the_schema_of_a_frame_leaves_out_but_what_is_empty():
    frame = pl.DataFrame(
        {
            "id": range(40),
            "one": [1] * 40,
            "none": [None] * 40,
            "also": [""] * 40,
            "t": repeated("a", "b"),
        }
    )
    schema = schema_of(frame)
    assert schema.names == ("id", "one", "t")
    assert "2 columns have no value and are left out: 'none', 'also'." in schema.notes


def test_a_wide_table_is_decided_in_time():
    random = np.random.default_rng(0)
    frame = pl.DataFrame(
        {f"c{place}": random.normal(size=30).round(3).astype(str) for place in range(3000)}
    )
    found = describe(frame)
    assert len(found.schema.features) == 3000
    assert {reading.kind for reading in found.schema.features} == {"number"}
