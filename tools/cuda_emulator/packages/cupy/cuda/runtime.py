"""The part of the CUDA runtime that the backend calls, in CuPy's form."""

from __future__ import annotations

from .. import _copy, _device, _emulation, _memory
from .._errors import CUDARuntimeError

__all__ = ["CUDARuntimeError"]

memcpyHostToHost, memcpyHostToDevice, memcpyDeviceToHost, memcpyDeviceToDevice = range(4)
streamCaptureModeGlobal, streamCaptureModeThreadLocal, streamCaptureModeRelaxed = range(3)


def getDeviceCount():
    """Return how many devices there are."""
    _device.check_driver()
    return _emulation.settings.devices


def getDevice():
    """Return the number of the current device."""
    return _device.current_device()


def setDevice(device):
    """Make a device the current one."""
    _device.set_current_device(device)


def driverGetVersion():
    """Return the newest CUDA that the driver knows; 0 without one."""
    return (
        0
        if _emulation.settings.fails("no-driver")
        else 11040
        if _emulation.settings.fails("old-driver")
        else 12090
    )


def runtimeGetVersion():
    """Return the CUDA that the package is built for."""
    return 12090


def memGetInfo():
    """Return the free and total bytes of the current device."""
    device = _device.current_device()
    total = _memory.device_bytes()
    return max(total - _memory.memories().pool(device).total, 0), total


def getDeviceProperties(device):
    """Return what a device has, by name."""
    _device.check_device(device)
    major, minor = map(int, _emulation.settings.capability.split("."))
    return {
        "name": b"Emulated device",
        "major": major,
        "minor": minor,
        "multiProcessorCount": _emulation.settings.multiprocessors,
        "totalGlobalMem": _memory.device_bytes(),
        "maxThreadsPerBlock": 1024,
        "warpSize": 32,
    }


def deviceSynchronize():
    """Wait for everything on the current device."""
    from .device import Device

    Device().synchronize()


def memcpyAsync(dst, src, size, kind, stream):
    """Copy ``size`` bytes between addresses, in the order of a stream given by its handle."""
    _copy.copy_async(
        dst, src, size, kind, _device.present().queue(stream, _device.current_device())
    )
