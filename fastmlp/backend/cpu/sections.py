"""Divides a recorded list of operations among threads: into sections, with a barrier only where
one thread needs another.

Inside a section every thread runs its spans of the operations in the order of the recording. An
operation goes to a later section than another if one thread of it touches what a different thread
of the other wrote, or writes what that one read. Which parts of its arrays an operation touches is
said on the kernel's signature (by_row, by_column, by_element).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from fastmlp.kernels.operation import Argument, Operation, by_column

# What one core does, roughly: enough to tell which Programs are worth a second thread.
FLOPS_PER_SECOND, BYTES_PER_SECOND = 2e11, 4e10
LINE = (
    64  # bytes: spans of elements and columns end on cache lines, so that threads do not share one
)


@dataclass(frozen=True)
class Call:
    """One recorded operation: its arguments in order, and how far the axis reaches that may be
    divided.
    """

    operation: Operation
    arguments: tuple
    extent: int | None

    @property
    def passed(self) -> list[tuple[Argument, Any]]:
        """The arguments with their descriptions."""
        return list(zip(self.operation.passed.values(), self.arguments, strict=True))

    @property
    def arrays(self) -> list[tuple[Argument, np.ndarray]]:
        """Those of them that are arrays."""
        return [(kind, value) for kind, value in self.passed if kind.kind in ("matrix", "vector")]

    def spans(self, threads: int) -> list[tuple[int, int] | None]:
        """Return each thread's span; None where a thread has nothing to do. The first does all
        of what is not divided.
        """
        if self.extent is None:
            return [(0, 0), *[None] * (threads - 1)]
        divided = next((kind, value) for kind, value in self.arrays if kind.part != "whole")
        grain = (
            1
            if divided[1].ndim == 2 and divided[0].part != by_column
            else LINE // divided[1].itemsize
        )
        grains = -(-self.extent // grain)
        bounds = [min(self.extent, grains * t // threads * grain) for t in range(threads + 1)]
        return [(start, stop) if stop > start else None for start, stop in pairwise(bounds)]


@dataclass(frozen=True)
class Touch:
    """A stretch of memory that one thread reads or writes: bytes [low, high), and the columns in it
    if by column.
    """

    thread: int
    low: int
    high: int
    is_write: bool
    columns: tuple[int, int, int] | None = (
        None  # bytes of a row, first and last column in bytes within it
    )


def extent(passed: list[tuple[Argument, Any]]) -> int | None:
    """Return the length of the divided axis: that of the first array of which a part is taken."""
    for kind, array in passed:
        if kind.part != "whole":
            return array.shape[-1] if kind.part == by_column else array.shape[0]
    return None


def own_part(kind: Argument, array: np.ndarray, span: tuple[int, int]) -> np.ndarray:
    """Return what of an array a thread's kernel is given: all, or only its rows or elements."""
    if kind.part == "whole" or (kind.part == by_column and array.ndim == 2):
        return array
    return array[slice(*span)]


def touches(call: Call, threads: int) -> list[Touch]:
    """Return what each thread touches when it runs its span of a call."""
    found = []
    for thread, span in enumerate(call.spans(threads)):
        if span is None:
            continue
        for kind, array in call.arrays:
            own, columns = own_part(kind, array, span), None
            if array.ndim == 2 and kind.part == by_column:
                row = array.shape[1] * array.itemsize
                columns = (row, span[0] * array.itemsize, span[1] * array.itemsize)
            low, is_write = own.ctypes.data, kind.access != "reads"
            found.append(Touch(thread, low, low + own.nbytes, is_write, columns))
    return found


def collides(earlier: Touch, later: Touch) -> bool:
    """Return whether two touches meet in memory and one of them writes."""
    if (
        not (earlier.is_write or later.is_write)
        or earlier.high <= later.low
        or later.high <= earlier.low
    ):
        return False
    if (
        earlier.columns
        and later.columns
        and earlier.low == later.low
        and earlier.columns[0] == later.columns[0]
    ):
        return earlier.columns[1] < later.columns[2] and later.columns[1] < earlier.columns[2]
    return True


def estimated_seconds(calls: list[Call]) -> float:
    """Return a rough time for one run of the calls on one thread: products by their flops, the rest
    by their bytes.
    """
    total = 0.0
    for call in calls:
        matrices = [array for kind, array in call.arrays if array.ndim == 2]
        if call.operation.product:
            left, right, product = matrices[:3]
            inner = np.sqrt(left.size * right.size / product.size)  # (m·k)·(k·n)/(m·n) = k²
            total += 2 * product.size * inner / FLOPS_PER_SECOND
        else:
            divided = (array.nbytes for kind, array in call.arrays if kind.part != "whole")
            total += sum(divided) / BYTES_PER_SECOND
    return total


def sections(calls: list[Call], threads: int) -> list[list[Call]]:
    """Return the calls in sections; a barrier belongs behind each of them."""
    touched = [touches(call, threads) for call in calls]
    numbers: list[int] = []
    for later, new in enumerate(touched):
        number = 0
        for earlier in range(later):
            if numbers[earlier] < number:
                continue  # it is over by then, whatever it touched
            meetings = [
                a.thread != b.thread for a in touched[earlier] for b in new if collides(a, b)
            ]
            if meetings:
                number = max(number, numbers[earlier] + any(meetings))
        numbers.append(number)
    ordered: list[list[Call]] = [[] for _ in range(max(numbers, default=-1) + 1)]
    for call, number in zip(calls, numbers, strict=True):
        ordered[number].append(call)
    return ordered
