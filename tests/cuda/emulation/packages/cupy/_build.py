"""Finds tests/cuda/emulation/builder.py, and builds by it the kernels of a text and the emulated
libcublas.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

EMULATION = Path(__file__).parents[2]
CUBLAS_FLAGS = ("-std=c++17", "-O3", "-ffp-contract=off", "-fPIC", "-shared")


def kernels(code: str, names: tuple[str, ...]) -> Path:
    """Return the library of a text: of a file of kernels/cuda one with all its instances, of
    another text one with these.
    """
    stem = _stem(code)
    return builder().build(code, names) if stem is None else builder().library(stem)


@cache
def cublas() -> Path:
    """Return the emulated libcublas; it is written aside and renamed, as another process may build
    it too.
    """
    source, program = EMULATION / "cublas.cpp", builder().compiler()
    if program is None:
        raise RuntimeError("the emulated device needs g++, which is not installed")
    version = subprocess.run([program, "--version"], capture_output=True, check=True).stdout
    key = hashlib.sha256(
        b"\0".join([source.read_bytes(), version, " ".join(CUBLAS_FLAGS).encode()])
    ).hexdigest()[:16]
    target = builder().cache_folder() / f"libcublas-{key}.so"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=target.parent) as aside:
            new = Path(aside) / target.name
            subprocess.run([program, *CUBLAS_FLAGS, str(source), "-o", str(new)], check=True)
            new.replace(target)
    return target


@cache
def builder() -> ModuleType:
    """Return the builder, which is no part of a package."""
    name = "fastmlp_emulation_builder"
    specification = importlib.util.spec_from_file_location(name, EMULATION / "builder.py")
    module = sys.modules[name] = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _stem(code: str) -> str | None:
    """Return which of the project's kernel files a text is."""
    from fastmlp.kernels.cuda import source

    stems = sorted({kernel.stem for kernel in source.kernels().values()})
    return next((stem for stem in stems if source.text(stem) == code), None)
