"""One line that tells how far a training is: in a notebook, on a terminal, in a log."""

from __future__ import annotations

import sys
import time
from typing import Any, TextIO

from fastmlp.display.texts import measured
from fastmlp.metrics.table import heading
from fastmlp.training.callbacks import Callback, Progress, Record, Training, TrainingResult

LIVE_SECONDS = 0.2  # between two changes of a line that changes in place
LOG_SECONDS = 10.0  # between two lines where none can change


def in_notebook() -> bool:
    """Return whether this program is a notebook's: IPython with a kernel, without importing it."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


class ProgressLine(Callback):
    """Shows the epoch, the numbers of the last one, and how long it will take.

    In a notebook and on a terminal it is one line that changes; elsewhere a line now and then.

    Parameters
    ----------
    stream
        Where it is printed outside a notebook; None for standard error.
    """

    def __init__(self, stream: TextIO | None = None):
        self._stream = stream
        self._handle: Any = None
        self._start = self._shown = 0.0
        self._numbers = self._last = ""

    def training_started(self, trainer: Training) -> None:
        """Start the clock."""
        self._start, self._first, self._numbers = time.monotonic(), trainer.epoch, ""
        if in_notebook():
            from IPython.display import display

            self._handle = display({"text/plain": "training …"}, raw=True, display_id=True)
        # A log gets its first line after a while, and a short training's only its last one.
        self._shown = 0.0 if self._is_live else self._start

    def progressed(self, trainer: Training, progress: Progress) -> None:
        """Show how far a long epoch is."""
        done = trainer.epoch + progress.step / max(progress.steps, 1)
        self._show(trainer, progress.epoch, done)

    def recorded(self, trainer: Training, record: Record) -> None:
        """Show the numbers of an epoch."""
        if record.kind != "epoch":
            return
        shown = [f"train {_words(record.train)}"]
        if record.monitor:
            shown.append(f"{record.monitor_name} {_words(record.monitor)}")
        self._numbers = "  ".join(shown)
        self._show(trainer, record.epoch, record.epoch)

    def training_ended(self, trainer: Training, result: TrainingResult) -> None:
        """Show the last numbers, and leave them."""
        why = f"  stopped: {result.stop_reason}" if result.stop_reason else ""
        if result.diverged:
            why = f"  the loss became NaN or infinite: {result.diverged}"
        took = f"{time.monotonic() - self._start:.1f} s"
        self._print(self._line(trainer, result.epochs, f"{took}{why}"), is_last=True)

    def _show(self, trainer: Training, epoch: int, done: float) -> None:
        now = time.monotonic()
        if now - self._shown < (LIVE_SECONDS if self._is_live else LOG_SECONDS):
            return
        self._shown, spent = now, now - self._start
        left = spent / max(done - self._first, 1e-9) * max(trainer.epochs - done, 0)
        self._print(self._line(trainer, epoch, f"{spent:.1f} s, {left:.1f} s left"))

    def _line(self, trainer: Training, epoch: int, times: str) -> str:
        parts = (f"epoch {epoch}/{trainer.epochs}", self._numbers, times)
        return "  ".join(part for part in parts if part)

    @property
    def _is_live(self) -> bool:
        return self._handle is not None or self._out.isatty()

    @property
    def _out(self) -> TextIO:
        return sys.stderr if self._stream is None else self._stream

    def _print(self, line: str, is_last: bool = False) -> None:
        if self._handle is not None:
            self._handle.update({"text/plain": line}, raw=True)
        elif self._out.isatty():
            end = "\n" if is_last else ""
            print(f"\r{line:<{len(self._last)}}", end=end, file=self._out, flush=True)
            self._last = line
        else:
            print(line, file=self._out, flush=True)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what belongs to this program's screen."""
        return {**vars(self), "_handle": None, "_stream": None}


def _words(numbers: dict[str, float]) -> str:
    return ", ".join(f"{heading(name)} {measured(value)}" for name, value in numbers.items())
