"""The loop that runs a Program: direct-threaded code, a call by address for each recorded operation."""

from __future__ import annotations

from numba import njit

from .intrinsics import call_entry


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
    for _ in range(steps):
        for i in range(entries.size):
            call_entry(entries[i], integer_rows[i], real_rows[i])
