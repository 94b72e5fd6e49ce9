"""The fused kernels: Numba for the CPU in ``cpu/``, CUDA C++ under the same stems in ``cuda/``."""
