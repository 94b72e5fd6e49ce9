"""What is said of a column in the start's table: ranges, levels, and what may be an identifier."""

import datetime

import polars
import pytest

from fastmlp.data.readings.kinds.dates import order_of, parse_dates
from fastmlp.data.readings.kinds.numbers import cells_like_numbers
from fastmlp.data.readings.reading import ColumnReading
from fastmlp.data.readings.roles import holds
from fastmlp.data.readings.table import describe


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([1, 17], "1 to 17"),
        ([1999, 2024], "1999 to 2024"),
        ([2685, 15352], "2,685 to 15,352"),
        ([0.0, 43107.0], "0 to 43,107"),
        ([-12193.84, 506.7], "-12,193.8 to 506.7"),
        ([-0.25, 20000.0], "-0.25 to 20,000"),
        ([835000.0, 2568156780.0], "835,000 to 2,568,156,780"),
        ([1e-9, 1e30], "1e-09 to 1e+30"),
        ([2013], "2013"),
        ([0.5], "0.5"),
        ([2**63], "9.22337e+18"),
    ],
)
def test_ranges(values, wanted):
    dtype = polars.UInt64 if values == [2**63] else None
    assert holds(ColumnReading("a", "number"), polars.Series("a", values, dtype=dtype)) == wanted


def counted(values):
    rows = len(values)
    frame = polars.DataFrame(
        {"case": values, "x": [0.5, 1.5, 0.25] * (rows // 3), "y": ["a", "b", "b"] * (rows // 3)}
    )
    schema = describe(frame, "y").schema
    return schema.names, " ".join(schema.notes)


@pytest.mark.parametrize("kind", [int, float])
def test_counters_are_noted_also_with_rows_left_out_and_as_floats(kind):
    for values in (
        [kind(2 * row + row % 2) for row in range(30)],
        [kind(row) for row in range(30)],
    ):
        names, notes = counted(values)
        assert names == ("case", "x")
        assert "'case'" in notes
        assert "may be an identifier (--drop case" in notes


@pytest.mark.parametrize(
    "values",
    [
        [row * 0.5 for row in range(30)],
        [row // 2 for row in range(30)],
        [row * 100 for row in range(30)],
    ],
)
def test_what_rises_otherwise_is_no_counter(values):
    assert "identifier" not in counted(values)[1]


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("3/4/24", "mdy", (2024, 3, 4)),
        ("3/4/24", "dmy", (2024, 4, 3)),
        ("3.4.24", "dmy", None),
        ("03/2024", "ymd", (2024, 3, 1)),
        ("3-2024", "ymd", (2024, 3, 1)),
        ("2024-Q3", "ymd", (2024, 7, 1)),
        ("2024q1", "ymd", (2024, 1, 1)),
        ("Q4 2024", "ymd", (2024, 10, 1)),
        ("2024-Q5", "ymd", None),
        ("13/2024", "ymd", None),
    ],
)
def test_dates(text, order, day):
    found = parse_dates(polars.Series([text]), order)[0]
    assert found == (None if day is None else datetime.datetime(*day))


def test_short_dates_with_strokes_tell_their_order():
    assert order_of(polars.Series(["1/2/24", "1/31/24"])).order == "mdy"


def test_versions_do_not_look_like_numbers():
    texts = polars.Series(["1.2.3", "10.0.0.1", "<1.5", "3.2*", "19M", "1.234.567"])
    assert cells_like_numbers(texts).to_list() == [False, False, True, True, True, True]
