"""The CPU's tests of kernels/cpu/dense, run on the device: the same oracles, the same tolerances."""

from test_kernels_dense import *  # noqa: F403
