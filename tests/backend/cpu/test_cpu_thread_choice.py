"""The chooser between one thread and several, on a clock of its own: it runs every step once and
finds the faster way.
"""

from __future__ import annotations

import pytest

from fastmlp.backend.cpu import thread_choice as choice
from fastmlp.backend.cpu.thread_choice import (
    FIRST_REST,
    LONGEST_TRIAL,
    REST,
    SHORTEST_TRIAL,
    Chooser,
)

WAKING = 1e-4  # seconds that a second thread takes to be there
SLICE = 4e-3  # seconds that a system takes the processor away for


class Clock:
    """Ways whose steps take as many seconds as the test says, on a machine that may do something
    else in between.
    """

    def __init__(self, *seconds_per_step, waking=0.0, first=0.0):
        self.seconds_per_step = list(seconds_per_step)
        self.waking = [0.0, *[waking] * (len(seconds_per_step) - 1)]
        self.first = first
        self.now = 0.0
        self.steps = [0] * len(seconds_per_step)
        self.calls = [0] * len(seconds_per_step)
        self.longest_call = 0.0
        self.unlucky_call = None

    def way(self, index):
        def run(steps):
            assert steps > 0
            start = self.now
            self.now += self.waking[index] + self.busy(index, steps * self.seconds_per_step[index])
            self.now += 0.0 if self.calls[index] else self.first
            self.now += SLICE if sum(self.calls) == self.unlucky_call else 0.0
            self.steps[index] += steps
            self.calls[index] += 1
            self.longest_call = max(self.longest_call, self.now - start)

        return run

    def busy(self, index, seconds):
        return seconds

    def perf_counter(self):
        return self.now


class SharedClock(Clock):
    """A machine whose time slices go round: of so many, a way gets on in one."""

    one_of = (2, 4)

    def busy(self, index, seconds):
        slices = self.one_of[index]
        done = 0.0
        number, into = divmod(self.now, SLICE)
        while True:
            if number % slices == 0:
                if done + SLICE - into >= seconds:
                    return number * SLICE + into + seconds - done - self.now
                done += SLICE - into
            number, into = number + 1, 0.0


@pytest.fixture
def make(monkeypatch):
    """Return a clock and the chooser that reads it."""

    def chooser(*seconds_per_step, favourite=0, kind=Clock, **options):
        clock = kind(*seconds_per_step, **options)
        monkeypatch.setattr(choice.time, "perf_counter", clock.perf_counter)
        return clock, Chooser([clock.way(i) for i in range(len(seconds_per_step))], favourite)

    return chooser


def run_until(clock, chooser, seconds, steps):
    while clock.now < seconds:
        chooser.run(steps)


def test_every_step_runs_once(make):
    clock, chooser = make(1e-4, 2e-4)
    for steps in (1, 2, 19, 20, 21, 399, 400, 2000):
        before = sum(clock.steps)
        chooser.run(steps)
        assert sum(clock.steps) == before + steps


@pytest.mark.parametrize("favourite", [0, 1])
@pytest.mark.parametrize("steps", [10, 50, 2000])
def test_the_faster_way_is_found_in_milliseconds(make, steps, favourite):
    slow, fast = 106e-6, 71e-6
    seconds = (slow, fast) if favourite == 0 else (fast, slow)
    clock, chooser = make(
        *seconds, favourite=favourite, waking=WAKING / 2 if favourite == 0 else 0.0
    )
    while chooser.favourite == favourite:
        chooser.run(steps)
        assert clock.now < FIRST_REST + 4 * 3 * SHORTEST_TRIAL + steps * slow


def test_a_small_gain_is_found_once_trials_are_long(make):
    clock, chooser = make(16e-6, 14e-6, waking=WAKING / 2)
    run_until(clock, chooser, 0.2, 600)
    assert chooser.favourite == 1


def test_what_a_first_step_takes_does_not_count(make):
    clock, chooser = make(2e-4, 1e-4, first=5e-3)  # tables are built, caches filled
    run_until(clock, chooser, 0.025, 50)
    assert chooser.favourite == 1


