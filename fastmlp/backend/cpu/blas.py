"""Finds the BLAS whose gemm the kernels call by address: the OpenBLAS that SciPy carries, or MKL
from its own package.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache

import numpy as np

MKL_LIBRARY = "libmkl_rt.so"
MKL_SEQUENTIAL = 1  # mkl_service.h: MKL_THREADING_SEQUENTIAL


@dataclass(frozen=True)
class Blas:
    """A BLAS library: a label for people and the addresses of sgemm and dgemm."""

    label: str
    sgemm: int
    dgemm: int

    def gemm(self, dtype: np.dtype) -> int:
        """Return the address of the matrix product for float32 or float64."""
        return self.sgemm if np.dtype(dtype) == np.float32 else self.dgemm


@cache
def scipy_blas() -> Blas:
    """Return SciPy's BLAS."""
    from numba.extending import get_cython_function_address

    # Imports SciPy's linear algebra, and with it its BLAS; a Program divides its own work, so BLAS
    # gets one thread.
    sgemm, dgemm = (
        get_cython_function_address("scipy.linalg.cython_blas", name) for name in ("sgemm", "dgemm")
    )
    run_single_threaded()
    return Blas(_label(), sgemm, dgemm)


@cache
def mkl_blas() -> Blas | None:
    """Return MKL's BLAS if its package is installed (``fastmlp[mkl]``), else None.

    MKL is told to use no threads of its own, for the whole process: a Program divides its work
    itself.
    """
    from importlib import metadata

    try:
        files = metadata.files("mkl") or []
    except metadata.PackageNotFoundError:
        return None
    place = next((file.locate() for file in files if file.name.startswith(MKL_LIBRARY)), None)
    if place is None:
        return None
    library = ctypes.CDLL(str(place))
    library.MKL_Set_Threading_Layer(MKL_SEQUENTIAL)
    sgemm, dgemm = (
        ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
        for name in ("sgemm_", "dgemm_")
    )
    return Blas(f"MKL {metadata.version('mkl')}", sgemm, dgemm)


def _label() -> str:
    from threadpoolctl import threadpool_info

    for library in threadpool_info():
        if library["internal_api"] == "openblas" and "scipy.libs" in library["filepath"]:
            return f"OpenBLAS {library['version']} {library['architecture']} (SciPy's)"
    return "SciPy's BLAS"


def run_single_threaded() -> None:
    """Let SciPy's BLAS use one thread: a Program divides its own work."""
    from threadpoolctl import ThreadpoolController

    for library in ThreadpoolController().select(user_api="blas").lib_controllers:
        if "scipy.libs" in library.filepath:
            library.set_num_threads(1)
