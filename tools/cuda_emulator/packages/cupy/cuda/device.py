"""Devices: which one is current in a thread, and what it says of itself."""

from __future__ import annotations

from .. import _device, _memory
from .._device import LOCK
from .._emulation import settings


class Device:
    """A CUDA device, by default the current one.

    Attributes
    ----------
    id
        Its number.
    """

    id: int

    def __init__(self, device=None):
        self.id = _device.current_device() if device is None else int(device)

    def __int__(self):
        return self.id

    def __repr__(self):
        return f"<CUDA Device {self.id}>"

    def __enter__(self):
        _entered().append(_device.current_device())
        _device.set_current_device(self.id)
        return self

    def __exit__(self, *args):
        _device.set_current_device(_entered().pop())

    def use(self):
        """Make it the thread's current device."""
        _device.set_current_device(self.id)
        return self

    def synchronize(self):
        """Wait until all its streams are done; refused while one of them captures."""
        with LOCK:
            _device.check_device(self.id)
            _device.present().check()
            _device.present().finish_device(self.id)
            _memory.check_guards()

    @property
    def compute_capability(self):
        """Major and minor number in one string, such as ``"90"``."""
        _device.check_device(self.id)
        return settings.capability.replace(".", "")

    @property
    def attributes(self):
        """What the device has, by name."""
        _device.check_device(self.id)
        major, minor = map(int, settings.capability.split("."))
        return {
            "ComputeCapabilityMajor": major,
            "ComputeCapabilityMinor": minor,
            "MaxThreadsPerBlock": 1024,
            "MultiProcessorCount": settings.multiprocessors,
            "WarpSize": 32,
        }

    @property
    def mem_info(self):
        """Free and total bytes."""
        from . import runtime

        with self:
            return runtime.memGetInfo()


def _entered() -> list[int]:
    state = _device.present().threads
    if not hasattr(state, "devices"):
        state.devices = []
    return state.devices
