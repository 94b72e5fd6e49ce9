"""Dates, times and spans of time: what datetime writes is read back, and nothing else is."""

import datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmlp.data.readings.choices import ColumnChoices
from fastmlp.data.readings.kinds.dates import order_of, parse_dates, parse_times
from fastmlp.data.readings.kinds.durations import parse_durations
from fastmlp.data.readings.table import describe
from fastmlp.errors import DataError

DAY, MOMENT = datetime.date, datetime.datetime

# How strftime writes a moment, and to what the format rounds it down.
WITH_TIME = {
    "%Y-%m-%d %H:%M:%S": "second",
    "%Y-%m-%dT%H:%M:%S": "second",
    "%Y-%m-%dT%H:%M:%S.%fZ": "microsecond",
    "%Y-%m-%d %H:%M": "minute",
    "%d.%m.%Y %H:%M": "minute",
    "%d.%m.%Y, %H:%M:%S": "second",
    "%m/%d/%Y %I:%M:%S %p": "second",
    "%m/%d/%Y %I:%M %p": "minute",
    "%a, %d %b %Y %H:%M:%S GMT": "second",
    "%d %B %Y %H:%M:%S": "second",
    "%Y/%m/%d %H:%M:%S,%f": "microsecond",
    "%Y%m%dT%H%M%SZ": "second",
}
DAYS = [
    *"%Y-%m-%d %Y/%m/%d %Y.%m.%d %d.%m.%Y %d/%m/%Y %d-%m-%Y %m/%d/%Y %m-%d-%Y".split(),
    *"%d.%m.%y|%m/%d/%y|%d %b %Y|%d-%b-%Y|%d-%b-%y|%d %B %Y|%B %d, %Y|%b %d, %Y".split("|"),
    "%A, %d %B %Y",
]
# POSIX reads years of two digits as 1969 to 2068, and so does the reader.
moments = st.datetimes(MOMENT(1969, 1, 1), MOMENT(2068, 12, 31))
SURE = [
    MOMENT(2021, 3, 31, 23, 59, 58, 5),
    MOMENT(1999, 12, 31, 0, 0, 1),
    MOMENT(2024, 2, 29, 12, 30),
]
ROUNDED = {
    "microsecond": {},
    "second": {"microsecond": 0},
    "minute": {"microsecond": 0, "second": 0},
    "day": {"microsecond": 0, "second": 0, "minute": 0, "hour": 0},
}


@settings(max_examples=25, deadline=None)
@given(found=st.lists(moments, min_size=1, max_size=6))
@pytest.mark.parametrize("layout", [*WITH_TIME, *DAYS])
def test_what_strftime_writes_is_read_back(layout, found):
    found = [*SURE, *found]
    column = pl.Series("day", [moment.strftime(layout) for moment in found])
    expected = [moment.replace(**ROUNDED[WITH_TIME.get(layout, "day")]) for moment in found]
    decided = describe(pl.DataFrame([column]), None, ColumnChoices(dates=("day",)))
    assert decided.features["day"].to_list() == expected
    reading = decided.schema.features[0]
    assert reading.read(column).to_list() == expected
    assert reading.read(reading.read(column)).to_list() == expected


