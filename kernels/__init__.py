"""The fused kernels: Numba for the CPU in ``cpu/``, CUDA C++ under the same stems in ``cuda/``.

Every stem that holds operations of layers, losses, optimizers or batches is on both sides;
``activations`` is a header there (.cuh). What stands on the CPU's side alone is what CUDA brings
itself or has in ``common.cuh``: matrix products (``products``: cuBLAS), sums over the ranks of a
training (``ranks``: NCCL), what operations call
(``inline``: elementary functions and turns, where it has a mathematics library; a register's lanes
along a row, where it has a warp; ``philox`` is a header there), and what turns Numba functions into
a Program (``compiling``: NVRTC and its cache, graphs).
"""
