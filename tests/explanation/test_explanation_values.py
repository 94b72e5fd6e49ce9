"""Values as people write them: numbers without noise, dates, times and truth values."""

import datetime

import numpy as np
import pytest

from fastmlp.explanation.values import own_value, written


def days(*moment):
    """Return days since 1970 as a column of dates counts them."""
    return (datetime.datetime(*moment) - datetime.datetime(1970, 1, 1)) / datetime.timedelta(days=1)


@pytest.mark.parametrize(
    ("number", "origin", "value"),
    [
        (np.float32(0.1), 0.0, 0.1),
        (np.float32(1300.1) - np.float32(1234.6), 1234.6, 1300.1),
        (np.float32(-7.0), 1_700_000_000.0, 1_699_999_993.0),
        (np.uint8(200), 0.0, 200.0),
        (np.float64(1 / 3), 0.0, 0.333333333333),
        (np.float32(1e-30), 0.0, 1e-30),
        (np.float32(0.0), 0.0, 0.0),
    ],
)
def test_a_number_of_the_matrix_in_its_own_unit(number, origin, value):
    assert own_value(number, origin) == pytest.approx(value, rel=1e-7)
    assert len(repr(own_value(number, 0.0))) <= 16


@pytest.mark.parametrize(
    ("kind", "values", "texts"),
    [
        ("number", [1.0, 2.5, -3e20, 0.0], ("1", "2.5", "-3e+20", "0")),
        ("truth", [0.0, 1.0], ("false", "true")),
        ("date", [days(2024, 2, 29), days(1969, 12, 31)], ("2024-02-29", "1969-12-31")),
        ("date", [days(33, 4, 3)], ("0033-04-03",)),
        (
            "date",
            [days(2024, 2, 29), days(2024, 3, 1, 12, 30, 15)],
            ("2024-02-29 00:00:00", "2024-03-01 12:30:15"),
        ),
        (
            "date",
            [days(2001, 2, 28), days(2024, 3, 1, 12, 30, 15)],
            ("2001-02-28 00:00", "2024-03-01 12:30"),
        ),
        ("date", [days(9999, 12, 31, 23, 59, 59) + 2e-5], ("9999-12-31 23:59:59",)),
        ("date", [days(1, 1, 1)], ("0001-01-01",)),
        ("time", [0.0, 9 * 3600.0 + 1800], ("00:00:00", "09:30:00")),
        ("duration", [-60.0, 90 * 3600.0 + 5], ("-00:01:00", "90:00:05")),
        ("duration", [0.25, 61.0], ("00:00:00.250", "00:01:01.000")),
        ("number", [], ()),
        ("date", [], ()),
        ("duration", [], ()),
    ],
)
def test_values_are_written_as_their_kind_is(kind, values, texts):
    assert written(values, kind) == texts