@pytest.mark.parametrize("layout", [*WITH_TIME, *DAYS])
def test_dates_are_found_without_a_word(layout):
    start = MOMENT(2020, 1, 25, 10, 5, 3)
    found = [start + datetime.timedelta(days=37 * step, seconds=1001 * step) for step in range(30)]
    column = pl.Series("day", [moment.strftime(layout) for moment in found])
    decided = describe(pl.DataFrame([column]))
    assert decided.schema.features[0].kind == "date"
    assert decided.schema.notes == ()
    assert decided.features["day"].to_list() == [
        moment.replace(**ROUNDED[WITH_TIME.get(layout, "day")]) for moment in found
    ]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-3-1", MOMENT(2024, 3, 1)),
        ("2024-03-31T10:00+02:00", MOMENT(2024, 3, 31, 8)),
        ("2024-03-31 10:00:00 -0530", MOMENT(2024, 3, 31, 15, 30)),
        ("2024-03-31 10:00:00+02", MOMENT(2024, 3, 31, 8)),
        ("2024-01-01T00:30+01:00", MOMENT(2023, 12, 31, 23, 30)),
        ("2024-03-31 10:00:00.123456789", MOMENT(2024, 3, 31, 10, 0, 0, 123457)),
        ("31.3.24", MOMENT(2024, 3, 31)),
        ("1.1.69", None),
        ("01.01.69", MOMENT(1969, 1, 1)),
        ("01.01.68", MOMENT(2068, 1, 1)),
        ("3rd March 2024", MOMENT(2024, 3, 3)),
        ("March 3rd, 2024", MOMENT(2024, 3, 3)),
        ("3. März 2024", MOMENT(2024, 3, 3)),
        ("14 juillet 1989", MOMENT(1989, 7, 14)),
        ("1 juin 1989", MOMENT(1989, 6, 1)),
        ("24. Dez. 2023", MOMENT(2023, 12, 24)),
        ("2024-03", MOMENT(2024, 3, 1)),
        ("March 2024", MOMENT(2024, 3, 1)),
        ("20240331", MOMENT(2024, 3, 31)),
        ("2024Q2", MOMENT(2024, 4, 1)),
        ("Q4 2024", MOMENT(2024, 10, 1)),
        ("3/2024", MOMENT(2024, 3, 1)),
        ("31.03.2024 12:00 am", MOMENT(2024, 3, 31)),
        ("31.03.2024 12:00 p.m.", MOMENT(2024, 3, 31, 12)),
        ("0001-01-01", MOMENT(1, 1, 1)),
        ("9999-12-31", MOMENT(9999, 12, 31)),
    ],
)
def test_dates(text, moment):
    assert parse_dates(pl.Series([text]), "dmy").to_list() == [moment]


@pytest.mark.parametrize(
    "text",
    [
        *"2024-02-30 30.02.2024 2023-02-29 32.01.2024 00.01.2024".split(),
        *"2024-13-01 2024-00-10 0000-00-00".split(),
        *"1.2.10 1.10.0 10.0.0.1 192.168.1.2 555-123-4567 555.123.4567".split(),
        *"978-3-16-148410-0 12345-6789".split(),
        *"2024-03-31 24:00|2024-03-31 10:60|2024-03-31 13:00 pm|2024-03-31 0:00 am".split("|"),
        *"20241301|12345678|1/2|3-1|2024Q5|13/2024|31 Foo 2024|2024|x|".split("|"),
        *"1-2-3-4 ٢٠٢٤-٠٣-٣١ Mon 10:30 1e5 5.5".split(),
    ],
)
def test_what_is_no_date(text):
    assert parse_dates(pl.Series([text]), "dmy").to_list() == [None]
    assert parse_dates(pl.Series([text]), "ymd").to_list() == [None]


def test_dates_with_the_year_last_are_none_where_the_year_stands_first():
    texts = pl.Series(["2024-03-31", "31.03.2024", "03/31/2024", "24-03-31"])
    assert parse_dates(texts, "ymd").to_list() == [
        MOMENT(2024, 3, 31),
        None,
        None,
        MOMENT(2024, 3, 31),
    ]


