"""The loop that runs a Program: direct-threaded code, a call by address for each recorded
operation; and the barrier.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import types

from .compiler import ENTRY_SIGNATURE
from .intrinsics import atomic_increment, atomic_read, call_entry, call_plain, pause, vector
from .numba_words import compiled
from .object_code import object_store
from .subnormals import flush_subnormals, restore_float_mode

REPLAY_SIGNATURE = types.void(*[types.int64] * 5)
# A tenth of a millisecond: far longer than threads of one section lie apart, so that on a busy
# machine none gives its time slice to a neighbour because the other is late by a little; far
# shorter than a slice, for a thread that waits for its own core.
PAUSES_BEFORE_YIELD = 4000


def replay(entries, integer_rows, real_rows, operations, steps):
    """Run every recorded operation in order, ``steps`` times over, without the interpreter and
    without its lock.

    Parameters
    ----------
    entries, integer_rows, real_rows
        Addresses of three vectors: for each operation the address of its entry, of its row of
        integers and of its row of reals.
    operations
        How many there are.
    steps
        How many times the whole list runs.
    """
    addresses = vector(entries, operations, np.int64)
    integers, reals = (
        vector(integer_rows, operations, np.int64),
        vector(real_rows, operations, np.int64),
    )
    # Arithmetic on subnormals is many times slower, and a dying unit or a diverging run is full of
    # them.
    mode = flush_subnormals()
    for _ in range(steps):
        for i in range(operations):
            call_entry(addresses[i], integers[i], reals[i])
    restore_float_mode(mode)


def barrier(integers, reals):
    """Wait until every thread of a Program has come here.

    The row holds the address of the counter, which all threads and all barriers of the Program
    share, by how much it grows in a step, how many arrivals this thread waits for, and the address
    of the system's sched_yield. The count only grows, so nothing is ever reset: nobody arrives at
    the next barrier before all have arrived at this one.
    """
    integers[2] += integers[1]
    awaited, pauses = integers[2], 0
    atomic_increment(integers[0])
    while atomic_read(integers[0]) < awaited:
        pauses += 1
        if pauses <= PAUSES_BEFORE_YIELD:
            pause()
        else:
            call_plain(integers[3])


@cache
def replay_function() -> Callable[[int, int, int, int, int], None]:
    """Return ``replay`` compiled; it takes five integers, and other threads of Python run
    meanwhile.
    """
    return ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 5)(_address(replay, REPLAY_SIGNATURE))


@cache
def barrier_address() -> int:
    """Return the address of ``barrier``, an entry like those of operations."""
    return _address(barrier, ENTRY_SIGNATURE)


def _address(function: Callable, signature: Any) -> int:
    return object_store().provide(function.__name__, lambda: compiled(function, signature))[0]
