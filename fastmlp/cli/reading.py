"""What is seen while large tables are read and encoded: one line that changes, on a terminal."""

from __future__ import annotations

import time

from .console import Console, duration

INTERVAL = 0.2  # seconds between two looks of the line
WIDTH = 79


class ReadingLine:
    """Says how far the reading of a table is, with rows a second and the time remaining.

    Nothing is printed where nobody watches.

    Parameters
    ----------
    console
        Where to print.
    """

    def __init__(self, console: Console):
        self._console = console
        self._what, self._began, self._shown = "", 0.0, 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` rows are done; of an unknown total, 0, how many are."""
        if not self._console.is_live:
            return
        now = time.perf_counter()
        if what != self._what:
            self._what, self._began, self._shown = what, now, 0.0
        is_over = bool(total) and done >= total
        if is_over:
            self._write("")
        elif now - self._shown >= INTERVAL:
            self._shown = now
            self._write(line(what, done, total, now - self._began))

    def finish(self) -> None:
        """Take the line away."""
        if self._what and self._console.is_live:
            self._write("")

    def _write(self, text: str) -> None:
        self._console.stream.write(f"\r{text[:WIDTH]:<{WIDTH}}\r{text[:WIDTH]}")
        self._console.stream.flush()


def line(what: str, done: int, total: int, seconds: float) -> str:
    """Return the line: ``encoding: 40,000 of 100,000 rows, 20,000 rows/s, 3.0s remaining``."""
    unit = "bytes" if what.endswith("bytes") else "rows"
    speed = done / max(seconds, 1e-9)
    if not total:
        return f"{what}: {done:,} {unit}, {speed:,.0f} {unit}/s"
    remaining = duration((total - done) / max(speed, 1e-9))
    return f"{what}: {done:,} of {total:,} {unit}, {speed:,.0f} {unit}/s, {remaining} remaining"
