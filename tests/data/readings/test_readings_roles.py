"""Which columns are learnt from or left out, and what a target holds: labels or quantities."""

import datetime

import numpy as np
import polars as pl
import pytest

from fastmlp.data.readings.choices import ColumnChoices
from fastmlp.data.readings.roles import INDEX_NAMES
from fastmlp.data.readings.schema import ColumnFacts
from fastmlp.data.readings.table import describe
from fastmlp.data.readings.target import target_values
from fastmlp.errors import DataError

RANDOM = np.random.default_rng(5)
ROWS = 40
X = RANDOM.normal(size=ROWS)


def roles(columns, target=None, choices=None):
    """Return what became of each column, beside one that is learnt from."""
    found = describe(pl.DataFrame({"x": X, **columns}), target, choices)
    return {
        each.name: each.kind if each.role == "left out" else each.role
        for each in found.schema.columns
    }, found.schema


# Left out, or not


@pytest.mark.parametrize("name", sorted(INDEX_NAMES))
@pytest.mark.parametrize("start", [0, 1, 17])
def test_a_column_called_as_an_index_that_counts(name, start):
    found, schema = roles({name.upper(): range(start, start + ROWS)})
    assert found[name.upper()] == "identifier"
    assert (
        f"column {name.upper()!r} is left out as an identifier of the rows; --numeric or"
        " --categorical takes it in." in (schema.notes)
    )


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_an_identifier_that_is_asked_for(kind):
    found, schema = roles({"id": range(ROWS)}, None, ColumnChoices(**{kind: ("id",)}))
    assert found["id"] == "feature"
    assert schema.notes == ()


def test_identifiers():
    shuffled = RANDOM.permutation(ROWS)
    found, schema = roles(
        {
            "id": shuffled * 3,  # differs in each row
            "counter": range(ROWS),
            "mixed": shuffled + 100,
            "customer_id": shuffled**2 + 7,
            "CustomerId": shuffled**2 + 9,
            "paid": shuffled**2,
            "name": [f"Person {row}" for row in range(ROWS)],
            "code": [f"{row:04}" for row in range(ROWS)],
            "no": np.arange(ROWS) // 2,  # no row of its own
            "nr": [float(row) + 0.5 for row in range(ROWS)],
            "level": [f"level {row % 9}" for row in range(ROWS)],
        }
    )
    left_out = {name for name, role in found.items() if role == "identifier"}
    assert left_out == {"id", "name", "code"}
    said = (
        "3 columns are left out as identifiers of the rows; --numeric or --categorical takes them"
        " in: 'id', 'name', 'code'."
    )
    assert said in schema.notes
    notes = " ".join(schema.notes)
    assert (
        "column 'counter' numbers the rows from 0 to 39; it may be an identifier (--drop counter"
        " leaves it out)." in notes
    )
    assert "column 'mixed' numbers the rows from 100 to 139" in notes
    for name in ("customer_id", "CustomerId"):
        assert (
            f"column '{name}' differs in every row; it may be an identifier (--drop {name} leaves"
            " it out)" in notes
        )
    for name in ("paid", "no", "nr", "level"):
        assert f"'{name}'" not in notes


def test_names_in_remedies_are_quoted_for_a_shell():
    _, schema = roles({"my counter": range(ROWS)})
    assert any("--drop 'my counter'" in note for note in schema.notes)


@pytest.mark.parametrize("rows", [2, 3, 19])
def test_few_rows_are_not_judged(rows):
    frame = pl.DataFrame(
        {
            "x": X[:rows],
            "name": [f"n{row}" for row in range(rows)],
            "counter": range(rows),
            "id": np.arange(rows) ** 2,
        }
    )
    found = describe(frame)
    assert found.features.columns == ["x", "name", "counter", "id"]
    assert found.schema.notes == ()


