"""Chooses the device: ``auto`` says why it chose, ``cuda`` never falls back silently."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastmlp.errors import DeviceError, UsageError

from .base import Backend

CUDA_UNAVAILABLE = "this version of fastmlp has no CUDA backend yet"


def open_backend(
    device: str = "auto",
    *,
    threads: int | None = None,
    gemm: str = "auto",
    announce: Callable[[str], None] = lambda name: None,
) -> tuple[Backend, str]:
    """Open a device.

    Parameters
    ----------
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    threads
        CPU threads; None for all that this process may use.
    gemm
        Who multiplies matrices on the CPU: ``auto``, ``tiles``, ``blas`` or ``mkl``.
    announce
        Called with a kernel's name after each compilation.

    Returns
    -------
    backend : Backend
    reason : str
        Why this device was taken.

    Raises
    ------
    UsageError
        If ``device`` is not one of the accepted words.
    DeviceError
        If CUDA was asked for and cannot be used.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise UsageError(f"device {device!r} is not known. Accepted: auto, cpu, cuda, cuda:N.")
    if device.startswith("cuda"):
        raise DeviceError(f"device {device!r} cannot be used: {CUDA_UNAVAILABLE}. Use --device cpu.")
    from .cpu import CpuBackend

    reason = "asked for" if device == "cpu" else f"chosen by auto: {CUDA_UNAVAILABLE}"
    return CpuBackend(threads, announce, gemm), reason