def test_runs_of_a_step_leave_the_second_thread_alone(make):
    clock, chooser = make(10e-6, 7e-6, waking=WAKING)
    run_until(clock, chooser, 1.5, 1)
    assert chooser.favourite == 0
    assert clock.now < 1.05 * sum(clock.steps) * 10e-6


def test_a_program_that_ends_soon_is_never_divided_another_way(make):
    clock, chooser = make(1e-5, 1e-6)
    run_until(clock, chooser, 0.8 * FIRST_REST, 1)
    assert clock.steps[1] == 0


@pytest.mark.parametrize("worse", [1.5, 4.0, 100.0])
@pytest.mark.parametrize("steps", [3, 80, 5000])
def test_trials_cost_a_few_per_cent(make, worse, steps):
    clock, chooser = make(1e-4, worse * 1e-4)
    run_until(clock, chooser, 10.0, steps)
    assert chooser.favourite == 0
    assert clock.now < (1 + 1.5 / REST) * sum(clock.steps) * 1e-4


@pytest.mark.parametrize("steps", [1, 80, 2000])
def test_it_follows_a_machine_that_changes(make, steps):
    clock, chooser = make(2e-4, 1e-4, favourite=1)
    run_until(clock, chooser, 2.0, steps)
    assert chooser.favourite == 1
    clock.seconds_per_step[1] = 10e-4  # somebody else needs the second core
    run_until(clock, chooser, clock.now + 1.0, steps)
    assert chooser.favourite == 0
    run_until(clock, chooser, clock.now + 2.0, steps)
    clock.seconds_per_step[1] = 1e-4
    run_until(clock, chooser, clock.now + 1.0, steps)
    assert chooser.favourite == 1


@pytest.mark.parametrize("unlucky_call", range(40))
@pytest.mark.parametrize("favourite", [0, 1])
def test_one_unlucky_slice_does_not_decide(make, favourite, unlucky_call):
    seconds = (1e-4, 2e-4) if favourite == 0 else (2e-4, 1e-4)
    clock, chooser = make(*seconds, favourite=favourite)
    clock.unlucky_call = unlucky_call
    while clock.now < 0.5:
        chooser.run(50)
        assert chooser.favourite == favourite


@pytest.mark.parametrize("unlucky_call", range(40))
def test_an_unlucky_slice_puts_a_discovery_off_and_no_more(make, unlucky_call):
    clock, chooser = make(2e-4, 1e-4)
    clock.unlucky_call = unlucky_call
    run_until(clock, chooser, 0.2, 50)
    assert chooser.favourite == 1


@pytest.mark.parametrize("favourite", [0, 1])
@pytest.mark.parametrize("one_of", [(2, 8), (1, 4), (2, 2)])
def test_on_a_busy_machine_it_is_nearly_as_fast_as_the_better_way(
    make, monkeypatch, one_of, favourite
):
    monkeypatch.setattr(SharedClock, "one_of", one_of)
    clock, chooser = make(2e-4, 1.1e-4, favourite=favourite, kind=SharedClock)
    run_until(clock, chooser, 5.0, 300)
    better = min(
        periods * seconds for periods, seconds in zip(one_of, clock.seconds_per_step, strict=True)
    )
    assert clock.now < 1.2 * better * sum(clock.steps)


def test_a_difference_within_the_noise_changes_nothing(make):
    clock, chooser = make(1.02e-4, 1e-4)
    run_until(clock, chooser, 2.0, 1000)
    assert chooser.favourite == 0


def test_the_clock_is_looked_at_while_a_long_run_lasts(make):
    clock, chooser = make(2e-4, 1e-4)
    chooser.run(100_000)
    assert chooser.favourite == 1
    assert clock.longest_call < 1.1 * LONGEST_TRIAL


def test_three_ways(make):
    clock, chooser = make(4e-4, 2e-4, 1e-4)
    run_until(clock, chooser, 0.2, 100)
    assert chooser.favourite == 2


def test_a_single_way_is_never_compared(make):
    clock, chooser = make(1e-3)
    for _ in range(3):
        chooser.run(1000)
    assert clock.calls == [3]
