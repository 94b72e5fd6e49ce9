"""Words of the form ``name(argument, …)`` and ranges: nothing but a UsageError comes back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastmlp.errors import UsageError
from fastmlp.spec import Argument, Range, numbers, parse_spec, parse_specs, split_outside_brackets

SHAPES = {"plain": (0, 0), "one": (1, 1), "some_words": (0, 3)}


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("plain", "plain", []),
        ("  PLAIN ( ) ", "plain", []),
        ("one(1)", "one", [1.0]),
        ("one( -2.5e-3 )", "one", [-0.0025]),
        ("some-words", "some_words", []),
        ("Some_Words(1, gain,3.)", "some_words", [1.0, "gain", 3.0]),
        ("one(e)", "one", ["e"]),
    ],
)
def test_what_is_read(text, name, arguments):
    assert parse_spec("thing", text, SHAPES) == (name, arguments)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("plain)", "cannot be read"),
        ("plain((1))", "cannot be read"),
        ("one(1)(2)", "cannot be read"),
        ("1one", "cannot be read"),
        ("plane", "did you mean 'plain'"),
        ("xyz", "Accepted: plain, one, some_words"),
        ("plain(1)", "takes 0"),
        ("one", "takes 1"),
        ("some_words(1,2,3,4)", "takes 0 to 3"),
        ("one(nan)", "not a finite number"),
        ("one(-inf)", "not a finite number"),
        ("one(1e999)", "not a finite number"),
        ("one(1 2)", "neither a number nor a word"),
        ("some_words(1,,2)", "neither a number nor a word"),
        ("one(__import__('os'))", "cannot be read"),
    ],
)
def test_what_is_refused(text, message):
    with pytest.raises(UsageError, match=message) as error:
        parse_spec("thing", text, SHAPES)
    assert str(error.value).startswith("thing ")
    assert "\n" not in str(error.value)


def check(text):
    """Parse ``text``: a UsageError of one line, or an accepted name with arguments in order."""
    try:
        name, arguments = parse_spec("thing", text, SHAPES)
    except UsageError as error:
        lines = str(error).count("\n") + 1
        if lines > 1:
            pytest.fail(f"an error of {lines} lines: {error}")
        return
    least, largest = SHAPES[name]
    assert least <= len(arguments) <= largest
    assert all(isinstance(a, str) or math.isfinite(a) for a in arguments)


@given(st.text(max_size=60))
def test_any_text(text):
    check(text)


@given(
    st.sampled_from([*SHAPES, "Some-Words", "on", ""]),
    st.lists(
        st.one_of(st.text(max_size=5), st.floats().map(repr), st.integers().map(str)), max_size=4
    ),
    st.sampled_from(["(", "((", "", " ("]),
    st.sampled_from([")", "))", "", ") ", ")\n"]),
)
def test_any_text_of_nearly_the_right_form(name, arguments, opening, closing):
    check(name + opening + ",".join(arguments) + closing)


@given(
    st.one_of(
        st.none(),
        st.integers(),
        st.floats(),
        st.binary(max_size=9),
        st.lists(st.text(max_size=3), max_size=3),
    )
)
def test_any_thing_that_is_no_text(thing):
    check(thing)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3))
def test_numbers_come_back_to_the_last_digit(values):
    _, arguments = parse_spec("thing", f"some_words({', '.join(map(repr, values))})", SHAPES)
    assert arguments == values


def test_numbers_refuses_words():
    assert numbers("thing", "some_words(1)", [1.0]) == [1.0]
    with pytest.raises(UsageError, match="'gain' is not a number"):
        numbers("thing", "some_words(gain)", ["gain"])


def test_other_words_for_a_name():
    aliases = {"the_one": "one"}
    assert parse_spec("thing", "The-One(3)", SHAPES, aliases) == ("one", [3.0])
    with pytest.raises(UsageError, match=r"thing 'the_one' has 0 argument\(s\); one takes 1"):
        parse_spec("thing", "the_one", SHAPES, aliases)


@pytest.mark.parametrize(
    ("accepted", "inside", "outside", "words"),
    [
        (Range(low=0), [0, 1e300], [-1e-300], "at least 0"),
        (Range(above=0), [1e-300], [0.0], "greater than 0"),
        (Range(low=0, below=1), [0, 0.999], [1.0, -0.1], "at least 0 and less than 1"),
        (Range(low=0, high=1), [0, 1], [1.001], "at least 0 and at most 1"),
    ],
)
def test_ranges(accepted, inside, outside, words):
    for value in inside:
        assert accepted.check("x", value) == value
    for value in outside:
        with pytest.raises(UsageError, match=f"^x must be {words}; got {value:g}\\.$"):
            accepted.check("x", value)
    for value in (math.nan, math.inf, -math.inf):
        with pytest.raises(UsageError, match=f"^x must be a finite number, {words}; got {value}"):
            accepted.check("x", value)


def test_every_range_wants_finite_numbers():
    assert Range().check("x", -3) == -3
    with pytest.raises(UsageError, match=r"^x must be a finite number; got nan\.$"):
        Range().check("x", math.nan)


WORDS = {
    "pair": (Argument("the first", 0, Range(low=0)), Argument("the second", 0, Range(low=1))),
    "plain": (),
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", {"plain": []}),
        ("pair(0,1)", {"pair": [0, 1]}),
        (" plain , Pair( 2 , 3.5 )", {"plain": [], "pair": [2, 3.5]}),
    ],
)
def test_several_words(text, expected):
    assert parse_specs("thing", text, WORDS) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pair(0,0)", r"^thing 'pair\(0,0\)': the second must be at least 1; got 0\.$"),
        ("pair(0)", r"has 1 argument\(s\); pair takes 2"),
        ("plain,plain", "has plain twice; give it once"),
        ("plain,other", "'other' is not known"),
        ("pair(0,1", "cannot be read"),
    ],
)
def test_several_words_are_each_checked(text, said):
    with pytest.raises(UsageError, match=said):
        parse_specs("thing", text, WORDS)


def test_commas_inside_brackets_belong_to_a_word():
    assert split_outside_brackets("a(1,2),b,c(3)") == ["a(1,2)", "b", "c(3)"]
    assert split_outside_brackets("") == [""]
