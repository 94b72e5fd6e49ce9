"""Processors with narrower vectors than this one's: what is compiled for them multiplies rightly
and keeps the promises.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fastmlp.kernels.cpu.compiling.intrinsics import IS_ARM

SCRIPT = """
import numpy as np
from fastmlp.backend.cpu.backend import CpuBackend

backend = CpuBackend(1)
assert backend.blas is None
random = np.random.default_rng(0)
for dtype, tolerance in ((np.float32, 1e-4), (np.float64, 1e-12)):
    for m, k, n in ((1, 1, 1), (7, 5, 3), (64, 300, 50), (13, 33, 129)):
        x, w, dz = (random.normal(size=shape).astype(dtype) for shape in ((m, k), (k, n), (m, n)))
        z, dx, dw = (np.full(shape, np.nan, dtype) for shape in ((m, n), (m, k), (k, n)))
        backend.matmul("nn", x, w, z)
        backend.matmul("nt", dz, w, dx)
        backend.matmul("tn", x, dz, dw)
        for found, expected in ((z, x @ w), (dx, dz @ w.T), (dw, x.T @ dz)):
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
        for rows in range(1, m):
            part = np.empty((rows, n), dtype)
            backend.matmul("nn", x[:rows], w, part)
            assert part.tobytes() == z[:rows].tobytes()
print(backend.describe()["blas"])
"""
if IS_ARM:  # which has one width
    NARROW = {"128": ("generic", "")}
else:
    NARROW = {
        "256": ("haswell", ""),
        "256 without FMA": ("haswell", "-fma"),
        "128": ("nehalem", ""),
    }


@pytest.mark.parametrize(("words", "target"), NARROW.items(), ids=NARROW)
def test_products_on_narrow_vectors(words, target, tmp_path):
    name, features = target
    narrowed = {
        "NUMBA_CPU_NAME": name,
        "NUMBA_CPU_FEATURES": features,
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, **narrowed},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"{words.split()[0]} bits" in done.stdout
