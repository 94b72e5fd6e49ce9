"""Passes over whole tables: wide and long ones are read as narrow and short ones are."""

import numpy as np
import polars
import pytest

from fastmlp.data.features.frame import FramePlan
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.data.readings.choices import ColumnChoices
from fastmlp.data.readings.kinds.cells import SHORT, Cells
from fastmlp.data.readings.kinds.levels import LONG, Levels
from fastmlp.data.readings.kinds.texts import texts_of
from fastmlp.data.readings.table import describe

COLUMNS = {
    "whole": ["1", "2", "-3", "40", "7"],
    "decimal": ["1.5", "", "2", "-0.25", "1e3"],
    "as floats": ["1.0", "2.0", "3.0", "4.0", "5.0"],
    "spaced": [" 1", "2 ", "3", " ", "5"],
    "gap word": ["1.5", "NA", "n/a", "2.5", "3.5"],
    "code": ["007", "012", "100", "000", "999"],
    "long": ["12345678901234567890", "1", "2", "3", "4"],
    "comma": ["1,5", "2,25", "0,125", "3,0", "17,5"],
    "truth": ["true", "False", "TRUE", "false", "NA"],
    "day": ["2024-01-31", "2024-02-01", "NA", "2023-12-24", "2020-02-29"],
    "time": ["9:30", "10:15", "23:59", "0:00", "7:07"],
    "level": ["red", " green", "red", "NA", "blue"],
    "empty": ["", "", "", "", ""],
    "gaps": ["NA", "NA", "NA", "?", "NA"],
    "": ["3", "1", "4", "1", "5"],
}


def _frame(columns: dict[str, list[str]], repeats: int = 1) -> polars.DataFrame:
    return polars.DataFrame(
        {
            name: polars.Series([cell or None for cell in cells] * repeats, dtype=polars.String)
            for name, cells in columns.items()
        }
    )


def _described(frame: polars.DataFrame, choices: ColumnChoices | None = None):
    found = describe(frame, None, choices)
    return found.schema, found.features


TEXTS = (
    *"code long level empty gaps".split(),
)  # which words are their gaps is told by the other columns


@pytest.mark.parametrize("name", [name for name in COLUMNS if name not in TEXTS])
def test_a_column_among_many_is_read_as_alone(name):
    alone, alone_values = _described(_frame({name: COLUMNS[name]}))
    among, values = _described(_frame(COLUMNS))
    assert [each for each in among.features if each.name == name] == list(alone.features)
    assert values[name].equals(alone_values[name], check_dtypes=True)


@pytest.mark.parametrize(
    "choices", [None, ColumnChoices(decimal=","), ColumnChoices(na_values=("red",))]
)
def test_a_long_table_is_read_as_its_first_rows(choices):
    repeats = LONG // 5 + 7
    short, values = _described(_frame(COLUMNS), choices)
    long, long_values = _described(_frame(COLUMNS, repeats), choices)
    assert long.features == short.features
    assert long_values.equals(polars.concat([values] * repeats))
    assert [each.holds for each in long.columns] == [each.holds for each in short.columns]


def test_odd_cells_of_a_long_column_are_counted_and_placed():
    cells = ["1.5", "2.5", "3.5"] * LONG
    cells[4], cells[5000] = "<1", "<1"
    schema, values = _described(_frame({"x": cells, "y": ["a", "b", "c"] * LONG}))
    assert schema.notes[0].endswith("2 cells are not numbers and count as gaps: '<1' (row 5).")
    assert values["x"].null_count() == 2


