"""Times repeated launches: many between two looks at the clock, every contender in turn."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .rounds import Protocol

# launches, before it is known how long one takes; enough that longer CUDA graphs are made as well
FIRST_COUNT = 64
ENOUGH = 0.25  # of a turn's time: what a trial must take to tell how many launches fill a turn
GROWTH = 4


@dataclass
class Piece:
    """Work that can be repeated.

    Attributes
    ----------
    repeat
        Hands the device so many launches of it.
    most
        How often it may be launched before ``reset``.
    reset
        Called before each turn, outside the measured time.
    seconds
        Of one launch, a number a round.
    """

    repeat: Callable[[int], None]
    most: int = 1 << 62
    reset: Callable[[], None] = field(default=lambda: None)
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median time of one launch over the rounds."""
        return statistics.median(self.seconds)


def measure_in_turn(
    pieces: Sequence[Piece], synchronize: Callable[[], None], protocol: Protocol
) -> None:
    """Warm each piece up, then let all take their turns, round after round.

    Parameters
    ----------
    pieces
        Their ``seconds`` are filled.
    synchronize
        Waits until the device has done everything.
    protocol
        How many rounds, and the least time of a turn.
    """
    counts = [_warmed_up(piece, synchronize, protocol.seconds) for piece in pieces]
    for _ in range(protocol.rounds):
        for piece, count in zip(pieces, counts, strict=True):
            piece.seconds.append(_timed(piece, count, synchronize) / count)


def _warmed_up(piece: Piece, synchronize: Callable[[], None], seconds: float) -> int:
    """Launch a piece until it is known how many launches fill a turn; return how many."""
    _timed(piece, 1, synchronize)
    count = min(FIRST_COUNT, piece.most)
    _timed(piece, count, synchronize)
    while (elapsed := _timed(piece, count, synchronize)) < ENOUGH * seconds and count < piece.most:
        count = min(GROWTH * count, piece.most)
    return min(max(1, math.ceil(seconds / elapsed * count)), piece.most)


def _timed(piece: Piece, count: int, synchronize: Callable[[], None]) -> float:
    """Return the seconds of so many launches, from an idle device to an idle device."""
    piece.reset()
    synchronize()
    start = time.perf_counter()
    piece.repeat(count)
    synchronize()
    return time.perf_counter() - start
