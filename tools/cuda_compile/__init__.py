"""Compiles the CUDA kernels for real architectures by NVRTC and ptxas, which need no GPU."""
