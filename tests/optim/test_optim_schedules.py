"""Schedules against closed formulas, the plateau's states, warm-up, words and errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastmlp.errors import UsageError
from fastmlp.optim.schedules import ACCEPTED, ALIASES, NUMBERS, parse_schedule, parse_shares

RATE, PER_EPOCH, EPOCHS = 0.4, 10, 30
TOTAL = PER_EPOCH * EPOCHS


def make(text, warmup=0, per_epoch=PER_EPOCH, epochs=EPOCHS, rate=RATE):
    return parse_schedule(text, rate, per_epoch, epochs, warmup)


def rates(text, warmup=0):
    return make(text, warmup).learning_rates(0, TOTAL)


FORMULAS = {
    "constant": lambda u: 1.0,
    "step": lambda u: 0.5 ** (u // (10 * PER_EPOCH)),
    "step(3, 0.1)": lambda u: 0.1 ** (u // (3 * PER_EPOCH)),
    "exponential": lambda u: 0.95 ** (u / PER_EPOCH),
    "exponential(0.5)": lambda u: 0.5 ** (u / PER_EPOCH),
    "inverse_scaling": lambda u: 1 / math.sqrt(1 + u),
    "inverse_scaling(1)": lambda u: 1 / (1 + u),
    "cosine": lambda u: math.cos(math.pi / 2 * u / TOTAL) ** 2,  # half-angle form of (1 + cos)/2
    "cosine(0.2)": lambda u: 0.2 + 0.8 * math.cos(math.pi / 2 * u / TOTAL) ** 2,
    "plateau": lambda u: 1.0,
}


@pytest.mark.parametrize("text", sorted(FORMULAS))
def test_closed_formula(text):
    expected = [RATE * FORMULAS[text](u) for u in range(TOTAL)]
    np.testing.assert_allclose(rates(text), expected, rtol=1e-12)


@pytest.mark.parametrize("text", [*sorted(FORMULAS), "one_cycle", "log_cosine", "flat_cosine"])
@pytest.mark.parametrize("warmup", [0, 7])
def test_any_part_of_the_run_agrees_with_the_whole(text, warmup):
    whole = rates(text, warmup)
    for first, count in ((0, 1), (3, 10), (TOTAL - 5, 5), (50, 0)):
        part = make(text, warmup).learning_rates(first, count)
        assert part.dtype == np.float64
        assert part.shape == (count,)
        np.testing.assert_array_equal(part, whole[first : first + count])


@pytest.mark.parametrize(
    "text", [name for name in sorted(FORMULAS) if name not in ("constant", "plateau")]
)
def test_rates_never_rise(text):
    values = rates(text)
    assert (np.diff(values) <= 0).all()
    assert values[0] == pytest.approx(RATE)
    assert values[-1] < values[0]
    assert (values >= 0).all()


@pytest.mark.parametrize(
    ("text", "cycles"), [("log_cosine", 4), ("log_cosine(1)", 1), ("log_cosine(2.5)", 2.5)]
)
def test_log_cosine(text, cycles):
    """Half-angle form of the published formula."""
    turns = [math.log2(1 + (2**cycles - 1) * u / TOTAL) for u in range(TOTAL)]
    expected = [RATE * math.sin(math.pi * turn) ** 2 for turn in turns]
    np.testing.assert_allclose(rates(text), expected, rtol=1e-9, atol=1e-12)


def test_log_cosine_touches_zero_where_a_cycle_ends():
    """The ends of four cycles divide the run as 1 : 2 : 4 : 8."""
    values = make("log_cosine(4)", per_epoch=15, epochs=10).learning_rates(0, 151)
    for end in (0, 10, 30, 70, 150):
        assert values[end] == pytest.approx(0, abs=1e-12)
    assert [values[a:b].max() > 0.99 * RATE for a, b in ((0, 10), (10, 30), (30, 70))] == [True] * 3


@pytest.mark.parametrize(("text", "flat"), [("flat_cosine", 0.5), ("flat_cosine(0.2)", 0.2)])
def test_flat_cosine(text, flat):
    shares = np.maximum(np.arange(TOTAL) / TOTAL - flat, 0) / (1 - flat)
    values = rates(text)
    np.testing.assert_allclose(values, RATE * np.cos(np.pi / 2 * shares) ** 2, rtol=1e-9)
    assert (values[: round(flat * TOTAL)] == RATE).all()
    assert (np.diff(values[round(flat * TOTAL) :]) < 0).all()


class TestShares:
    def test_a_share_begins_with_1(self):
        schedule = parse_shares("dropout", "flat_cosine", PER_EPOCH, EPOCHS)
        values = schedule.learning_rates(0, TOTAL)
        np.testing.assert_allclose(values * RATE, rates("flat_cosine"), rtol=1e-12)

    @pytest.mark.parametrize("text", ["plateau", "reduce_on_plateau(3)"])
    def test_a_plateau_is_refused(self, text):
        with pytest.raises(UsageError, match="weight decay cannot follow schedule 'plateau'"):
            parse_shares("weight decay", text, PER_EPOCH, EPOCHS)

    @pytest.mark.parametrize(
        "text", ["log_cosine(0)", "log_cosine(99)", "flat_cosine(1)", "flat_cosine(-0.1)", "flot"]
    )
    def test_numbers_out_of_range_are_refused(self, text):
        with pytest.raises(UsageError, match="schedule"):
            parse_shares("dropout", text, PER_EPOCH, EPOCHS)


class TestOneCycle:
    @pytest.mark.parametrize(
        ("text", "rise", "ratio"), [("one_cycle", 0.3, 25), ("one_cycle(0.5, 10)", 0.5, 10)]
    )
    def test_it_rises_to_the_rate_and_falls_to_nearly_nothing(self, text, rise, ratio):
        values = rates(text)
        peak = round(rise * TOTAL)
        assert values[0] == pytest.approx(RATE / ratio)
        assert values.argmax() == peak
        assert values[peak] == pytest.approx(RATE)
        assert (np.diff(values[: peak + 1]) > 0).all()
        assert (np.diff(values[peak:]) < 0).all()
        assert values[-1] < RATE / ratio
        assert values[-1] > 0
        # Half-way up and half-way down the cosine stands at the mean of its ends.
        assert values[peak // 2] == pytest.approx(RATE * (1 + 1 / ratio) / 2)
        assert values[(peak + TOTAL) // 2] == pytest.approx(RATE * (1 + 1e-4 / ratio) / 2)


class TestWarmup:
    @pytest.mark.parametrize("text", sorted(FORMULAS))
    @pytest.mark.parametrize("warmup", [1, 7, 2 * PER_EPOCH])
    def test_a_straight_line_then_the_schedule(self, text, warmup):
        values = rates(text, warmup)
        np.testing.assert_allclose(values[:warmup], RATE * np.arange(1, warmup + 1) / warmup)
        assert values[warmup] == pytest.approx(RATE)
        if "cosine" not in text:  # which is stretched over what is left of the run
            expected = [RATE * FORMULAS[text](u) for u in range(TOTAL - warmup)]
            np.testing.assert_allclose(values[warmup:], expected, rtol=1e-12)

    def test_the_cosine_ends_with_the_run(self):
        left = TOTAL - 20
        expected = [RATE * math.cos(math.pi / 2 * u / left) ** 2 for u in range(left)]
        np.testing.assert_allclose(rates("cosine", 20)[20:], expected, rtol=1e-10)

    @pytest.mark.parametrize("text", [*sorted(FORMULAS), "one_cycle"])
    @pytest.mark.parametrize("warmup", [TOTAL - 1, TOTAL, 2 * TOTAL])
    def test_a_warmup_as_long_as_the_run(self, text, warmup):
        values = rates(text, warmup)
        assert np.isfinite(values).all()
        np.testing.assert_allclose(values[: TOTAL - 1], RATE * np.arange(1, TOTAL) / warmup)


class TestPlateau:
    def follow(self, watched, text="plateau(3, 0.1)"):
        """Return the rate after each epoch."""
        schedule, after = make(text), []
        for number in watched:
            lowered = schedule.epoch_ended(number)
            after.append(round(schedule.learning_rates(0, 1)[0] / RATE, 12))
            assert lowered == (after[-1] < ([1.0, *after])[len(after) - 1])
        return after

    def test_it_waits_and_then_lowers_the_rate(self):
        assert self.follow([1, 1, 1, 1, 1, 1, 1, 1]) == [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01]

    def test_an_improvement_starts_the_count_anew(self):
        assert self.follow([1, 1, 1, 0.9, 0.9, 0.9, 0.9]) == [1, 1, 1, 1, 1, 1, 0.1]

    def test_an_improvement_too_small_to_count(self):
        assert self.follow([1, 0.99999, 0.99998, 0.99997]) == [1, 1, 1, 0.1]
        assert self.follow([1, 0.999, 0.998, 0.997]) == [1, 1, 1, 1]

    def test_what_gets_worse_counts_as_no_improvement(self):
        assert self.follow([1, 2, 3, 4, 0.5]) == [1, 1, 1, 0.1, 0.1]

    def test_numbers_below_zero_improve_downwards(self):
        assert self.follow([-1, -2, -3, -4]) == [1, 1, 1, 1]
        assert self.follow([-4, -3, -2, -1]) == [1, 1, 1, 0.1]

    def test_the_first_epoch_may_have_no_finite_number(self):
        assert self.follow([math.inf, 1, 0.5, 0.25]) == [1, 1, 1, 1]
        assert self.follow([math.nan, 1, 0.5, 0.25]) == [1, 1, 1, 1]

    def test_nan_counts_as_no_improvement(self):
        assert self.follow([1, math.nan, math.nan, math.nan]) == [1, 1, 1, 0.1]

    def test_patience_of_one(self):
        assert self.follow([1, 1, 0.5, 0.5], "plateau(1)") == [1, 0.5, 0.5, 0.25]

    @pytest.mark.parametrize("text", sorted(set(ACCEPTED) - {"plateau"}))
    def test_other_schedules_watch_nothing(self, text):
        schedule = make(text)
        before = schedule.learning_rates(0, TOTAL)
        assert not any(schedule.epoch_ended(1.0) for _ in range(20))
        np.testing.assert_array_equal(schedule.learning_rates(0, TOTAL), before)


class TestParse:
    @pytest.mark.parametrize("alias", sorted(ALIASES))
    def test_other_names(self, alias):
        assert make(f" {alias.upper().replace('_', '-')} ").name == ALIASES[alias]

    @pytest.mark.parametrize("name", sorted(ACCEPTED))
    def test_defaults_fill_what_is_left_out(self, name):
        defaults = [default for _, default, _ in NUMBERS[name]]
        assert make(name).arguments == make(f"{name}()").arguments == defaults
        assert len(defaults) == ACCEPTED[name][1]

    def test_a_part_of_the_numbers(self):
        assert make("step(3)").arguments == [3, 0.5]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "linear",
            "cosin",
            "constant(1)",
            "step(0)",
            "step(0.5)",
            "step(10, 1.5)",
            "step(10, -0.5)",
            "step(1, 2, 3)",
            "exponential(1.1)",
            "exponential(-0.1)",
            "inverse_scaling(-1)",
            "cosine(-0.1)",
            "cosine(1.1)",
            "cosine(nan)",
            "cosine(x)",
            "one_cycle(0)",
            "one_cycle(1)",
            "one_cycle(0.5, 0.5)",
            "plateau(0)",
            "plateau(3, 2)",
            "step(",
            "step(1,)",
            "step)",
        ],
    )
    def test_words_and_numbers_that_make_no_sense(self, text):
        with pytest.raises(UsageError, match="schedule"):
            make(text)

    @pytest.mark.parametrize("rate", [0.0, -0.1, math.nan, math.inf])
    def test_the_rate_must_be_positive(self, rate):
        with pytest.raises(UsageError, match="learning rate"):
            make("constant", rate=rate)

    def test_a_warmup_below_zero(self):
        with pytest.raises(UsageError, match="warmup"):
            make("constant", warmup=-1)

    @given(
        name=st.sampled_from(sorted(ACCEPTED)),
        arguments=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=2),
        per_epoch=st.integers(0, 20),
        epochs=st.integers(0, 20),
        warmup=st.integers(0, 500),
    )
    def test_what_is_accepted_gives_finite_rates(self, name, arguments, per_epoch, epochs, warmup):
        try:
            schedule = make(f"{name}({', '.join(map(repr, arguments))})", warmup, per_epoch, epochs)
        except UsageError:
            return
        values = schedule.learning_rates(0, per_epoch * epochs)
        assert values.shape == (per_epoch * epochs,)
        assert np.isfinite(values).all()
        assert (values >= 0).all()
        assert (values <= RATE * (1 + 1e-12)).all()
