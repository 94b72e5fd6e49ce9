"""A plain copy within a device's memory: what a kernel that only moves numbers is held against."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import partial

import numpy as np
from numba import njit

from fastmlp.backend.contract import Array, Backend
from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.backend.cuda.launch import Launch

MEMCPY = ctypes.CDLL(None).memcpy
MEMCPY.argtypes, MEMCPY.restype = (
    (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t),
    ctypes.c_void_p,
)


class Copies:
    """Copies from one array to another, whole or their first bytes.

    Parameters
    ----------
    backend
        The device.
    largest
        Bytes of the longest copy.
    """

    def __init__(self, backend: Backend, largest: int):
        self._backend = backend
        self.source, self.target = (backend.zeros((largest,), np.uint8) for _ in range(2))

    def repeated(self, size: int) -> Callable[[int], None]:
        """Return what hands the device so many copies of ``size`` bytes."""
        source, target = self.source[:size], self.target[:size]
        if isinstance(self._backend, CpuBackend):
            return partial(_copy_on_host, target, source)
        with self._backend.record() as program:
            pass
        program.launches.append(
            Launch("copy", self._device_copy(source, target), (target,), (source, target))
        )
        return program.replay

    def _device_copy(self, source: Array, target: Array) -> Callable[[], None]:
        """Return what hands the stream one copy, which goes into a CUDA graph as a kernel does."""
        from cupy.cuda import runtime

        place = target.data.ptr, source.data.ptr, target.nbytes, runtime.memcpyDeviceToDevice
        return partial(runtime.memcpyAsync, *place, self._backend.stream.ptr)


@njit(nogil=True)
def _copy_on_host(target, source, times):
    for _ in range(times):
        MEMCPY(target.ctypes, source.ctypes, source.size)
