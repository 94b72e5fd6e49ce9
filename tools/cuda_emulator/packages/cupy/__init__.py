"""A cupy for tests: NumPy memory, kernels built by g++ from the very same .cu files, and the
strictness of the real one.

It offers what fastmlp's CUDA backend uses, under the real names and signatures
(tests/cuda/test_cuda_contract.py holds both against the real package), and refuses the rest.
``cupy._emulation`` controls it.
"""

from ._emulation import settings as _settings

if _settings.fails("import"):
    raise ImportError(
        "\nFailed to import CuPy.\n\nOriginal error:\n  ImportError: libcuda_emulated.so.1: cannot"
        " open shared object file"
    )

from . import cuda
from ._array import array, asarray, empty, empty_like, ndarray, zeros
from ._array import matmul_of_cublas as matmul
from ._memory import get_default_memory_pool
from ._raw import RawKernel, RawModule
from .cuda import is_available

__version__ = "14.2.0"
__all__ = [
    "RawKernel",
    "RawModule",
    "array",
    "asarray",
    "cuda",
    "empty",
    "empty_like",
    "get_default_memory_pool",
    "is_available",
    "matmul",
    "ndarray",
    "zeros",
]
