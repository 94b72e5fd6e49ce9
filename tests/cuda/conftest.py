"""Tests of the CUDA side: on a GPU where there is one, else on that of tools/cuda_emulator.

With FASTMLP_REQUIRE_GPU=1 a missing GPU is a failure rather than a reason to emulate one.
"""

import sys
from pathlib import Path

import pytest
from device import EMULATED, why_no_device
from on_device import OnDevice

sys.path.append(str(Path(__file__).parent.parent / "kernels"))  # whose tests run here too


def pytest_collection_modifyitems(items):
    for item in items:
        if {"cuda", "backend"} & set(
            getattr(item, "fixturenames", ())
        ) and "tests/cuda" in item.path.as_posix():
            item.add_marker(pytest.mark.gpu)


@pytest.fixture(scope="session")
def cuda():
    """The CUDA backend."""
    problem = why_no_device()
    if problem:
        pytest.skip(problem)
    from fastmlp.backend.cuda.backend import CudaBackend

    return CudaBackend(0)


@pytest.fixture
def backend(cuda):
    """The CUDA backend behind a face that takes NumPy arrays, for the CPU's tests."""
    return OnDevice(cuda)


@pytest.fixture
def emulated():
    """Skip on a real GPU what only the emulated one can do: fail on demand."""
    if not EMULATED:
        pytest.skip("a real GPU does not fail on demand")
    from cupy import _emulation

    return _emulation
