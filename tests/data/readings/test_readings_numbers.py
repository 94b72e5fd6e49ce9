"""Numbers as people write them: known numbers in each style are read back."""

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmlp.data.readings.choices import ColumnChoices
from fastmlp.data.readings.kinds.numbers import (
    parse_numbers,
    signs_of,
    unit_of,
    units_in,
    without_unit,
)
from fastmlp.data.readings.table import describe

THIN, NARROW, HARD, FIGURE = "\u2009", "\u202f", "\u00a0", "\u2007"


def grouped(digits, sign, india=False):
    """Return digits in groups of three, or as in India of two before the last three."""
    head, tail = digits[:-3], digits[-3:]
    size, groups = 2 if india else 3, []
    while head:
        groups.insert(0, head[-size:])
        head = head[:-size]
    return sign.join([*groups, tail])


def written(number, places, decimal=".", group="", india=False):
    """Return a number as plain Python writes it, with other signs for decimals and groups."""
    whole, _, fraction = f"{abs(number):.{places}f}".partition(".")
    body = (grouped(whole, group, india) if group else whole) + (
        decimal + fraction if fraction else ""
    )
    return ("-" if number < 0 else "") + body


STYLES = {
    "plain": lambda n: written(n, 2),
    "comma": lambda n: written(n, 2, ","),
    "England": lambda n: written(n, 2, ".", ","),
    "Germany": lambda n: written(n, 2, ",", "."),
    "Switzerland": lambda n: written(n, 2, ".", "'"),
    "Switzerland, typeset": lambda n: written(n, 2, ".", "’"),
    "France": lambda n: written(n, 2, ",", NARROW),
    "SI": lambda n: written(n, 2, ".", THIN),
    "hard blanks": lambda n: written(n, 2, ",", HARD),
    "figure blanks": lambda n: written(n, 2, ",", FIGURE),
    "blanks": lambda n: written(n, 2, ".", " "),
    "India": lambda n: written(n, 2, ".", ",", india=True),
    "plus": lambda n: ("+" if n >= 0 else "") + written(n, 2),
    "minus of a typesetter": lambda n: written(n, 2).replace("-", "−"),
    "dash": lambda n: written(n, 2).replace("-", "–"),
    "accountant": lambda n: f"({written(-n, 2, '.', ',')})" if n < 0 else written(n, 2, ".", ","),
    "accountant with dollars": lambda n: f"(${written(-n, 2)})" if n < 0 else f"${written(n, 2)}",
    "percent": lambda n: written(n, 2) + "%",
    "percent with a blank": lambda n: written(n, 2, ",") + f"{HARD}%",
    "dollars": lambda n: (
        written(n, 2, ".", ",").replace("-", "-$") if n < 0 else "$" + written(n, 2, ".", ",")
    ),
    "dollars, sign inside": lambda n: "$" + written(n, 2, ".", ","),
    "euros": lambda n: written(n, 2, ",", ".") + " €",
    "crowns": lambda n: written(n, 2, ",", " ") + " kr",
    "francs": lambda n: "CHF " + written(n, 2, ".", "'"),
    "scientific": lambda n: f"{n:.16e}",
    "scientific, large E": lambda n: f"{n:.16E}",
    "comma and exponent": lambda n: f"{n:.16e}".replace(".", ","),
    "blanks around": lambda n: f"  {n:.2f}\t",
    "kilograms": lambda n: written(n, 2) + " kg",
    "degrees": lambda n: written(n, 2, ",") + "°C",
    "more than": lambda n: written(n, 2, ".", ",") + "+",
}


# Hundredths, so that two places hold them; the last three make the column's style certain, whatever
# comes before.
hundredths = st.integers(-(10**9), 10**9).map(lambda cents: cents / 100)
SURE = [1234567.25, -0.5, 98765.75]


@settings(max_examples=40, deadline=None)
@given(numbers=st.lists(hundredths, min_size=1, max_size=10))
@pytest.mark.parametrize("style", STYLES)
def test_numbers_in_every_style(style, numbers):
    numbers = [*numbers, *SURE]
    column = pl.Series("n", [STYLES[style](number) for number in numbers])
    found = describe(pl.DataFrame([column]))
    assert found.schema.features[0].kind == "number"
    for number, value in zip(numbers, found.features["n"].to_list(), strict=True):
        assert math.isclose(value, number, rel_tol=1e-12, abs_tol=1e-12)
    # The reading that was found reads the same cells later, and those that it has read already.
    reading = found.schema.features[0]
    again = reading.read(column)
    assert again.equals(found.features["n"])
    assert reading.read(again).equals(again)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (".5", 0.5),
        ("-.25", -0.25),
        ("5.", 5),
        ("+5", 5),
        ("1e3", 1000),
        ("1.5E-3", 0.0015),
        ("1,234", 1234),
        ("1,234,567.5", 1234567.5),
        ("12,34,567", 1234567),
        ("007", 7),
        ("-0", 0),
        ("12 %", 12),
        ("5‰", 5),
        ("US$5", 5),
        ("R$ 5.50", 5.5),
        ("5 USD", 5),
        ("£1,000", 1000),
        ("- 5", -5),
        ("−5", -5),
        ("(5)", -5),
        ("1 000 000", 1_000_000),
    ],
)
def test_what_is_a_number(text, value):
    assert parse_numbers(pl.Series([text]), ".").to_list() == [value]


