"""Chooses the device: ``auto`` says why it chose, ``cuda`` never falls back silently."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from fastmlp.errors import DeviceError, UsageError
from fastmlp.ranks.contract import ALONE, Ranks

from .contract import Backend


def open_backend(
    device: str = "auto",
    *,
    threads: int | None = None,
    gemm: str = "auto",
    matmul_precision: str = "highest",
    announce: Callable[[str], None] = lambda name: None,
    ranks: Ranks = ALONE,
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
    ranks
        The processes that train a network together. Each takes a GPU of its own on its machine, or
        its share of the CPU's threads.

    Returns
    -------
    backend : Backend
    reason : str
        Why this device was taken.

    Raises
    ------
    UsageError
        If ``device`` is not one of the accepted words, or does not make products of this precision,
        or is one GPU for several ranks, or if ranks do not all have the same kind of device.
    DeviceError
        If CUDA was asked for and cannot be used.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise UsageError(f"device {device!r} is not known. Accepted: auto, cpu, cuda, cuda:N.")
    several = ranks.place.node_size > 1
    if several and ":" in device:
        raise UsageError(
            f"device {device!r} is one GPU, and {ranks.place.node_size} ranks run on this machine, "
            "each on its own; give --device cuda."
        )
    index = int(device.partition(":")[2] or ranks.place.node_rank)
    words = _Words(threads, announce, gemm, matmul_precision, ranks)
    backend, reason = _open(device, index, words)
    ranks.check_alike("the device", backend.name.partition(":")[0])
    return backend, reason


@dataclass(frozen=True)
class _Words:
    """What both kinds of device are opened with, or one of them."""

    threads: int | None
    announce: Callable[[str], None]
    gemm: str
    precision: str
    ranks: Ranks


def _open(device: str, index: int, words: _Words) -> tuple[Backend, str]:
    if device == "cpu":
        return _cpu(words), "asked for"
    try:
        backend = _cuda(index, words)
    except DeviceError as error:
        if device == "auto":
            return _cpu(words), f"chosen by auto: {error}"
        raise DeviceError(
            f"device {device!r} cannot be used: {error} Or use --device cpu."
        ) from None
    return backend, "chosen by auto: a CUDA device works" if device == "auto" else "asked for"


def _cpu(words: _Words) -> Backend:
    from fastmlp.backend.cpu.backend import CpuBackend

    given = words.threads, words.announce, words.gemm, words.precision
    return CpuBackend(*given, ranks=words.ranks)


def _cuda(index: int, words: _Words) -> Backend:
    from fastmlp.backend.cuda.backend import CudaBackend

    return CudaBackend(index, words.precision, words.announce, words.ranks)