def test_constants_and_empty_columns():
    found, schema = roles(
        {
            "one": [1] * ROWS,
            "word": ["a"] * ROWS,
            "day": [datetime.date(2024, 1, 1)] * ROWS,
            "true": [True] * ROWS,
            "none": [None] * ROWS,
            "nan": [float("nan")] * ROWS,
            "gaps": [1, None] * (ROWS // 2),
            "words and gaps": ["a", None] * (ROWS // 2),
        }
    )
    assert [name for name, role in found.items() if role == "constant"] == [
        "one",
        "word",
        "day",
        "true",
    ]
    assert [name for name, role in found.items() if role == "empty"] == ["none", "nan"]
    assert [name for name, role in found.items() if role == "feature"] == [
        "x",
        "gaps",
        "words and gaps",
    ]
    assert (
        "4 columns have one value only and are left out: 'one', 'word', 'day', 'true'."
        in schema.notes
    )
    assert "2 columns have no value and are left out: 'none', 'nan'." in schema.notes


def test_nothing_else_to_learn_from():
    frame = pl.DataFrame(
        {"id": range(ROWS), "one": [1] * ROWS, "y": [row % 2 for row in range(ROWS)]}
    )
    found = describe(frame, "y")
    assert found.features.columns == ["id", "one"]
    assert any("there is nothing else to learn from" in note for note in found.schema.notes)
    assert describe(frame.drop("id", "one"), "y").features.width == 0


def test_dropped_columns_and_facts():
    found = describe(
        pl.DataFrame(
            {
                "x": X,
                "a": ["5 kg", "7 kg", "9 kg", None] * 10,
                "b": range(ROWS),
                "y": ["u", "v"] * 20,
            }
        ),
        "y",
        ColumnChoices(drop=("b", "y")),  # the target is never dropped
    )
    assert found.schema.columns[1:] == (
        ColumnFacts("a", "feature", "whole number", "5 to 9 kg", 10),
        ColumnFacts("b", "left out", "dropped", "", 0),
        ColumnFacts("y", "target", "text", "2 levels: u, v", 0),
    )


@pytest.mark.parametrize(
    ("cells", "holds"),
    [
        ([1, 9_999], "1 to 9999"),
        ([-10_000, 2_000_000], "-10,000 to 2,000,000"),
        ([0.5, 1234567.5], "0.5 to 1,234,568"),
        ([1e-9, 1e20], "1e-09 to 1e+20"),
        ([0.1 + 0.2, 1.0], "0.3 to 1"),
        ([True, False], "true in 50%"),
        (["b", "a", "b"], "2 levels: b, a"),
        (["d", "c", "b", "a"], "4 levels: a, b, c, …"),
        (["x\ny\x1b[2J", "a" * 99], "2 levels: aaaaaaaaaaaaaaaaa..., x y [2J"),
        ([datetime.date(2024, 1, 1), datetime.date(2024, 5, 6)], "2024-01-01 to 2024-05-06"),
        (
            [datetime.datetime(2024, 1, 1, 5), datetime.datetime(2024, 5, 6)],
            "2024-01-01 05:00:00 to 2024-05-06 00:00:00",
        ),
        ([datetime.time(5), datetime.time(6, 30)], "05:00:00 to 06:30:00"),
        ([5], "5"),
    ],
)
def test_what_a_column_holds(cells, holds):
    assert describe(pl.DataFrame({"a": cells})).schema.columns[0].holds == holds


# Targets


def target_of(cells, choices=None, feature=None):
    frame = pl.DataFrame(
        {"x": pl.Series(feature or [str(value) for value in range(len(cells))]), "y": cells}
    )
    found = describe(frame, "y", choices)
    return (
        found.schema.target,
        found.target,
        [note for note in found.schema.notes if "target" in note],
    )


def test_numbers_are_quantities_and_words_labels():
    reading, values, notes = target_of(["1.5", "2,000.5", "$3"])
    assert (reading.kind, values.to_list(), notes) == ("number", [1.5, 2000.5, 3], [])
    reading, values, notes = target_of(["a", "b", ""])
    assert (reading.kind, values.to_list(), notes) == ("text", ["a", "b", None], [])
    reading, values, notes = target_of(["TRUE", "false", "NA"])
    assert (reading.kind, values.to_list()) == ("truth", [True, False, None])
    assert notes == ["in the target 'y' 'NA' is taken as a gap."]
    reading, values, _ = target_of(["01", "02", "01"])
    assert (reading.kind, values.to_list()) == ("text", ["01", "02", "01"])


def test_a_quantity_with_an_odd_cell_is_a_quantity():
    cells = [f"{row / 7:.3f}" for row in range(60)]
    cells[5] = "<0.1"
    reading, values, _ = target_of(cells)
    assert reading.kind == "number"
    assert values.is_null().arg_true().to_list() == [5]
    frame = pl.DataFrame({"x": range(60), "y": cells})
    notes = describe(frame, "y").schema.notes
    assert any(
        "column 'y' is read as numbers; 1 cell is not a number and counts as a gap: '<0.1' (row 6)"
        in n
        for n in notes
    )


def test_digits_with_a_letter_among_them_are_labels():
    cells = [str(row % 9 + 1) for row in range(60)]
    cells[5] = "X"
    reading, values, notes = target_of(cells)
    assert (reading.kind, values[5], values[6], notes) == ("text", "X", "7", [])
    reading, values, _ = target_of(cells, ColumnChoices(numeric=("y",)))
    assert (reading.kind, values[5], values[6]) == ("number", None, 7)
    reading, values, _ = target_of(["5 kg", "10 kg", "15 kg"] * 9)
    assert (reading.kind, values[0]) == ("text", "5 kg")
    reading, values, _ = target_of([f"{row / 7:.2f} kg" for row in range(40)])
    assert (reading.kind, reading.unit, values[7]) == ("number", "kg", 1)


def test_many_numbers_with_many_others_are_refused():
    cells = [f"{row / 7:.3f}" if row % 3 else f"<{row}" for row in range(90)]
    with pytest.raises(
        DataError, match=r"'y' holds numbers in 67% of its cells .*'<0' \(row 1\).*numeric"
    ) as caught:
        target_of(cells)
    assert "\n" not in str(caught.value)
    assert target_of(cells, ColumnChoices(numeric=("y",)))[1].null_count() == 30
    assert target_of(cells, ColumnChoices(categorical=("y",)))[0].kind == "text"
    few = ["1", "2", "x"] * 20
    assert target_of(few)[1].to_list() == few


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["2024-01-31", "2024-02-01"] * 9, "dates"),
        (["12:30", "9:05"] * 9, "times of day"),
        (["25:00", "1:00"] * 9, "spans"),
    ],
)
def test_dates_cannot_be_predicted_but_learnt_as_labels(cells, words):
    with pytest.raises(DataError, match=f"target 'y' holds {words}.*which cannot be predicted"):
        target_of(cells)
    assert target_of(cells, ColumnChoices(categorical=("y",)))[1].to_list() == cells


