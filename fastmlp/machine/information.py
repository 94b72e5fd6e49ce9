"""What fastmlp finds on this machine: versions, BLAS, threads, vector width, data sets, CUDA."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fastmlp import __version__
from fastmlp.backend import open_backend
from fastmlp.backend.precision import FACTORS
from fastmlp.data.sources import datasets
from fastmlp.errors import DeviceError

CORE_PACKAGES = (
    "numpy", "scipy", "numba", "llvmlite", "scikit-learn", "click", "rich", "safetensors",
    "threadpoolctl", "psutil", "polars", "matplotlib", "pillow",
)  # fmt: skip
EXTRA_PACKAGES = {"onnx": "onnx", "tensorboard": "tensorboard"}
# Of the processor, the widest first: what a flag of Linux is called, and the bytes of a vector.
VECTOR_FLAGS: dict[str, tuple[str, int]] = {
    "avx512f": ("AVX-512", 64),
    "avx2": ("AVX2", 32),
    "avx": ("AVX", 32),
    "sve": ("SVE", 16),
    "asimd": ("NEON", 16),
    "sse2": ("SSE2", 16),
}
# The variables by which Numba compiles for a lesser processor.
NARROWING = ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_ENABLE_AVX")


def information() -> dict[str, Any]:
    """Return what a bug report should say of the machine.

    Returns
    -------
    dict
        ``versions`` (None where a package is missing), ``extras`` (which extra brings an optional
        package), ``blas``, ``matmul_precisions`` (what the CPU accepts, and the type of the
        factors), ``threads`` (that this process may use), ``processor``, ``vector_width`` (its
        widest vectors), ``kernels`` (the vectors that kernels are compiled for), ``datasets``
        (where each was found, None where it will be downloaded), ``kernel_cache`` (folder),
        ``cuda`` (the first device's name, or None) and ``cuda_unavailable`` (why, or empty).
    """
    from fastmlp.backend.cpu.backend import cpu_precisions
    from fastmlp.kernels.cpu.compiling.object_code import cache_folder

    processor, vectors, vector_bytes = _processor()
    device = open_backend("cpu")[0].describe()
    cuda, problem = _cuda()
    return {
        "versions": {
            "fastmlp": __version__,
            "python": platform.python_version(),
            **{package: _version(package) for package in (*CORE_PACKAGES, *EXTRA_PACKAGES)},
        },
        "extras": dict(EXTRA_PACKAGES),
        "platform": platform.platform(),
        "processor": processor,
        "vector_width": vectors,
        "kernels": kernel_vectors(vector_bytes),
        "threads": int(device["threads"]),
        "blas": device["blas"],
        "matmul_precisions": {word: FACTORS[word] for word in cpu_precisions()},
        "datasets": {name: found_at(name) for name in datasets.NAMES},
        "kernel_cache": str(cache_folder()),
        "cuda": cuda,
        "cuda_unavailable": problem,
    }


def _cuda() -> tuple[str | None, str]:
    """Return the first CUDA device's name, or None and why there is none that works."""
    try:
        return open_backend("cuda")[0].describe()["device"], ""
    except DeviceError as error:
        return None, str(error)


def kernel_vectors(processor_bytes: int) -> dict[str, Any]:
    """Return which vectors the kernels are compiled for in this process.

    Parameters
    ----------
    processor_bytes
        Width of the processor's own vectors; 0 if it is not known.

    Returns
    -------
    dict
        ``vectors`` (for people), ``bits``, ``processor`` (as LLVM names it), and ``narrowed_by``:
        the variables that are to blame if these vectors are narrower than the processor's, else
        none.
    """
    from fastmlp.kernels.cpu.compiling.processor import processor

    target = processor()
    is_narrowed = target.vector_bytes < processor_bytes
    return {
        "vectors": target.words,
        "bits": 8 * target.vector_bytes,
        "processor": target.name,
        "narrowed_by": [name for name in NARROWING if is_narrowed and name in os.environ],
    }


def found_at(name: str) -> str | None:
    """Return where a named data set is: ``"built in"``, a folder, or None if not downloaded yet."""
    if name not in datasets.PUBLICATIONS:
        return "built in"
    given = os.environ.get(datasets.DATA_DIR_VARIABLE)
    folders = [datasets.SYSTEM_FOLDER / name, datasets.cache_folder() / name]
    if given:
        folders = [Path(given) / name, Path(given)]
    for folder in folders:
        if len(datasets.find_idx_files(folder)) == len(datasets.PARTS):
            return str(folder)
    return None


def run_information(path: str | Path) -> dict[str, Any]:
    """Return what a run's folder or model file holds.

    Parameters
    ----------
    path
        A run's folder, or a model file.

    Returns
    -------
    dict
        ``model`` (path of the file), ``task``, ``classes``, ``target_name``, ``architecture``,
        ``loss``, ``parameters`` (the shape of each array), ``parameter_count``, ``rows``,
        ``columns`` (what each column of a training table was taken for; empty for other data),
        ``settings``, and ``metrics`` (None without metrics.json beside the model).

    Raises
    ------
    ModelFileError
        If there is no model, or what is there is damaged or not fastmlp's.
    """
    from dataclasses import asdict

    from fastmlp.model.model import MODEL_FILE, load
    from fastmlp.run.folder import read_metrics

    path = Path(path)
    file = path / MODEL_FILE if path.is_dir() else path
    model = load(file, device="cpu", threads=1)
    parameters = model.network.named_parameters()
    return {
        "model": str(file),
        "task": model.task,
        "classes": model.classes,
        "target_name": model.target_name,
        "architecture": asdict(model.network.architecture),
        "loss": model.loss.name,
        "parameters": {name: list(array.shape) for name, array in parameters.items()},
        "parameter_count": model.network.parameter_count(),
        "rows": model.rows,
        "columns": [each.to_dict() for each in model.features.facts],
        "settings": model.settings,
        "metrics": read_metrics(file.parent),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> tuple[str, str, int]:
    """Return the processor's name, its widest vectors and their bytes, as far as Linux tells."""
    found: dict[str, str] = {}
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines():
            key, _, value = line.partition(":")
            found.setdefault(key.strip(), value.strip())
    except OSError:
        pass  # not Linux
    flags = found.get("flags", found.get("Features", "")).split()
    known = (widest for flag, widest in VECTOR_FLAGS.items() if flag in flags)
    vectors, width = next(known, ("unknown", 0))
    return found.get("model name") or _name_by_llvm(), vectors, width


def _name_by_llvm() -> str:
    """Return LLVM's name of the processor, which no file says on ARM and on macOS."""
    import llvmlite.binding as llvm

    name = llvm.get_host_cpu_name()
    return platform.machine() if name in ("", "generic") else name
