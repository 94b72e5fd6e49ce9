"""The CPU's tests of kernels/cpu/activations, run on the device: the same oracles, the same
tolerances but one.
"""

import numpy as np
from oracles.comparison import units_in_the_last_place
from test_kernels_activations import *  # noqa: F403
from test_kernels_activations import forward, grid


def test_float32_tangent_is_within_two_units(
    backend,
):  # of CUDA's; the emulated device has the C library's
    x = np.concatenate([grid(-12, 12, 40_001), grid(-0.7, 0.7, 10_001)])
    result = forward(backend, "hyperbolic_tangent", x[None, :])[0]
    assert units_in_the_last_place(result, np.tanh(x.astype(np.float64))).max() < 2.5