WORDS = ["None", "NA", "null", "nan", "unknown"]


@pytest.mark.parametrize("word", WORDS)
def test_a_label_that_spells_a_gap(word):
    cells = ["a", word, "b", word]
    reading, values, notes = target_of(
        cells
    )  # no gap elsewhere: no spelling of gaps that this could be
    assert values.to_list() == cells
    assert notes == [
        f"2 rows of the target 'y' say {word!r}, which is taken as a label (--na-values {word}"
        f" takes {word!r} as a gap)."
    ]
    _, values, notes = target_of(cells, feature=["1", "", "2", "3"])  # gaps are blanks
    assert values.to_list() == cells
    reading, values, notes = target_of(
        cells, feature=["1", word, "2", "3"]
    )  # gaps are spelt so, and in no other way
    assert reading.gaps == (word,)
    assert values.to_list() == ["a", None, "b", None]
    assert notes[0].startswith(
        f"2 rows of the target 'y' say {word!r}, which is taken as a gap, as in the rest"
    )
    _, values, _ = target_of(cells, feature=["1", word, "", "3"])  # in two ways
    assert values.to_list() == cells
    _, values, _ = target_of(["a", word, "", word], feature=["1", word, "2", "3"])
    assert values.to_list() == ["a", word, None, word]
    _, values, notes = target_of(cells, ColumnChoices(na_values=(word,)))
    assert values.to_list() == ["a", None, "b", None]
    assert notes == []
    _, values, _ = target_of(cells, ColumnChoices(na_values=("b",)), feature=["1", word, "2", "3"])
    assert values.to_list() == ["a", word, None, word]


def test_two_words_that_spell_gaps_in_a_target():
    _, values, notes = target_of(["a", "None", "NA", "b"])
    assert values.to_list() == ["a", "None", "NA", "b"]
    assert notes[0].startswith(
        "2 rows of the target 'y' say 'NA', 'None', which are taken as labels"
    )


@pytest.mark.parametrize("cells", [[None, None], ["", " "], ["NA", "NA"], [float("nan")] * 2])
def test_a_target_without_a_value(cells):
    with pytest.raises(
        DataError, match="the target 'y' has no value; name another column as target"
    ):
        target_of(cells)


def test_a_target_that_must_be_numbers_and_is_none():
    with pytest.raises(
        DataError, match=r"the target 'y' must be numbers, and none of its cells is: 'a' \(row 1\)"
    ):
        target_of(["a", "b"], ColumnChoices(numeric=("y",)))


@pytest.mark.parametrize(
    ("series", "kind", "values"),
    [
        (pl.Series([1, 2], dtype=pl.Int8), "i", [1, 2]),
        (pl.Series([2**63, 1], dtype=pl.UInt64), "f", [2.0**63, 1]),
        (pl.Series([1.5, 2], dtype=pl.Float32), "f", [1.5, 2]),
        (pl.Series([True, False]), "b", [True, False]),
        (pl.Series(["a", "bc"]), "U", ["a", "bc"]),
        (pl.Series(["a", "b"], dtype=pl.Categorical), "U", ["a", "b"]),
        (pl.Series([], dtype=pl.String), "U", []),
    ],
)
def test_targets_as_arrays(series, kind, values):
    found = target_values(series)
    assert found.dtype.kind == kind
    assert found.tolist() == values


@pytest.mark.parametrize(
    ("series", "reason"),
    [
        (
            pl.Series("y", [datetime.date(2024, 1, 1)]),
            "Date values; labels, numbers or truth values",
        ),
        (pl.Series("y", ["x" * 1001]), "texts of up to 1,001 characters"),
    ],
)
def test_targets_that_are_refused(series, reason):
    with pytest.raises(DataError, match=reason):
        target_values(series)
