"""One pass over the rows as replayed Programs: one for full batches, one for the ragged last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

from fastmlp.backend.contract import Backend, Program
from fastmlp.ranks.contract import ALONE, Ranks
from fastmlp.step.batches import count_steps
from fastmlp.step.window import Window

CHUNK_SECONDS = 0.2  # how long Python stays away: short enough for a live bar and for Ctrl-C


class RecordedPass:
    """A step, recorded for full batches and for what is left over.

    Parameters
    ----------
    backend
        Where the step is recorded.
    rows
        Rows of one pass.
    batch_size
        Rows of a full batch.
    step
        Called with a number of rows while recording; launches the operations of one step.
    drop_last
        Leave out the ragged last batch, unless it is the only one.
    window
        What brings the rows to the device, where that cannot hold them all.
    ranks
        Who runs the pass together: they come back to Python after the same steps.

    Attributes
    ----------
    steps
        Number of steps of one pass.
    rows
        Number of rows that one pass visits.
    """

    def __init__(
        self,
        backend: Backend,
        rows: int,
        batch_size: int,
        step: Callable[[int], None],
        drop_last: bool = False,
        window: Window | None = None,
        ranks: Ranks = ALONE,
    ):
        self._backend, self._window, self._ranks = backend, window, ranks
        self.full_steps, ragged_rows = divmod(rows, batch_size)
        self.steps = count_steps(rows, batch_size, drop_last)
        ragged_rows = ragged_rows if self.steps > self.full_steps else 0
        self.rows = self.full_steps * batch_size + ragged_rows
        self._full = record_step(backend, step, batch_size) if self.full_steps else None
        self._ragged = record_step(backend, step, ragged_rows) if ragged_rows else None
        self._seconds_per_step = 0.0

    @property
    def _program(self) -> Program:
        program = self._full or self._ragged
        assert program is not None  # a pass has a step at least
        return program

    @property
    def threads(self) -> int:
        """How many CPU threads the last steps took."""
        return self._program.threads

    @property
    def execution(self) -> str:
        """How the last steps ran, in words."""
        return self._program.execution

    @property
    def operations(self) -> list[str]:
        """The names of what was recorded for one step, in order."""
        return self._program.operations

    def run(self, stretch: int | None = None, before: int = 0, first: int = 0) -> Iterator[int]:
        """Replay one pass; yield the number of steps done each time Python comes back.

        Parameters
        ----------
        stretch
            Also come back whenever the steps, with those ``before``, are a multiple of this.
        before
            Steps of earlier passes.
        first
            Steps of this pass that were made before; the counters stand behind them.
        """
        if self._window is not None:
            self._window.start(first)
            if first % self._window.steps:
                self._window.take()
        done = first
        while self._full is not None and done < self.full_steps:
            count = self._ranks.decide(partial(self._chunk, stretch, before, done))
            start = time.perf_counter()
            self._replay(self._full, count, done)
            self._seconds_per_step = (time.perf_counter() - start) / count
            done += count
            yield done
        if self._ragged is not None and done < self.steps:
            self._replay(self._ragged, 1, done)
            yield done + 1

    def _replay(self, program: Program, count: int, done: int) -> None:
        """Run steps and wait for them; meanwhile the rows after theirs are brought."""
        end = done + count
        while self._window is not None and done < end:
            if done % self._window.steps == 0:
                self._window.take()
            # Those of one window: ranks with less memory have smaller ones than the first.
            in_window = min(end - done, self._window.steps - done % self._window.steps)
            program.replay(in_window)
            self._window.prefetch()
            self._backend.synchronize()
            done += in_window
        if self._window is None:
            program.replay(count)
            self._backend.synchronize()

    def _chunk(self, stretch: int | None, before: int, done: int) -> int:
        remaining = self.full_steps - done
        fitting = int(CHUNK_SECONDS / self._seconds_per_step) if self._seconds_per_step else 1
        until_mark = remaining if stretch is None else stretch - (before + done) % stretch
        in_window = (
            remaining if self._window is None else self._window.steps - done % self._window.steps
        )
        return max(1, min(remaining, fitting, until_mark, in_window))


def record_step(backend: Backend, step: Callable[[int], None], rows: int) -> Program:
    """Return the Program of one step of ``rows`` rows."""
    with backend.record() as program:
        step(rows)
    return program
