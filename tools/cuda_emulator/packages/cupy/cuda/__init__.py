"""Devices, streams, graphs and memory of the emulated CUDA."""

from .. import _device
from . import compiler, device, driver, graph, memory, nccl, runtime, stream
from .device import Device
from .graph import Graph
from .memory import MemoryPointer, MemoryPool
from .stream import Event, Stream, get_current_stream

__all__ = [
    "Device",
    "Event",
    "Graph",
    "MemoryPointer",
    "MemoryPool",
    "Stream",
    "compiler",
    "device",
    "driver",
    "get_current_stream",
    "graph",
    "is_available",
    "memory",
    "nccl",
    "runtime",
    "stream",
]


def is_available():
    """Return whether there is a device that can be used."""
    try:
        return runtime.getDeviceCount() > 0
    except runtime.CUDARuntimeError as error:
        if error.status in (_device.NO_DEVICE, _device.INSUFFICIENT_DRIVER):
            return False
        raise
