"""Finds the BLAS whose gemm the kernels call by address: the OpenBLAS that SciPy carries."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np


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

    sgemm, dgemm = (get_cython_function_address("scipy.linalg.cython_blas", name) for name in ("sgemm", "dgemm"))
    return Blas(_label(), sgemm, dgemm)


def _label() -> str:
    from threadpoolctl import threadpool_info

    for library in threadpool_info():
        if library["user_api"] == "blas" and "scipy.libs" in library["filepath"]:
            return f"{library['internal_api']} {library['version']} {library['architecture']} (SciPy's)"
    return "SciPy's BLAS"


def limit_threads(threads: int):
    """Return a context in which every BLAS uses ``threads`` threads; it takes effect at once."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(threads, user_api="blas")