@pytest.mark.parametrize(
    ("texts", "usual", "order", "is_doubtful"),
    [
        (["2024-03-31", "2024-04-01"], None, "ymd", False),
        (["31.03.2024", "01.04.2024"], None, "dmy", False),
        (["03/31/2024", "04/01/2024"], None, "mdy", False),
        (["31/03/2024", "01/04/2024"], "mdy", "dmy", False),
        (["01.02.2024", "03.04.2024"], None, "dmy", False),
        (["05/02/2024", "03/04/2024", "04/01/2024"], None, "mdy", True),
        (["05/02/2024", "03/04/2024", "04/01/2024"], "dmy", "dmy", False),
        (["01/12/2024", "02/03/2024", "03/01/2025"], None, "mdy", True),
        (["02/01/2024", "01/02/2024", "03/03/2024"], None, "dmy", True),
        (["95-01-31", "96-12-01"], None, "ymd", False),
        (["24-01-05", "24-12-11", "24-03-07"], None, "ymd", True),
        (
            [f"{month:02}/01/{year}" for year in (2023, 2024) for month in range(1, 13)],
            None,
            "mdy",
            True,
        ),
        (
            [f"01/{month:02}/{year}" for year in (2023, 2024) for month in range(1, 13)],
            None,
            "dmy",
            True,
        ),
        (["31/03/2024", "03/31/2024", "30/03/2024"], None, "dmy", False),
        ([None, "2024-01-01"], None, "ymd", False),
        ([None], None, "ymd", False),
    ],
)
def test_the_order_is_told_by_the_column(texts, usual, order, is_doubtful):
    found = order_of(pl.Series(texts, dtype=pl.String), usual)
    assert (found.order, found.is_doubtful) == (order, is_doubtful)


def test_a_doubtful_column_follows_a_certain_one_and_doubt_is_said():
    doubtful = [f"{1 + i % 12:02}/{1 + 5 * i % 12:02}/2024" for i in range(24)]
    certain = [f"{1 + i:02}/03/2024" for i in range(24)]
    both = describe(pl.DataFrame({"a": doubtful, "b": certain}))
    assert [reading.order for reading in both.schema.features] == ["dmy", "dmy"]
    assert both.schema.notes == ()
    alone = describe(pl.DataFrame({"a": doubtful}))
    assert alone.schema.features[0].order == "mdy"
    assert any("--dates a=dmy" in note for note in alone.schema.notes)
    told = describe(pl.DataFrame({"a": doubtful}), None, ColumnChoices(dates=("a=dmy",)))
    assert told.schema.features[0].order == "dmy"
    assert told.schema.notes == ()


def test_one_bad_column_does_not_spoil_others():
    good = [f"2024-01-{1 + i:02}" for i in range(30)]
    mixed = [("2024-01-01", "soon", "never")[i % 3] for i in range(30)]
    odd = [*good[:-1], "2024-02-30"]
    found = describe(pl.DataFrame({"good": good, "mixed": mixed, "odd": odd}))
    assert [reading.kind for reading in found.schema.features] == ["date", "text", "date"]
    assert found.features["odd"].null_count() == 1
    wanted = (
        "'odd' is read as dates; 1 cell is not a date and counts as a gap: '2024-02-30' (row 30)"
    )
    assert any(wanted in note for note in found.schema.notes)


def test_texts_that_are_mostly_dates_are_said_to_be():
    frame = pl.DataFrame({"day": ["2024-01-05", "2024-02-07", "unclear"] * 9})
    found = describe(frame)
    assert found.schema.features[0].kind == "text"
    assert any(
        "67% of its cells are dates" in note and "--dates day" in note
        for note in found.schema.notes
    )
    assert describe(frame, None, ColumnChoices(dates=("day",))).features["day"].null_count() == 9


def test_what_is_asked_to_be_dates_and_is_none():
    with pytest.raises(
        DataError, match=r"'day' is given to dates, but no cell of it is a date: 'x' \(row 1\)"
    ):
        describe(pl.DataFrame({"day": ["x", "y"]}), None, ColumnChoices(dates=("day",)))
    with pytest.raises(DataError, match="'day' is given to dates"):
        describe(pl.DataFrame({"day": [5, 6]}), None, ColumnChoices(dates=("day",)))


@pytest.mark.parametrize("kind", [str, int, float])
def test_days_of_eight_digits_are_numbers_that_are_said_to_look_like_dates(kind):
    frame = pl.DataFrame({"day": [kind(20240131 + i) for i in (0, 70, 1, 98)]})
    if kind is str:
        frame = pl.DataFrame({"day": ["20240131", "20240201", "20241231", "20240229"]})
    found = describe(frame)
    assert found.schema.features[0].kind == "number"
    if kind is str:
        assert any(
            "look like dates, such as 20240131 for 2024-01-31" in note
            for note in found.schema.notes
        )
    told = describe(frame, None, ColumnChoices(dates=("day",)))
    assert told.features["day"][0] == MOMENT(2024, 1, 31)


