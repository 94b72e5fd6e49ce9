"""Copies between host and device: when they read, when they return, and what a capture refuses."""

from __future__ import annotations

import ctypes

from . import _device
from ._device import LOCK, Queue
from ._errors import INVALID_VALUE, CUDARuntimeError, explained
from ._memory import device_memory, host_bytes, memories
from ._pinned import is_pinned

HOST_TO_HOST, HOST_TO_DEVICE, DEVICE_TO_HOST, DEVICE_TO_DEVICE = 0, 1, 2, 3


def copy_async(target: int, source: int, size: int, kind: int, queue: Queue) -> None:
    """Do what cudaMemcpyAsync does, for addresses.

    Pinned host memory is read or written when the stream comes to it. Other host memory is read
    before the call returns, and a copy into it returns when it is done; neither can be captured.
    """
    machine = _device.present()
    with LOCK:
        machine.check()
        if size == 0:
            return
        if kind == DEVICE_TO_DEVICE:
            used = _device_memory(target, size, queue), _device_memory(source, size, queue)
            machine.submit(
                queue, "MEMCPY", f"DtoD,{size}", lambda: ctypes.memmove(target, source, size), used
            )
            return
        if kind not in (HOST_TO_DEVICE, DEVICE_TO_HOST):
            raise CUDARuntimeError(INVALID_VALUE)
        device, host = (target, source) if kind == HOST_TO_DEVICE else (source, target)
        used = (_device_memory(device, size, queue),)
        if memories().table.find(host) is not None:
            raise explained(
                CUDARuntimeError(INVALID_VALUE),
                f"{host:#x} is given as host memory but is the device's",
            )
        pinned = is_pinned(host, size)
        if queue.capture is not None and not pinned:
            machine.refuse_in_capture(queue)
        if kind == HOST_TO_DEVICE and not pinned:
            staged = host_bytes(source, size).copy()
            machine.submit(
                queue,
                "MEMCPY",
                f"HtoD,{size}",
                lambda: ctypes.memmove(target, staged.ctypes.data, size),
                used,
            )
            return
        label = f"{'HtoD' if kind == HOST_TO_DEVICE else 'DtoH'},{size}"
        machine.submit(queue, "MEMCPY", label, lambda: ctypes.memmove(target, source, size), used)
        if not pinned:
            machine.finish(queue)


def _device_memory(address: int, size: int, queue: Queue):
    return device_memory(address, size, "memcpyAsync", queue.device)
