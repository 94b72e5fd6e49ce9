"""Chooses the device: ``auto`` says why it chose, ``cuda`` never falls back silently."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastmlp.errors import DeviceError, UsageError

from .contract import Backend


def open_backend(
    device: str = "auto",
    *,
    threads: int | None = None,
    gemm: str = "auto",
    matmul_precision: str = "highest",
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
    matmul_precision
        Of float32 products: ``highest``, or ``high`` for TF32 on CUDA, or ``medium`` for bfloat16
        on the CPU.
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
        If ``device`` is not one of the accepted words, or does not make products of this precision.
    DeviceError
        If CUDA was asked for and cannot be used.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise UsageError(f"device {device!r} is not known. Accepted: auto, cpu, cuda, cuda:N.")
    if device == "cpu":
        return _cpu(threads, announce, gemm, matmul_precision), "asked for"
    index = int(device.partition(":")[2] or 0)
    try:
        backend = _cuda(index, matmul_precision, announce)
    except DeviceError as error:
        if device == "auto":
            return _cpu(threads, announce, gemm, matmul_precision), f"chosen by auto: {error}"
        raise DeviceError(
            f"device {device!r} cannot be used: {error} Or use --device cpu."
        ) from None
    return backend, "chosen by auto: a CUDA device works" if device == "auto" else "asked for"


def _cpu(
    threads: int | None, announce: Callable[[str], None], gemm: str, precision: str
) -> Backend:
    from fastmlp.backend.cpu.backend import CpuBackend

    return CpuBackend(threads, announce, gemm, precision)


def _cuda(index: int, precision: str, announce: Callable[[str], None]) -> Backend:
    from fastmlp.backend.cuda.backend import CudaBackend

    return CudaBackend(index, precision, announce)
