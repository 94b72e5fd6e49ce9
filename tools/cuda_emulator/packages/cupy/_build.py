"""Builds the kernels of a text, and the emulated libcublas, by tools/cuda_emulator/builder.py."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

EMULATOR = Path(__file__).parents[2]
sys.path.append(str(EMULATOR.parents[1]))  # a process of its own has only packages/ on its path

from tools.cuda_emulator import builder  # noqa: E402

CUBLAS_FLAGS = ("-std=c++17", "-O3", "-ffp-contract=off", "-fPIC", "-shared")


def kernels(code: str, names: tuple[str, ...]) -> Path:
    """Return the library of a text: with all instances for a file of kernels/cuda, else these."""
    stem = _stem(code)
    return builder.build(code, names) if stem is None else builder.library(stem)


@cache
def cublas() -> Path:
    """Return the emulated libcublas, built aside and renamed: another process may build it too."""
    source, program = EMULATOR / "cublas.cpp", builder.compiler()
    if program is None:
        raise RuntimeError("the emulated device needs g++, which is not installed")
    version = subprocess.run([program, "--version"], capture_output=True, check=True).stdout
    key = hashlib.sha256(
        b"\0".join([source.read_bytes(), version, " ".join(CUBLAS_FLAGS).encode()])
    ).hexdigest()[:16]
    target = builder.cache_folder() / f"libcublas-{key}.so"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=target.parent) as aside:
            new = Path(aside) / target.name
            subprocess.run([program, *CUBLAS_FLAGS, str(source), "-o", str(new)], check=True)
            new.replace(target)
    return target


def _stem(code: str) -> str | None:
    """Return which of the project's kernel files a text is."""
    from fastmlp.kernels.cuda import source

    stems = sorted({kernel.stem for kernel in source.kernels().values()})
    return next((stem for stem in stems if source.text(stem) == code), None)
