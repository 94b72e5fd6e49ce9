"""Columns as numbers: levels in other spellings, gaps, notes; frames wide and oddly named."""

import datetime
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmlp.data.features import blocks
from fastmlp.data.features.columns import (
    CategoryColumn,
    NumericColumn,
    as_numbers,
    column_from_dict,
    to_numbers,
)
from fastmlp.data.features.encoding import Encoding
from fastmlp.data.features.frame import FramePlan
from fastmlp.data.readings.choices import ColumnChoices
from fastmlp.data.readings.reading import ColumnReading
from fastmlp.data.readings.table import describe
from fastmlp.errors import DataError, ModelFileError

FLOAT = np.dtype(np.float64)


def category(*texts, gaps=(), **encoding):
    return CategoryColumn.fit(
        ColumnReading("c", "text", gaps=gaps),
        pl.Series("c", texts, dtype=pl.String),
        Encoding(**encoding),
    )


def positions(column, *texts):
    """Return the output column that is 1 in each row, -1 for none, and the notes."""
    output, notes = np.full((len(texts), len(column.output_names)), 7.0), []
    column.write(pl.Series("c", texts, dtype=pl.String), output, notes)
    assert set(np.unique(output)) <= {0, 1}
    return [int(row.argmax()) if row.any() else -1 for row in output], notes


@pytest.mark.parametrize(
    ("levels", "text", "position"),
    [
        (["1", "2"], "1.0", 0),
        (["1", "20000"], "20000.0", 1),
        (["0.00001", "2"], "1e-05", 0),
        (
            ["1", "2"],
            "2.00",
            -1,
        ),  # no program writes it so, and an exported model does not know it either
        (["1", "2"], "3.0", -1),
        (["1.0", "2.5"], "1", 0),
        (["01", "02"], "1", 0),
        (["01", "02"], "2.0", 1),
        (["1", "01"], "1.0", -1),  # either
        (["a", "b"], "1.0", -1),
        (["a", "b"], "A", -1),
        (["nan", "inf"], "NaN", -1),
        (["1e400", "1"], "inf", -1),
    ],
)
def test_a_level_in_another_spelling(levels, text, position):
    column = category(*levels)
    order = {level: place for place, level in enumerate(column.levels)}
    expected = position if position < 0 else order[levels[position]]
    assert column.position_of(text) == expected
    found, notes = positions(column, text)
    assert found == [expected]
    assert bool(notes) == (expected < 0)


def test_levels_gaps_and_others():
    plain = category("b", "a", "b")
    assert plain.output_names == ("c=a", "c=b")
    assert plain.missing_position == -1
    found, notes = positions(plain, "a", None, "z", "b", "y")
    assert found == [0, -1, -1, 1, -1]
    assert "column 'c' lacks 1 value" in notes[0]
    assert "holds texts that training did not: 'y', 'z'" in notes[1]
    gaps = category("b", None, "a")
    assert gaps.output_names == ("c=a", "c=b", "c=(missing)")
    assert positions(gaps, "a", None, "z", "NA", "n/a") == (
        [0, 2, -1, 2, 2],
        ["column 'c' holds a text that training did not: 'z'; it counts as none of its levels."],
    )
    spelt = category("b", "None", "a")
    assert positions(spelt, None, "None")[0] == [spelt.levels.index("None")] * 2
    assert "each counts as the level 'None'" in positions(spelt, None, None)[1][0]
    two = category("None", "unknown", "a")
    assert positions(two, None)[0] == [-1]


def test_many_levels_share_one():
    texts = [f"w{place:03}" for place in range(100) for _ in range(100 - place)]
    column = category(*texts)
    assert len(column.output_names) == 64
    assert column.has_other
    assert column.levels == tuple(f"w{place:03}" for place in range(63))
    assert positions(column, "w000", "w099", "new") == ([0, 63, 63], [])
    assert category(None, None) is None


@given(
    texts=st.lists(st.none() | st.sampled_from("abcdefgh"), min_size=1, max_size=40),
    most=st.integers(2, 10),
    rows=st.integers(1, 6),
)
def test_fewer_levels_against_an_oracle(texts, most, rows):
    column = category(*texts, max_levels=most, level_rows=rows)
    seen = sorted({text for text in texts if text is not None})
    if not seen:
        assert column is None
        return
    has_gaps = None in texts
    kept = [text for text in seen if texts.count(text) >= rows]
    has_other = kept != seen or len(seen) + has_gaps > most
    if has_other:
        kept = sorted(kept, key=lambda text: -texts.count(text))[: most - 1 - has_gaps]
    kept = sorted(kept)
    assert (column.levels, column.has_other, column.has_missing) == (
        *(tuple(kept), has_other),
        has_gaps,
    )
    assert len(column.output_names) <= most
    place = {text: kept.index(text) if text in kept else len(kept) for text in seen}
    place[None] = len(kept) + has_other
    assert positions(column, *texts) == ([place[text] for text in texts], [])
    assert column_from_dict(json.loads(json.dumps(column.to_dict()))) == column


