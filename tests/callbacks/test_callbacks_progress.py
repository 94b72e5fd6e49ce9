"""The line of progress: in place on a terminal, now and then in a log, and none unless asked."""

import copy
import io
import pickle
import sys

import numpy as np
import pytest
from oracles.command_line import captured

import fastmlp
from fastmlp.callbacks import ProgressLine, progress

DATA = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self):
        return True


def train(here, **options):
    return fastmlp.train(DATA, epochs=30, hidden=[4], preset="plain", out=here / "run", **options)


def test_nothing_is_printed_unless_asked(here, capsys):
    train(here)
    assert capsys.readouterr() == ("", "")


def test_a_log_gets_the_end_of_a_short_training(here, capsys):
    run = train(here, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    [line] = err.splitlines()
    assert line.startswith("epoch 30/30  train loss ")
    assert f"loss {run.history[-1]['train_loss']:.4f}" in line
    assert "\r" not in err


def test_a_log_gets_a_line_now_and_then(here, capsys, monkeypatch):
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.0)
    train(here, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 31
    assert all(line.startswith("epoch ") for line in lines)
    assert [line.split()[1] for line in lines if "train loss" in line][:2] == ["1/30", "2/30"]
    assert "s left" in lines[-2]


def test_a_terminal_has_one_line(here, monkeypatch):
    monkeypatch.setattr(progress, "LIVE_SECONDS", 0.0)
    stream = Terminal()
    train(here, callbacks=[ProgressLine(stream)])
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    shown = text.split("\r")[1:]
    assert len(shown) >= 31
    lengths = [len(line.rstrip("\n")) for line in shown]
    for before, after in zip(shown, lengths[1:], strict=False):  # nothing of the last one stays
        assert after >= len(before.rstrip("\n").rstrip())


def test_it_says_why_training_ended(here):
    class Enough(fastmlp.Callback):
        def epoch_ended(self, trainer, result):
            trainer.stop_reason = "enough"

    stream = io.StringIO()
    train(here, callbacks=[ProgressLine(stream), Enough()])
    assert stream.getvalue().splitlines()[-1].endswith("stopped: enough")


def test_a_notebook_is_known_by_its_kernel(monkeypatch):
    class Module:
        shell = None

        def get_ipython(self):
            return self.shell

    module = Module()
    monkeypatch.setitem(progress.sys.modules, "IPython", module)
    assert not progress.in_notebook()
    module.shell = object()  # IPython on a terminal
    assert not progress.in_notebook()
    module.shell = type("Shell", (), {"kernel": object()})()
    assert progress.in_notebook()


def test_the_room_is_found_without_importing_it():
    code = "import fastmlp, sys; assert 'fastmlp.callbacks' not in sys.modules; "
    code += "assert fastmlp.callbacks.Callback is fastmlp.Callback"
    assert captured([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("again", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_it_travels_with_an_estimator(again):
    line = again(ProgressLine(Terminal()))
    assert line._stream is None