@pytest.mark.parametrize(
    "text",
    [
        "",
        *"x - . , 1.2.3 1,23 1,2345 12,34".split(),
        *"1 2|1 0000|10-20|1/2|0x1F|1_000".split("|"),
        *("<1", ">5", "~3", "5 kg", *"--5 +-5 5- (5 5) 1e e5 $ % inf nan 1e999 5$5".split()),
        *("12:30", "2024-01-05", "555-1234", "1.5D3", "٣", "½", "5,-", "1..5", "1,,000", "$5%%"),
    ],
)
def test_what_is_no_number(text):
    assert parse_numbers(pl.Series([text]), ".").to_list() == [None]


def test_the_comma_that_is_a_decimal_sign():
    texts = pl.Series(["1,5", "1.234", "1.234,5", "1,234", "1.5", "1 234,5", ",5", "5,", "1,5e3"])
    assert parse_numbers(texts, ",").to_list() == [
        1.5,
        1234,
        1234.5,
        1.234,
        None,
        1234.5,
        0.5,
        5,
        1500,
    ]


@pytest.mark.parametrize(
    ("texts", "usual", "decimal"),
    [
        (["1,5", "2,25"], ".", ","),
        (["1.5", "1,000"], ",", "."),
        (["1.000,5", "1.000"], ".", ","),
        (["1,234", "5,678"], ".", "."),
        (["1,234", "5,678"], ",", ","),
        (["1.234"], ",", ","),
        (["0,123"], ".", ","),
        (["1234,567"], ".", ","),
        (["1,234,567"], ",", "."),
        (["1.234.567"], ".", ","),
        (["1,234e5"], ".", ","),
        (["5", "7"], ",", "."),
    ],
)
def test_the_decimal_sign_is_told_by_the_column(texts, usual, decimal):
    assert signs_of(pl.Series(texts)).decimal(usual) == decimal


def test_signs_are_counted_by_rows():
    texts, counts = pl.Series(["1,5", "2.5", None]), pl.Series([1, 9, 3]).to_numpy()
    assert signs_of(texts).decimal(",") == ","
    assert signs_of(texts, counts).decimal(",") == "."


@pytest.mark.parametrize(
    ("texts", "unit"),
    [
        (["5 kg", "7.5 kg", "-3kg"], "kg"),
        (["5 kg", "7 g", "8 kg"], "kg"),
        (["5 kg", "7 g"], ""),
        (["10,000+", "500+"], "+"),
        (["20°C", "−3 °C"], "°C"),
        (["120 km/h"], "km/h"),
        (["5 m²"], "m²"),
        (["5", "7"], ""),
        (["kg", "5"], ""),
        (["12A", "12B"], ""),
        (["room 5"], ""),
        ([None, "5 kg"], "kg"),
        ([None], ""),
        ([], ""),
    ],
)
def test_units(texts, unit):
    assert (
        unit_of(
            units_in(pl.Series(texts, dtype=pl.String)), sum(text is not None for text in texts)
        )
        == unit
    )
    bare = without_unit(pl.Series(texts, dtype=pl.String), unit)
    assert len(bare) == len(texts)


def test_a_unit_is_kept_said_and_asked_for_later():
    frame = pl.DataFrame({"w": ["5 kg", "7,5 kg", "10 kg", None]})
    found = describe(frame)
    reading = found.schema.features[0]
    assert found.features["w"].to_list() == [5, 7.5, 10, None]
    assert any(
        "the unit 'kg' behind the numbers is left off; --categorical" in note
        for note in found.schema.notes
    )
    assert found.schema.columns[0].holds == "5 to 10 kg"
    later = pl.Series("w", ["8 kg", "500 g", "6", "2,5kg"])
    read = reading.read(later)
    assert read.to_list() == [8, None, 6, 2.5]
    assert reading.odd_cells(later, read).to_list() == [False, True, False, False]


def test_two_texts_with_a_unit_are_levels_unless_numbers_are_asked_for():
    frame = pl.DataFrame({"w": ["5 kg", "10 kg"] * 9})
    assert describe(frame).schema.features[0].kind == "text"
    assert (
        describe(frame, None, ColumnChoices(numeric=("w",))).features["w"].to_list() == [5, 10] * 9
    )


@pytest.mark.parametrize("infinity", ["inf", "-inf", "Infinity", "∞", "-∞", "+INF"])
def test_infinities_are_gaps_of_a_column_of_numbers_however_many(infinity):
    found = describe(pl.DataFrame({"n": ["1.5", infinity, "2.5", infinity]}))
    assert found.features["n"].to_list() == [1.5, None, 2.5, None]
    assert any(
        f"2 cells are not numbers and count as gaps: '{infinity}' (row 2)" in note
        for note in found.schema.notes
    )


def test_marks_that_differ_are_said():
    notes = describe(
        pl.DataFrame({"share": ["12%", "0.5", "7%"], "price": ["$5", "€6", "7"]})
    ).schema.notes
    assert any("column 'share': some numbers have '%', others do not" in note for note in notes)
    assert any("column 'price': the numbers have '$', '€'" in note for note in notes)
    same = describe(
        pl.DataFrame({"share": ["12%", "5%", "7%"], "price": ["$5", "6", "$7"]})
    ).schema.notes
    assert same == ()
