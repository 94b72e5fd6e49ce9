"""The CPU: NumPy arrays, Numba's kernels, Programs that are tables of addresses."""