def test_numbers_that_are_no_dates_are_not_said_to_be():
    frame = pl.DataFrame(
        {"a": [20240131, 20240199, 20240201], "b": [20_000_000, 20_500_000, 19_999_999]}
    )
    assert describe(frame).schema.notes == ()


# Times of day


@settings(max_examples=100, deadline=None)
@given(found=st.lists(st.times(), min_size=1, max_size=8))
@pytest.mark.parametrize(
    "layout", ["%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S%p", "%H:%M:%S,%f"]
)
def test_times_of_day(layout, found):
    texts = pl.Series("t", [each.strftime(layout) for each in found])
    expected = [datetime.datetime.strptime(text, layout).time() for text in texts]
    assert parse_times(texts).to_list() == expected
    decided = describe(pl.DataFrame([texts]))
    assert decided.schema.features[0].kind == "time"
    assert decided.features["t"].to_list() == expected


@pytest.mark.parametrize(
    "text", ["24:00", "12:60", "3:1", "12", "1:2:3", "16:9", "12:30 xm", "", "x", "13:00 pm"]
)
def test_what_is_no_time(text):
    assert parse_times(pl.Series([text])).to_list() == [None]


# Spans of time


def clock(span):
    seconds, micros = divmod(span // datetime.timedelta(microseconds=1), 1_000_000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}" + (
        f".{micros:06}" if micros else ""
    )


def iso(span):
    sign, span = ("-", -span) if span < datetime.timedelta(0) else ("", span)
    return f"{sign}P{span.days}DT{span.seconds}.{span.microseconds:06}S"


spans = st.timedeltas(datetime.timedelta(days=-1000), datetime.timedelta(days=1000))
long_spans = st.timedeltas(datetime.timedelta(0), datetime.timedelta(days=1000))


@settings(max_examples=100, deadline=None)
@given(found=st.lists(long_spans, min_size=1, max_size=8))
def test_hours_beyond_a_day(found):
    found = [*found, datetime.timedelta(hours=25)]
    column = pl.Series("t", [clock(span) for span in found])
    assert parse_durations(column).to_list() == found


@settings(max_examples=100, deadline=None)
@given(found=st.lists(spans, min_size=1, max_size=8))
@pytest.mark.parametrize("write", [str, iso])
def test_spans_as_programs_write_them(write, found):
    found = [*found, datetime.timedelta(days=2, hours=3), datetime.timedelta(days=-2, seconds=5)]
    column = pl.Series("t", [write(span) for span in found])
    decided = describe(pl.DataFrame([column]))
    reading = decided.schema.features[0]
    assert reading.kind == "duration"
    assert decided.features["t"].to_list() == found
    assert reading.read(decided.features["t"]).to_list() == found
    assert reading.read(pl.Series("t", found)).to_list() == found


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("-1 days +23:59:59", datetime.timedelta(seconds=-1)),
        ("0 days 00:05:00", datetime.timedelta(minutes=5)),
        ("2 days", datetime.timedelta(days=2)),
        ("1 day, 2:03:04", datetime.timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("-1:30", datetime.timedelta(minutes=-90)),
        ("75:30", datetime.timedelta(hours=75, minutes=30)),
        ("PT1H30M", datetime.timedelta(minutes=90)),
        ("-PT1M1S", datetime.timedelta(seconds=-61)),
        *((text, None) for text in ("", "P", "PT", "5", "1:2", "1:60", "1:00:60", "x", "3:1", "PX",
                "days", "99999999999:00")),
    ],
)  # fmt: skip
def test_spans(text, span):
    assert parse_durations(pl.Series([text])).to_list() == [span]
