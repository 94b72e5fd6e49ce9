"""Pinned host memory: what asynchronous copies read and write when they run, not when they are
asked for.

As in CuPy, the memory of an array that is gone is handed out again at once, whether or not a copy
still waits for it.
"""

from __future__ import annotations

import ctypes
import math
import weakref

import numpy as np

from ._device import LOCK, check_driver

UNIT = 512
_free: dict[int, list[np.ndarray]] = {}
_live: dict[int, int] = {}  # address: size


def empty_pinned(shape, dtype=float, order="C"):
    """Return a new NumPy array in pinned memory, its bytes 0xFF."""
    check_driver()
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    with LOCK:
        room = max(math.ceil(size / UNIT), 1) * UNIT
        kept = _free.get(room)
        block = kept.pop() if kept else np.empty(room, np.uint8)
        block.fill(0xFF)
        address = block.ctypes.data
        _live[address] = size
        lease = (ctypes.c_ubyte * max(size, 1)).from_address(address)
        weakref.finalize(lease, _give_back, address, block)
    return np.ndarray(shape, dtype, buffer=lease, order=order)


def zeros_pinned(shape, dtype=float, order="C"):
    """Return a new NumPy array of zeros in pinned memory."""
    array = empty_pinned(shape, dtype, order)
    array.fill(0)
    return array


def is_pinned(address: int, size: int) -> bool:
    """Return whether memory lies in one pinned array."""
    with LOCK:
        return any(
            start <= address and address + size <= start + room for start, room in _live.items()
        )


def _give_back(address: int, block: np.ndarray) -> None:
    with LOCK:
        _live.pop(address, None)
        _free.setdefault(block.nbytes, []).append(block)
