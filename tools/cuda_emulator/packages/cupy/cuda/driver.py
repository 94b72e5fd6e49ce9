"""The errors of the CUDA driver, under which kernels are launched."""

from .._errors import CUDADriverError

__all__ = ["CUDADriverError"]
