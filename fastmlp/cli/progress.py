"""What is seen while a network trains: a line an epoch, and a live bar inside long epochs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fastmlp.metrics.table import heading
from fastmlp.training.callbacks import Callback, Progress, Record, Training, TrainingResult

from .console import Console, duration, number

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

LONG_EPOCH = 1.0  # seconds: shorter epochs need no bar
MOST_LINES = 100
LEAST_WIDTHS = {"": 1, "samples/s": 10, "elapsed": 7, "remaining": 9}  # of other columns 9


class EpochLines(Callback):
    """Prints a table that grows by a line an epoch; of very many only every 10th, 20th, 50th, …

    Parameters
    ----------
    console
        Where to print.
    """

    def __init__(self, console: Console):
        self.console = console
        self._bar = EpochBar(console) if console.is_live else None
        self._widths: list[int] = []
        self._start = self._epoch_start = 0.0
        self._held_back: Record | None = None

    def training_started(self, trainer: Training) -> None:
        """Start the clock and say which epochs are shown."""
        self._start = self._epoch_start = time.perf_counter()
        self.every = line_interval(trainer.epochs)
        if self.every > 1:
            self.console.line(
                f"{trainer.epochs:,} epochs: every {self.every:,}th is shown; history.jsonl holds "
                "all of them."
            )

    def progressed(self, trainer: Training, progress: Progress) -> None:
        """Move the bar, if this epoch takes long enough to be watched."""
        now = time.perf_counter()
        if self._bar is not None and (now - self._epoch_start > LONG_EPOCH or self._bar.is_shown):
            self._bar.move(trainer.epochs, progress)

    def recorded(self, trainer: Training, record: Record) -> None:
        """Print the line of a record, unless its epoch is one that is left out."""
        if record.kind == "epoch":
            self._epoch_start = time.perf_counter()
            if self._bar is not None:
                self._bar.hide()
        if record.epoch == 1 or record.epoch % self.every == 0 or record.epoch == trainer.epochs:
            self._print(trainer, record)
            self._held_back = None
        elif record.kind == "epoch":
            self._held_back = record

    def training_ended(self, trainer: Training, result: TrainingResult) -> None:
        """Print the last epoch if it was held back."""
        if self._bar is not None:
            self._bar.hide()
        if self._held_back is not None:
            self._print(trainer, self._held_back)

    def _print(self, trainer: Training, record: Record) -> None:
        cells = self._cells(trainer, record)
        if not self._widths:
            count = f"{trainer.epochs}/{trainer.epochs}"
            least = [len(count), *(LEAST_WIDTHS.get(name, 9) for name, _ in cells[1:])]
            headings = self._headings(record, [name for name, _ in cells])
            self._widths = [
                max(len(heading), len(text), width)
                for heading, (_, text), width in zip(headings, cells, least, strict=True)
            ]
            self.console.line(self._joined(headings))
        self.console.line(self._joined([text for _, text in cells]))

    def _cells(self, trainer: Training, record: Record) -> list[tuple[str, str]]:
        elapsed = time.perf_counter() - self._start
        remaining = elapsed / record.epoch * (trainer.epochs - record.epoch)
        whole = record.kind == "epoch"
        # The best epoch is marked only where rows were held out to tell it.
        is_marked = record.is_best and record.monitor and record.monitor_name == "validation"
        return [
            ("epoch", f"{record.epoch}/{trainer.epochs}" if whole else f"@{record.update}"),
            *((heading(name), number(value)) for name, value in record.train.items()),
            *((heading(name), number(value)) for name, value in record.monitor.items()),
            ("", "*" if whole and is_marked else " "),
            ("lr", f"{record.learning_rate:.3g}"),
            ("samples/s", f"{record.samples_per_second:,.0f}" if whole else ""),
            ("elapsed", duration(elapsed)),
            ("remaining", duration(remaining) if whole else ""),
        ]

    def _headings(self, record: Record, names: list[str]) -> list[str]:
        headings = list(names)
        headings[1] = "train loss"
        if record.monitor:
            headings[1 + len(record.train)] = f"{record.monitor_name} loss"
        return headings

    def _joined(self, texts: list[str]) -> str:
        pairs = zip(texts, self._widths, strict=True)
        return "  ".join(f"{text:>{width}}" for text, width in pairs).rstrip()


class EpochBar:
    """A bar inside the epoch at hand, which vanishes when the epoch's line is printed."""

    def __init__(self, console: Console):
        self._console = console
        self._shown: tuple[RichProgress, TaskID] | None = None

    @property
    def is_shown(self) -> bool:
        """Whether there is a bar now."""
        return self._shown is not None

    def move(self, epochs: int, progress: Progress) -> None:
        """Show how far the epoch is, with the loss so far."""
        if self._shown is None:
            self._shown = self._started(progress.steps)
        bar, task = self._shown
        text = f"epoch {progress.epoch}/{epochs}  loss {number(progress.loss)}"
        bar.update(task, completed=progress.step, description=text)
        bar.refresh()

    def hide(self) -> None:
        """Take the bar away."""
        if self._shown is not None:
            self._shown[0].stop()
            self._shown = None

    def _started(self, steps: int) -> tuple[RichProgress, TaskID]:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=RichConsole(file=self._console.stream),
            transient=True,
            auto_refresh=False,  # no thread of its own: nothing may slow the training
        )
        task = bar.add_task("", total=steps)
        bar.start()
        return bar, task


def line_interval(epochs: int) -> int:
    """Return 1 for up to 100 epochs, else the round interval that leaves 50 to 100 lines."""
    factor = 1
    while True:
        for step in (1, 2, 5):
            if epochs <= step * factor * MOST_LINES:
                return step * factor
        factor *= 10
