"""Chooses between ways of running a Program that give the same bits, by trying them while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

SHORTEST_TRIAL = 1e-3  # seconds: below it, waking a thread weighs more than what it does
TRIAL_SHARE = 20  # one step in so many is a trial
LONGEST_PAUSE = 64  # runs between trials, once the favourite has been confirmed again and again
CLEARLY_FASTER = 0.95


class Chooser:
    """Runs steps the way that was fastest so far, and tries another way now and then.

    What is fastest depends on the sizes and on what else the machine does, which nobody can know beforehand and which
    changes. A trial takes a twentieth of the steps of a run; each time it confirms the favourite, the next one is put off
    twice as long.

    Parameters
    ----------
    ways
        Functions that run a number of steps.
    favourite
        Index of the one to begin with.
    """

    def __init__(self, ways: Sequence[Callable[[int], None]], favourite: int):
        self.favourite = favourite
        self._ways = ways
        self._seconds_per_step = [0.0] * len(ways)
        self._pause, self._runs_until_trial = 1, 0

    def run(self, steps: int) -> None:
        """Run ``steps`` steps."""
        trial = steps // TRIAL_SHARE
        expected = self._seconds_per_step[self.favourite] * trial
        self._runs_until_trial -= 1
        if len(self._ways) > 1 and self._runs_until_trial < 0 and expected >= SHORTEST_TRIAL:
            self._try_others(trial)
            steps -= trial * (len(self._ways) - 1)
        self._timed(self.favourite, steps)

    def _try_others(self, steps: int) -> None:
        before = self.favourite
        for way in range(len(self._ways)):
            if way != before:
                self._timed(way, steps)
        best = min(range(len(self._ways)), key=self._seconds_per_step.__getitem__)
        if self._seconds_per_step[best] < CLEARLY_FASTER * self._seconds_per_step[before]:
            self.favourite = best
        self._pause = 1 if self.favourite != before else min(2 * self._pause, LONGEST_PAUSE)
        self._runs_until_trial = self._pause

    def _timed(self, way: int, steps: int) -> None:
        start = time.perf_counter()
        self._ways[way](steps)
        self._seconds_per_step[way] = (time.perf_counter() - start) / steps
