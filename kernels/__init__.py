"""The fused kernels: Numba for the CPU in ``cpu/``, CUDA C++ under the same stems in ``cuda/``.

Every stem that holds operations of layers, losses, optimizers or batches is on both sides;
``activations`` is a header there (.cuh). What stands on the CPU's side alone is what CUDA brings
itself or has in ``common.cuh``: matrix products (``products``: cuBLAS), elementary functions
(``elementary``, ``turns``: its mathematics library), a register's lanes along a row (``rows``,
``few_classes``: a warp), and what turns Numba functions into a Program (``compiling``: NVRTC and
its cache, graphs).
"""
