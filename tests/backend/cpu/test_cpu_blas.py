"""The BLAS behind the products: which one is chosen, and what happens without MKL."""

from __future__ import annotations

from importlib import metadata

import numpy as np
import pytest

from fastmlp.backend.cpu import blas
from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.errors import MissingExtraError, UsageError


@pytest.fixture
def without_mkl(monkeypatch):
    def files(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", files)
    blas.mkl_blas.cache_clear()
    yield
    blas.mkl_blas.cache_clear()


@pytest.mark.usefixtures("without_mkl")
def test_asking_for_mkl_without_it_names_the_extra():
    with pytest.raises(MissingExtraError, match=r"fastmlp\[mkl\]"):
        CpuBackend(threads=1, gemm="mkl")


def test_an_unknown_choice_names_the_nearest():
    with pytest.raises(UsageError, match="tiles"):
        CpuBackend(threads=1, gemm="tile")


def test_openblas_is_the_one_of_scipy():
    described = CpuBackend(threads=1, gemm="blas").describe()["blas"]
    assert described.startswith("OpenBLAS")


def test_mkl_multiplies(random):
    if blas.mkl_blas() is None:
        pytest.skip("MKL is not installed: pip install 'fastmlp[mkl]'")
    backend = CpuBackend(threads=1, gemm="mkl")
    a, b = (
        random.normal(size=(7, 33)).astype(np.float32),
        random.normal(size=(33, 5)).astype(np.float32),
    )
    c = np.empty((7, 5), np.float32)
    backend.matmul("nn", a, b, c)
    np.testing.assert_allclose(c, a @ b, rtol=1e-4, atol=1e-5)
    assert backend.describe()["blas"].startswith("MKL")
