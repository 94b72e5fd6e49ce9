"""Chooses between ways of running a Program that give the same bits by trying them as it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

# seconds before the first trial: what it costs to divide a Program another way, which may never pay
FIRST_REST = 2e-3
SHORTEST_TRIAL = 0.5e-3  # seconds of a turn: ten times what it takes to wake a thread
LONGEST_TRIAL = 16e-3  # several of the slices of 3 or 4 ms that a busy system deals out
# times what the turn took that was lost: all that trials can cost is a twenty-fifth of the time
REST = 25
# turns in a row: in one or two the favourite may have had to wait, or its threads may have shared a
# core
WINS = 3
CLEARLY_FASTER = 0.95


@dataclass
class Turn:
    """Steps that are run one way: how long that is to last, how long it has, and how many steps
    they were.
    """

    way: int
    planned: float
    seconds: float = 0.0
    steps: int = 0

    @property
    def left(self) -> float:
        """Seconds that it is still to last."""
        return self.planned - self.seconds

    @property
    def pace(self) -> float:
        """Seconds a step."""
        return self.seconds / self.steps


class Chooser:
    """Runs steps the way that was fastest so far, and tries another way now and then.

    What is fastest depends on the sizes and on what else the machine does, which nobody can know
    beforehand and which changes. In a trial another way and the favourite take turns of the same
    length; who wins three running is the favourite from then on. A rest follows, many times as long
    as the other way's turn. Each trial is longer than the one before: the first are over soon, as
    short runs need, and the later ones see a fair share of what a busy machine does.

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
        self._paces: dict[int, float] = {}  # seconds a step, when each last ran
        self._turns = self._take_turns()
        self._turn = next(self._turns)

    def run(self, steps: int) -> None:
        """Run ``steps`` steps."""
        if len(self._ways) == 1:
            self._ways[0](steps)
            return
        while steps > 0:
            steps -= self._advance(steps)

    def _advance(self, most: int) -> int:
        """Run some steps the way whose turn it is; return how many."""
        turn = self._turn
        way = self._ways[turn.way]
        # A way's first step builds tables and finds nothing in the cache: it does not count.
        if turn.way not in self._paces:
            way(1)
            self._paces[turn.way] = self._paces.get(self.favourite, turn.planned)
            return 1
        planned = min(turn.left, LONGEST_TRIAL)  # a machine that has become busy is noticed soon
        count = min(most, max(1, round(planned / self._paces[turn.way])))
        start = time.perf_counter()
        way(count)
        seconds = time.perf_counter() - start
        self._paces[turn.way] = seconds / count
        turn.seconds += seconds
        turn.steps += count
        if turn.left < SHORTEST_TRIAL / 2:
            self._turn = next(self._turns)
        return count

    def _take_turns(self) -> Iterator[Turn]:
        """Yield one turn after the other, each once the one before is over."""
        yield Turn(self.favourite, FIRST_REST)
        length = SHORTEST_TRIAL
        while True:
            for other in [way for way in range(len(self._ways)) if way != self.favourite]:
                for _ in range(WINS):
                    theirs, ours = Turn(other, length), Turn(self.favourite, length)
                    yield theirs
                    yield ours
                    if theirs.pace > CLEARLY_FASTER * ours.pace:
                        break
                else:
                    self.favourite = other
                yield Turn(self.favourite, REST * theirs.seconds)
            length = min(2 * length, LONGEST_TRIAL)
