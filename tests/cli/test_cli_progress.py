"""What is printed while training: words for times and numbers, thinning, and the live bar."""

import io
from types import SimpleNamespace

import pytest

from fastmlp.cli import progress as module
from fastmlp.cli.console import Console, duration, number
from fastmlp.cli.progress import EpochLines, line_interval
from fastmlp.training.callbacks import Progress, Record


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0s"),
        (59.94, "59.9s"),
        (59.96, "1m00s"),
        (125, "2m05s"),
        (3599.6, "1h00m"),
        (11_220, "3h07m"),
        (90_000, "25h00m"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.0000"), (0.5, "0.5000"), (-0.25, "-0.2500"), (1e-4, "1.000e-04"),
        (12345.0, "1.234e+04"), (None, "-"),
     (float("nan"), "-"), (float("inf"), "inf")],
)  # fmt: skip
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize("epochs", [1, 2, 99, 100, 101, 199, 200, 201, 999, 12_345, 10**6])
def test_at_most_a_hundred_lines_and_at_least_forty_of_many(epochs):
    every = line_interval(epochs)
    assert epochs / every <= 100
    assert every == 1 or epochs / every > 40
    assert str(every).rstrip("0") in ("1", "2", "5")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is moved."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(module.time, "perf_counter", lambda: now.seconds)
    return now


def train(lines, clock, seconds_per_step, trainer):
    lines.training_started(trainer)
    for epoch in (1, 2):
        for step in range(1, 6):
            clock.seconds += seconds_per_step
            lines.progressed(trainer, Progress(epoch, step, 5, 0.5))
        lines.recorded(trainer, Record("epoch", epoch, 5 * epoch, {"loss": 0.5}, seconds=1.0))
    lines.training_ended(trainer, None)


@pytest.mark.parametrize(
    ("is_terminal", "seconds_per_step", "has_bar"),
    [(True, 0.5, True), (True, 0.1, False), (False, 0.5, False)],
)
def test_a_bar_is_shown_on_a_terminal_in_long_epochs_only(
    monkeypatch, clock, is_terminal, seconds_per_step, has_bar
):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal() if is_terminal else io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    train(EpochLines(Console()), clock, seconds_per_step, SimpleNamespace(epochs=2))
    text = stream.getvalue()
    assert ("epoch 1/2  loss 0.5000" in text) == has_bar
    assert ("\x1b[" in text) == has_bar
    assert "1/2      0.5000" in text
    assert "2/2      0.5000" in text


def test_remaining_time_is_told_from_the_epochs_done(monkeypatch, clock, capsys):
    lines = EpochLines(Console())
    trainer = SimpleNamespace(epochs=10)
    lines.training_started(trainer)
    clock.seconds += 30
    lines.recorded(trainer, Record("epoch", 1, 5, {"loss": 0.5}))
    assert capsys.readouterr().out.splitlines()[-1].split()[-2:] == ["30.0s", "4m30s"]


def test_quiet_is_quiet(clock, capsys):
    train(EpochLines(Console(quiet=True)), clock, 0.5, SimpleNamespace(epochs=2))
    assert capsys.readouterr() == ("", "")


def test_a_run_that_ends_between_shown_epochs_shows_its_last(clock, capsys):
    lines, trainer = EpochLines(Console()), SimpleNamespace(epochs=1000)
    lines.training_started(trainer)
    for epoch in range(1, 14):
        lines.recorded(trainer, Record("epoch", epoch, epoch, {"loss": 0.5}))
    lines.training_ended(trainer, None)
    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert shown[-3:] == ["1/1000", "10/1000", "13/1000"]