def test_levels_are_told_in_the_table_of_columns():
    texts = [*"aaabbc", None]
    frame = pl.DataFrame({"t": texts, "u": [*"xyxyxyx"]})
    schema = describe(frame, choices=ColumnChoices()).schema

    def notes(**encoding):
        return [fact.note for fact in FramePlan.fit(frame, schema, Encoding(**encoding)).facts]

    assert notes() == ["", ""]
    assert notes(level_rows=2) == ["2 levels, the rest share one", ""]
    assert notes(max_levels=2) == ["all levels share one", ""]
    plan = FramePlan.fit(frame, schema, Encoding(level_rows=2))
    assert "column 't' has 3 different texts; the rarest share one level." in plan.notes


@given(st.lists(st.none() | st.text(max_size=3), min_size=1, max_size=30))
def test_levels_against_an_oracle(texts):
    column = category(*texts)
    seen = sorted({text for text in texts if text is not None})
    if not seen:
        assert column is None
        return
    assert column.levels == tuple(seen)
    expected = [seen.index(text) if text is not None else len(seen) for text in texts]
    assert positions(column, *texts) == (expected, [])
    assert column_from_dict(json.loads(json.dumps(column.to_dict()))) == column


@pytest.mark.parametrize("kind", ["number", "truth", "date", "time", "duration"])
def test_columns_of_numbers_are_kept_and_restored(kind):
    reading = ColumnReading("c", kind, ",", "dmy", ("x",), "kg")
    for column in NumericColumn.fit_all(
        [reading, reading], np.array([[5.0, np.nan], [7.0, np.nan]])
    ):
        if column is not None:
            assert column.median + column.origin == 6
            assert column_from_dict(json.loads(json.dumps(column.to_dict()))) == column


@pytest.mark.parametrize(
    "kept",
    [
        None,
        {},
        [],
        {"kind": "category"},
        {"kind": "number", "name": "a"},
        {"kind": "list", "name": "a"},
        {"kind": "number", "name": "a", "origin": 0.0, "median": float("inf")},
        {"kind": "number", "name": "a", "origin": "0", "median": 0.0},
        {"kind": "category", "name": "a", "levels": [], "has_other": False, "has_missing": False},
        {
            "kind": "category",
            "name": "a",
            "levels": ["x", "x"],
            "has_other": False,
            "has_missing": False,
        },
        {"kind": "category", "name": "a", "levels": ["x"], "has_other": 1, "has_missing": False},
    ],
)
def test_hostile_columns(kept):
    with pytest.raises(ModelFileError, match="damaged") as caught:
        column_from_dict(kept)
    assert "\n" not in str(caught.value)


def test_origins():
    def origin_of(lowest, highest, kind="number"):
        [column] = NumericColumn.fit_all(
            [ColumnReading("a", kind)], np.array([[lowest], [highest]], float)
        )
        return column.origin

    assert origin_of(0, 100) == 0
    assert origin_of(1.6e9, 1.6e9 + 100) == 1.6e9
    assert origin_of(5, 5) == 0
    assert origin_of(5, 6, "date") == 5
    assert origin_of(-1e300, 1e300) == 0


def test_units_of_time():
    moment = datetime.datetime(1970, 1, 3, 12)
    columns = [
        pl.Series([moment, None]),
        pl.Series([datetime.time(0, 1), None]),
        pl.Series([datetime.timedelta(minutes=2), None]),
        pl.Series([True, None]),
        pl.Series([7, None], dtype=pl.UInt8),
    ]
    found = as_numbers(
        pl.DataFrame([column.alias(str(place)) for place, column in enumerate(columns)])
    )
    assert np.allclose(found[0], [2.5, 60, 120, 1, 7], rtol=1e-15, atol=0)
    assert np.isnan(found[1]).all()


@pytest.mark.parametrize("cells", [["1", "x"], [1.0, float("inf")], ["5", "1e999"]])
def test_numbers_for_a_model_of_plain_numbers(cells):
    with pytest.raises(DataError, match="column 'c', row 2 holds"):
        to_numbers(pl.Series("c", cells))
    assert to_numbers(pl.Series("c", ["1,000", "NA", ""])).to_list() == [1000, None, None]


# Whole frames


NAMES = [
    "",
    " ",
    *"^a$ a.b * ^.*$ a A ä 😀 a,b".split(),
    'a"b',
    "a=b",
    "x" * 5000,
    "column_1",
    "literal",
    "0",
]


