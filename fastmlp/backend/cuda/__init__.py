"""CUDA devices: CuPy arrays, kernels in CUDA C++, Programs that are CUDA graphs."""
