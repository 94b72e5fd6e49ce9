"""The feed of a CUDA device: two pinned host buffers and two device buffers, filled by a second
stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastmlp.backend.contract import Array
from fastmlp.backend.feed import Feed


class CudaFeed(Feed):
    """While the compute stream works on the array, the copy stream fills the buffer that comes
    next.

    Parameters
    ----------
    cupy, cupyx
        The imported packages.
    compute
        The stream that works on ``array``; the device is current.
    array
        What is filled.
    """

    def __init__(self, cupy: Any, cupyx: Any, compute: Any, array: Array):
        self._runtime = cupy.cuda.runtime
        self._compute, self._array = compute, array
        self._copying = cupy.cuda.Stream(non_blocking=True)
        self._pinned = [cupyx.empty_pinned(array.shape, array.dtype) for _ in range(2)]
        self._staged = [cupy.empty(array.shape, array.dtype) for _ in range(2)]
        # copied: a staged buffer is full; consumed: the array has taken it, so that it may be
        # filled anew.
        self._copied, self._consumed = (
            [cupy.cuda.Event(disable_timing=True) for _ in range(2)] for _ in range(2)
        )
        self._turn = 0
        # the buffers were allocated in the compute stream's order; the other stream uses them too
        compute.synchronize()

    def prefetch(self, fill: Callable[[np.ndarray], None]) -> None:
        """Wait until the pinned buffer's last copy has left it, fill it, start the next copy."""
        i = self._turn
        self._copied[i].synchronize()
        fill(self._pinned[i])
        self._copying.wait_event(self._consumed[i])
        self._copy(
            self._staged[i],
            self._pinned[i].ctypes.data,
            self._runtime.memcpyHostToDevice,
            self._copying,
        )
        self._copied[i].record(self._copying)

    def take(self) -> None:
        """Let the compute stream wait for the copy, then move it into the array: a copy inside the
        device's memory.
        """
        i = self._turn
        self._compute.wait_event(self._copied[i])
        self._copy(
            self._array, self._staged[i].data.ptr, self._runtime.memcpyDeviceToDevice, self._compute
        )
        self._consumed[i].record(self._compute)
        self._turn = 1 - i

    def _copy(self, target: Array, source: int, kind: int, stream: Any) -> None:
        self._runtime.memcpyAsync(target.data.ptr, source, target.nbytes, kind, stream.ptr)
