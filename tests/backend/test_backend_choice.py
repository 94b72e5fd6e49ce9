"""The chooser between one thread and several, on a clock of its own: it runs every step once and finds the faster way."""

from __future__ import annotations

import pytest

from fastmlp.backend import choice
from fastmlp.backend.choice import LONGEST_PAUSE, Chooser


class Clock:
    """Two ways whose steps take as many seconds as the test says."""

    def __init__(self, *seconds_per_step):
        self.seconds_per_step = list(seconds_per_step)
        self.now = 0.0
        self.steps = [0] * len(seconds_per_step)
        self.calls = [0] * len(seconds_per_step)

    def way(self, index):
        def run(steps):
            assert steps > 0
            self.now += steps * self.seconds_per_step[index]
            self.steps[index] += steps
            self.calls[index] += 1

        return run

    def perf_counter(self):
        return self.now


@pytest.fixture
def make(monkeypatch):
    def chooser(*seconds_per_step, favourite=0):
        clock = Clock(*seconds_per_step)
        monkeypatch.setattr(choice.time, "perf_counter", clock.perf_counter)
        return clock, Chooser([clock.way(i) for i in range(len(seconds_per_step))], favourite)

    return chooser


def test_every_step_runs_once(make):
    clock, chooser = make(1e-4, 2e-4)
    for steps in (1, 2, 19, 20, 21, 399, 400, 2000):
        before = sum(clock.steps)
        chooser.run(steps)
        assert sum(clock.steps) == before + steps


def test_the_faster_way_becomes_the_favourite(make):
    clock, chooser = make(2e-4, 1e-4)
    chooser.run(1000)  # nothing is known yet
    assert chooser.favourite == 0
    chooser.run(1000)
    assert chooser.favourite == 1
    assert clock.steps == [1000, 1000]


def test_it_follows_a_machine_that_changes(make):
    clock, chooser = make(2e-4, 1e-4, favourite=1)
    for _ in range(5):
        chooser.run(1000)
    assert chooser.favourite == 1
    clock.seconds_per_step[1] = 8e-4  # somebody else needs the second core
    for _ in range(2 * LONGEST_PAUSE):
        chooser.run(1000)
    assert chooser.favourite == 0


def test_a_difference_within_the_noise_changes_nothing(make):
    _, chooser = make(1.02e-4, 1e-4)
    for _ in range(10):
        chooser.run(1000)
    assert chooser.favourite == 0


def test_trials_become_rare_while_they_confirm_the_favourite(make):
    clock, chooser = make(1e-4, 2e-4)
    for _ in range(300):
        chooser.run(1000)
    assert chooser.favourite == 0
    assert 5 <= clock.calls[1] <= 12  # after 1, 2, 4 … 64 runs, not after each
    assert clock.steps[1] == 50 * clock.calls[1]


@pytest.mark.parametrize("steps", [1, 19, 100])
def test_steps_too_few_to_measure_are_no_trial(make, steps):
    clock, chooser = make(1e-5, 1e-6)
    for _ in range(100):
        chooser.run(steps)
    assert clock.steps[1] == 0


def test_a_single_way_is_never_compared(make):
    clock, chooser = make(1e-3)
    for _ in range(3):
        chooser.run(1000)
    assert clock.calls == [3]
