"""How fast a file is read at random and in a row, as far as memory does not hold it already."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import numpy as np

from .reader import RowReader

PICKED, SCANNED = 256, 4  # rows that are picked, and stretches that are read, at most
STRETCH = 4 << 20  # bytes
SECONDS = 0.25  # after which no more is read, for each of the two
FEWEST_PICKED = 16  # of rows that memory did not hold
# Of files that memory holds: what a call costs, and a copy.
PICKED_FROM_MEMORY, SCANNED_FROM_MEMORY = 800_000.0, 3e9


@dataclass(frozen=True)
class ReadingSpeed:
    """Rows that are picked, and bytes that are read in a row, in a second."""

    picked: float
    scanned: float


def reading_speed(reader: RowReader) -> ReadingSpeed:
    """Measure a file for half a second at most.

    Rows that memory holds are left out; where it holds nearly all, what memory does is returned,
    and so where the system does not tell.
    """
    from_memory = ReadingSpeed(PICKED_FROM_MEMORY, SCANNED_FROM_MEMORY)
    if not hasattr(os, "RWF_NOWAIT") or not hasattr(os, "preadv"):
        return from_memory
    random = np.random.default_rng()  # other rows each time, as those that were read are held
    rows = np.unique(random.integers(0, reader.rows, PICKED))
    picked = _picked(reader, rows)
    stretch = max(STRETCH // reader.row_bytes, 1)
    scanned = _scanned(reader, random.integers(0, reader.rows, SCANNED), stretch)
    if picked is None or scanned is None:
        return from_memory
    return ReadingSpeed(picked, scanned)


def _picked(reader: RowReader, rows: np.ndarray) -> float | None:
    """Return how many rows a second come that were announced; None if memory holds most."""
    start = time.perf_counter()
    missing = rows[~reader.held(rows)]
    if len(missing) < FEWEST_PICKED:
        return None
    reader.announce(missing)
    buffer, done = np.empty((1, reader.row_bytes), np.uint8), 0
    for row in missing:
        reader.read(np.array([row]), buffer)
        done += 1
        if time.perf_counter() - start > SECONDS:
            break
    return done / (time.perf_counter() - start)


def _scanned(reader: RowReader, firsts: np.ndarray, count: int) -> float | None:
    """Return how many bytes a second come of stretches of rows; None if memory holds them."""
    buffer, done, seconds = np.empty((count, reader.row_bytes), np.uint8), 0, 0.0
    for first in firsts:
        rows = np.arange(first, min(first + count, reader.rows))
        if reader.held(rows[:: max(len(rows) // 8, 1)]).any():
            continue
        start = time.perf_counter()
        reader.read(rows, buffer)
        seconds += time.perf_counter() - start
        done += len(rows) * reader.row_bytes
        if seconds > SECONDS:
            break
    return done / seconds if done else None
