"""Numba kernels: one module for each group of operations, under the same stems as ``kernels/cuda``.

Importing this package enters every operation into ``fastmlp.kernels.operation.OPERATIONS``; nothing
is compiled before it is used.
"""

from . import (
    activations,
    dense,
    distortions,
    dropout,
    gather,
    inputs,
    losses,
    members,
    mixing,
    normalization,
    optimizers,
    scaling,
)
from .products import amx, bfloat16, blas, gemm
from .ranks import allreduce

__all__ = [
    "activations",
    "allreduce",
    "amx",
    "bfloat16",
    "blas",
    "dense",
    "distortions",
    "dropout",
    "gather",
    "gemm",
    "inputs",
    "losses",
    "members",
    "mixing",
    "normalization",
    "optimizers",
    "scaling",
]
