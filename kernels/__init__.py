"""The fused kernels: Numba for the CPU in ``cpu/``, CUDA C++ under the same stems in ``cuda/``.

Every stem that holds operations of layers, losses, optimizers or batches is on both sides;
``activations`` is a header there (.cuh). What stands on the CPU's side alone is what CUDA brings
itself or has in ``common.cuh``: products (``gemm``, ``tile``, ``few_columns``, ``bfloat16``,
``bfloat16_tile``, ``blas``: cuBLAS), elementary functions (``elementary``: its mathematics
library), a register's lanes along a row (``vector_code``, ``rows``, ``few_classes``: a warp), and
the machinery that turns Numba functions into a Program (``compiler``, ``intrinsics``,
``object_code``, ``private_files``, ``processor``, ``replay``, ``subnormals``: NVRTC and its cache,
graphs).
"""
