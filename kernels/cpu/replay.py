"""The loop that runs a Program: direct-threaded code, a call by address for each recorded operation; and the barrier."""

from __future__ import annotations

from numba import cfunc, njit

from .compiler import ENTRY_SIGNATURE
from .intrinsics import (
    atomic_increment,
    atomic_read,
    call_entry,
    call_plain,
    flush_subnormals,
    restore_rounding,
)

SPINS_BEFORE_YIELD = 2000  # a few microseconds: longer than a phase that is well divided, short where a core is shared


@njit("void(int64[::1], int64[::1], int64[::1], int64)", nogil=True, cache=True)
def replay(entries, integer_rows, real_rows, steps):
    """Run every recorded operation in order, ``steps`` times over, without the interpreter and without its lock.

    Parameters
    ----------
    entries, integer_rows, real_rows
        For each operation the address of its entry, of its row of integers and of its row of reals.
    steps
        How many times the whole list runs.
    """
    mode = (
        flush_subnormals()
    )  # arithmetic on them is many times slower, and a dying unit or a diverging run is full of them
    for _ in range(steps):
        for i in range(entries.size):
            call_entry(entries[i], integer_rows[i], real_rows[i])
    restore_rounding(mode)


@cfunc(ENTRY_SIGNATURE, cache=True)
def barrier(integers, reals):
    """Wait until every thread of a Program has come here.

    The row holds the address of this barrier's counter, which all threads share, how many they are, how many arrivals this
    thread waits for, and the address of the system's sched_yield. Counts only grow, so nothing is ever reset.
    """
    integers[2] += integers[1]
    awaited, spins = integers[2], 0
    atomic_increment(integers[0])
    while atomic_read(integers[0]) < awaited:
        spins += 1
        if spins > SPINS_BEFORE_YIELD:
            call_plain(integers[3])