def test_dates_of_a_long_column_are_told_by_the_sequence_of_rows():
    days = [f"{day:02d}/{month:02d}/2024" for month in range(1, 13) for day in range(1, 13)]
    cells = [day for day in days for _ in range(LONG // len(days) + 1)]  # ascend day first
    schema, _ = _described(_frame({"day": cells}))
    assert [each.order for each in schema.features] == ["dmy"]
    back_and_forth, _ = _described(_frame({"day": cells + days}))
    assert [each.order for each in back_and_forth.features] == ["mdy"]


@pytest.mark.parametrize("rows", [0, 1, 7, LONG + 3])
def test_levels_are_the_column(rows):
    numbers = np.random.default_rng(rows)
    column = polars.Series("x", ["b", None, "a", "", "é"], dtype=polars.String).gather(
        numbers.integers(0, 5, rows)
    )
    levels = Levels.of(column)
    assert (levels.codes is not None) == (rows > LONG)
    assert levels.rows(levels.texts).equals(column)
    assert (
        levels.count(levels.texts.is_in(["a", "b"]).fill_null(False))
        == column.is_in(["a", "b"]).sum()
    )
    if rows > LONG:
        assert levels.texts.to_list() == column.unique(maintain_order=True).to_list()
        assert levels.counts.sum() == rows


def test_a_long_column_of_different_texts_is_its_own_levels():
    column = polars.Series([f"text {number}" for number in range(LONG)])
    assert Levels.of(column).codes is None


@pytest.mark.parametrize("height", [1, 3, SHORT])
@pytest.mark.parametrize("width", [0, 1, 2, 50])
def test_cells_below_each_other_or_side_by_side(width, height):
    numbers = np.random.default_rng(width)
    values = np.where(
        numbers.random((width, height)) < 0.2, np.nan, numbers.normal(size=(width, height))
    )
    columns = [
        polars.Series(f"^{place}*$" if place else "", row, nan_to_null=True)
        for place, row in enumerate(values)
    ]
    cells = Cells.of(columns)
    doubled = cells.changed(lambda cell: cell * 2)
    assert np.array_equal(cells.null_counts(), np.isnan(values).sum(axis=1))
    assert np.array_equal(cells.having(lambda cell: cell > 1), (values > 1).any(axis=1))
    chosen = np.arange(width) % 3 == 1
    for found in (
        doubled.columns(chosen),
        doubled.take(chosen).columns(np.ones(chosen.sum(), bool)),
    ):
        assert len(found) == chosen.sum()
        for series, row in zip(found, values[chosen], strict=True):
            assert np.array_equal(series.to_numpy(), 2 * row, equal_nan=True)


def test_short_columns_share_a_pass_and_keep_apart():
    columns = {
        "a": ["1,5", "x", None],
        "b": ["true", None, "FALSE"],
        "c": ["1.250", "NA", "3.125"],
        "d": ["9:30"] * 3,
    }
    together = texts_of(
        {name: Levels(polars.Series(name, cells)) for name, cells in columns.items()}, ("x",)
    )
    for name, cells in columns.items():
        alone = texts_of({name: Levels(polars.Series(name, cells))}, ("x",))[name]
        found = together[name]
        assert found.signs == alone.signs
        assert found.gap_words == alone.gap_words
        assert (found.are_truths, found.could_be_dates) == (alone.are_truths, alone.could_be_dates)
        assert found.numbers(",").equals(alone.numbers(","))
        assert found.times().equals(alone.times())
        assert found.without(("true",)).equals(alone.without(("true",)))
    assert together["b"].are_truths
    assert together["d"].could_be_dates
    assert together["a"].gap_words == ("x",)


@pytest.mark.parametrize("repeats", [4, LONG])
def test_what_is_learnt_and_transformed_at_once(repeats):
    frame = _frame(
        {name: COLUMNS[name] for name in ("whole", "decimal", "gap word", "day", "level")}, repeats
    )
    one, other = FeaturePreprocessor(), FeaturePreprocessor()
    matrix = one.fit_transform(frame)
    assert np.array_equal(matrix, other.fit(frame).transform(frame))
    assert one.to_dict() == other.to_dict()
    plan, _ = FramePlan.learn(frame)
    assert plan.to_dict() == FramePlan.fit(frame).to_dict()


def test_a_level_that_training_did_not_hold_in_a_long_column():
    preprocessor = FeaturePreprocessor().fit(_frame({"x": ["a", "b"] * LONG}), normalize="none")
    notes = []
    matrix = preprocessor.transform(_frame({"x": ["b", "c", "", "a"] * LONG}), notes=notes)
    assert np.array_equal(matrix[:4], [[0, 1], [0, 0], [0, 0], [1, 0]])
    assert np.array_equal(matrix, np.tile(matrix[:4], (LONG, 1)))
    assert any("'c'" in note for note in notes)