def test_names_that_look_like_something_else():
    columns = {
        name: [str(place + row * 1.5) for row in range(4)] for place, name in enumerate(NAMES)
    }
    columns |= {f"{name} ": ["u", "v", None, "u"] for name in NAMES}
    frame = pl.DataFrame([pl.Series(name, cells) for name, cells in columns.items() if name])
    frame = frame.insert_column(0, pl.Series("", columns[""]))
    found = describe(frame)
    assert found.features.columns == frame.columns
    plan = FramePlan.fit(frame, found.schema)
    matrix = plan.transform(frame, FLOAT)
    assert plan.input_names == tuple(frame.columns)
    for place, name in enumerate(plan.output_names):
        column, _, level = name.rpartition("=") if name not in columns else (name, "", "")
        cells = columns[column]
        expected = (
            [cell == level or (cell is None and level == "(missing)") for cell in cells]
            if level
            else map(float, cells)
        )
        assert matrix[:, place].tolist() == [float(value) for value in expected]
    shuffled = frame.select(pl.nth(*reversed(range(frame.width))))
    assert np.array_equal(plan.transform(shuffled, FLOAT), matrix)


def test_twenty_thousand_columns():
    random = np.random.default_rng(0)
    values = random.normal(size=(20, 20_000)).round(3)
    frame = pl.DataFrame({f"c{place}": column.astype(str) for place, column in enumerate(values.T)})
    found = describe(frame)
    plan = FramePlan.fit(found.features, found.schema)
    assert np.array_equal(plan.transform(frame, FLOAT), values)
    assert np.array_equal(plan.transform(found.features, FLOAT), values)
    assert len(plan.notes) == 0


@pytest.mark.parametrize("block", [1, 100, 1000, 10**9])
def test_blocks_change_nothing(monkeypatch, block):
    random = np.random.default_rng(1)
    values = random.normal(size=(17, 9))
    values[random.random(values.shape) < 0.3] = np.nan
    frame = pl.DataFrame({f"c{place}": values[:, place] for place in range(9)})
    whole = FramePlan.fit(frame)
    monkeypatch.setattr(blocks, "COLUMN_BYTES", block)
    pieces = FramePlan.fit(frame)
    assert pieces == whole
    expected = np.where(np.isnan(values), np.nanmedian(values, axis=0), values)
    assert np.array_equal(pieces.transform(frame, FLOAT), expected)


def test_no_rows_after_training():
    frame = pl.DataFrame({"a": [1.5, 2.5], "t": ["x", "y"], "d": [datetime.date(2024, 1, 1), None]})
    plan = FramePlan.fit(frame)
    assert plan.transform(frame.clear(), FLOAT).shape == (0, 4)
    assert plan.transform(pl.DataFrame({"a": [], "t": [], "d": []}), FLOAT).shape == (0, 4)
    gaps = pl.DataFrame({"a": [None], "t": [None], "d": [None]})
    assert plan.transform(gaps, FLOAT).tolist() == [[2, 0, 0, 0]]


def test_notes_of_a_plan():
    frame = pl.DataFrame(
        {
            "a": [1.5, None, 2.5],
            "b": [None, None, 4.0],
            "day": [datetime.date(2024, 1, 1)] * 2 + [datetime.date(2024, 1, 3)],
            "wait": [datetime.timedelta(1)] * 2 + [datetime.timedelta(2)],
        }
    )
    assert FramePlan.fit(frame).notes == (
        "column 'day' is counted in days from the earliest training row.",
        "column 'wait' is counted in seconds.",
        "columns 'a', 'b' lack 3 values in training rows; the median of each stands in.",
    )
    assert FramePlan.fit(frame.select("a")).notes == (
        "column 'a' lacks 1 of the 3 values in training rows; the median stands in.",
    )
    found = describe(frame)
    assert (
        FramePlan.fit(found.features[:2], found.schema).notes[0]
        == "column 'b' has no value in the training rows and is left out."
    )


@settings(max_examples=100, deadline=None)
@given(
    cells=st.lists(
        st.sampled_from(["1", "2.5", "-3", "", "NA", "x", "1e400", "5 kg"]), min_size=1, max_size=12
    ),
    decimal=st.sampled_from([None, "."]),
)
def test_every_row_is_answered(cells, decimal):
    train = pl.DataFrame({"a": ["1", "2.5", "NA", "7"] * 5, "b": ["x", "NA", "y", "z"] * 5})
    schema = describe(train, None, ColumnChoices(decimal=decimal)).schema
    plan = FramePlan.fit(train, schema)
    later, notes = pl.DataFrame({"a": cells, "b": cells}), []
    values = {"1": 1, "2.5": 2.5, "-3": -3}
    odd = [cell for cell in cells if cell in ("x", "1e400", "5 kg")]
    if cells.count("x") > sum(
        cell in values for cell in cells
    ):  # the others are nearly numbers, not another column's
        with pytest.raises(DataError, match=f"{len(odd)} of .* cells hold something else"):
            plan.transform(later, FLOAT, notes=notes)
        return
    matrix = plan.transform(later, FLOAT, notes=notes)
    assert matrix[:, 0].tolist() == [values.get(cell, 2.5) for cell in cells]
    assert any("not numbers" in note or "not a number" in note for note in notes) == bool(odd)
