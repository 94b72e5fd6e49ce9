"""Which machine and which libraries a measurement was made with."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fastmlp.backend.available import available_threads
from fastmlp.machine.information import information

FLAGS = ("avx2", "fma", "avx512f", "avx512_bf16", "avx512_fp16", "amx_tile", "asimd", "sve")
GPU_PACKAGES = ("cupy-cuda12x", "cupy-cuda13x", "jax-cuda12-plugin", "jax-cuda13-plugin")
CPU_PACKAGES = (
    "fastmlp",
    "numpy",
    "scipy",
    "numba",
    "scikit-learn",
    "torch",
    "jax",
    "onnxruntime",
    "mkl",
)
PACKAGES = (*CPU_PACKAGES, *GPU_PACKAGES)
CORE_TYPE = "OPENBLAS_CORETYPE"
CPUINFO = Path("/proc/cpuinfo")


def describe_machine(isa: str = "native") -> dict[str, Any]:
    """Return the processor, its cores and flags, the load before the measurement, and the
    libraries' versions.

    Parameters
    ----------
    isa
        Word of ``--isa``: beyond which instructions nobody goes.
    """
    known = information()
    return {
        "processor": known["processor"],
        "cores": available_threads(),
        "flags": [flag for flag in FLAGS if flag in processor_flags()],
        "isa": isa,
        "load": round(os.getloadavg()[0], 2),
        "python": known["versions"]["python"],
        "versions": {package: found for package in PACKAGES if (found := _version(package))},
        "blas": known["blas"]
        if isa == "native"
        else None,  # that of this process, which is not narrowed
        CORE_TYPE.lower(): os.environ.get(CORE_TYPE),
    }


def machine_lines(machine: dict[str, Any]) -> list[str]:
    """Return what ``describe_machine`` found, for people."""
    flags = " ".join(machine["flags"]) or "none known"
    versions = ", ".join(f"{package} {found}" for package, found in machine["versions"].items())
    chosen = machine[CORE_TYPE.lower()]
    lines = [
        (
            f"{machine['processor']}, {machine['cores']} cores, {flags}, isa {machine['isa']}, load"
            f" {machine['load']:.2f} before"
        ),
        ", ".join(filter(None, (f"python {machine['python']}", versions, machine["blas"]))),
    ]
    if chosen is not None:
        lines.append(f"{CORE_TYPE}={chosen}")
    found = machine.get("found", {}).items()
    return [
        *lines,
        *machine.get("gpus", []),
        *(f"{who} on {what['device']}: {what['libraries']}" for who, what in found),
    ]


def processor_flags() -> set[str]:
    """Return what Linux calls the features of the processor; none where it is not known."""
    for name in ("flags", "Features"):
        if name in (found := _cpuinfo()):
            return set(found[name].split())
    return set()


def is_intel() -> bool:
    """Return whether the processor is Intel's."""
    return _cpuinfo().get("vendor_id") == "GenuineIntel"


def _cpuinfo() -> dict[str, str]:
    """Return what Linux tells of the first core; nothing elsewhere."""
    try:
        lines = (
            CPUINFO.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0].splitlines()
        )
    except OSError:
        return {}
    return {
        name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
