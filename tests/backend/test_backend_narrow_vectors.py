"""Processors without AVX-512: the tiles of 256 and 128 bits, compiled for a processor that claims no more."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
import llvmlite.binding
features = llvmlite.binding.get_host_cpu_features()
for name in features:
    if name.startswith("avx512") or (sys.argv[1] == "128" and name.startswith("avx")):
        features[name] = False
llvmlite.binding.get_host_cpu_features = lambda: features

import numpy as np
from fastmlp.backend.cpu import CpuBackend

assert CpuBackend(1).blas is not None  # tiles are the choice of AVX-512 only
backend = CpuBackend(1, gemm="tiles")
random = np.random.default_rng(0)
for m, k, n in ((1, 1, 1), (7, 5, 3), (64, 300, 50), (13, 33, 129)):
    x, w, dz = (random.normal(size=shape).astype(np.float32) for shape in ((m, k), (k, n), (m, n)))
    z, dx, dw = (np.full(shape, np.nan, np.float32) for shape in ((m, n), (m, k), (k, n)))
    backend.matmul("nn", x, w, z)
    backend.matmul("nt", dz, w, dx)
    backend.matmul("tn", x, dz, dw)
    for found, expected in ((z, x @ w), (dx, dz @ w.T), (dw, x.T @ dz)):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
print(backend.describe()["blas"])
"""


@pytest.mark.parametrize("bits", ["256", "128"])
def test_products_on_narrow_vectors(bits, tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", SCRIPT, bits], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{bits} bits" in done.stdout
