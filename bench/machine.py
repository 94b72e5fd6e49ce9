"""Which machine and which libraries a measurement was made with."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fastmlp.jobs.information import information

FLAGS = ("avx2", "fma", "avx512f", "avx512_bf16", "avx512_fp16", "amx_tile", "asimd", "sve")
GPU_PACKAGES = ("cupy-cuda12x", "cupy-cuda13x", "jax-cuda12-plugin", "jax-cuda13-plugin")
CPU_PACKAGES = ("fastmlp", "numpy", "scipy", "numba", "scikit-learn", "torch", "jax", "onnxruntime", "mkl")
PACKAGES = (*CPU_PACKAGES, *GPU_PACKAGES)
CORE_TYPE = "OPENBLAS_CORETYPE"


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_machine() -> dict[str, Any]:
    """Return the processor, its cores and flags, the load before the measurement, and the libraries' versions."""
    known = information()
    return {
        "processor": known["processor"],
        "cores": usable_cores(),
        "flags": [flag for flag in FLAGS if flag in _processor_flags()],
        "load": round(os.getloadavg()[0], 2),
        "python": known["versions"]["python"],
        "versions": {package: found for package in PACKAGES if (found := _version(package))},
        "blas": known["blas"],
        CORE_TYPE.lower(): os.environ.get(CORE_TYPE),
    }


def machine_lines(machine: dict[str, Any]) -> list[str]:
    """Return what ``describe_machine`` found, for people."""
    flags = " ".join(machine["flags"]) or "none known"
    versions = ", ".join(f"{package} {found}" for package, found in machine["versions"].items())
    chosen = machine[CORE_TYPE.lower()]
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {flags}, load {machine['load']:.2f} before",
        f"python {machine['python']}, {versions}, {machine['blas']}",
    ]
    if chosen is not None:
        lines.append(f"{CORE_TYPE}={chosen}")
    found = machine.get("found", {}).items()
    return [
        *lines,
        *machine.get("gpus", []),
        *(f"{who} on {what['device']}: {what['libraries']}" for who, what in found),
    ]


def _processor_flags() -> set[str]:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return set(value.split())
    except OSError:
        pass  # not Linux: nothing is known
    return set()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
