"""Finds the CUDA device, or says in one line why there is none and what to do about it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from fastmlp.errors import DeviceError

DRIVER_TOO_OLD, NO_DEVICE = 35, 100  # of cudaError_t
INSTALL = "pip install 'fastmlp[cuda12]' (or fastmlp[cuda13] with a driver for CUDA 13)"


def open_device(index: int) -> tuple[Any, Any]:
    """Return the package cupy and the device.

    Parameters
    ----------
    index
        Number of the device, from 0.

    Raises
    ------
    DeviceError
        If CuPy is missing or broken, if there is no driver that fits, or no device of that number.
    """
    cupy = _import_cupy()
    runtime = cupy.cuda.runtime
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        raise DeviceError(_driver_problem(runtime, error)) from None
    if index >= count:
        known = ", ".join(f"cuda:{i}" for i in range(count)) or "none"
        raise DeviceError(f"device cuda:{index} does not exist. There are: {known}.")
    return cupy, cupy.cuda.Device(index)


def _import_cupy() -> Any:
    if find_spec("cupy") is None:
        raise DeviceError(f"CUDA needs CuPy, which is not installed: {INSTALL}.")
    try:
        import cupy  # pyright: ignore[reportMissingModuleSource]
    except Exception as error:  # a broken installation may raise anything
        reason = " ".join(str(error).split())[:200]
        raise DeviceError(
            f"CuPy is installed but cannot be imported: {reason}. Install it anew: {INSTALL}."
        ) from None
    return cupy


def _driver_problem(runtime: Any, error: Exception) -> str:
    status = getattr(error, "status", None)
    if status == NO_DEVICE:
        return (
            "the NVIDIA driver finds no CUDA device. "
            "Look at nvidia-smi, and at CUDA_VISIBLE_DEVICES."
        )
    if status == DRIVER_TOO_OLD:
        version = runtime.runtimeGetVersion()
        wanted = f"{version // 1000}.{version % 1000 // 10}"
        return (
            f"there is no NVIDIA driver, or it is too old for CUDA {wanted}, "
            "for which CuPy was built. Install a newer "
            "driver, or a CuPy for an older CUDA."
        )
    return f"CUDA cannot be used: {' '.join(str(error).split())}. Look at nvidia-smi."
