"""The CPU's tests of the kernels, run on the device: the same oracles and tolerances but one."""

import importlib

import numpy as np
from oracles.comparison import units_in_the_last_place
from test_kernels_activations import forward, grid

from fastmlp.kernels.cuda import source

STEMS = sorted({"activations", *(kernel.stem for kernel in source.kernels().values())})
globals().update(
    (f"test_{stem}_{name.removeprefix('test_')}", check)
    for stem in STEMS
    for name, check in vars(importlib.import_module(f"test_kernels_{stem}")).items()
    if name.startswith("test_")
)


def test_activations_float32_tangent_is_within_two_units(backend):
    """In place of the CPU's: CUDA's own; the emulated device has the C library's."""
    x = np.concatenate([grid(-12, 12, 40_001), grid(-0.7, 0.7, 10_001)])
    result = forward(backend, "hyperbolic_tangent", x[None, :])[0]
    assert units_in_the_last_place(result, np.tanh(x.astype(np.float64))).max() < 2.5
