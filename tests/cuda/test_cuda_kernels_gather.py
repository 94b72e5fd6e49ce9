"""The CPU's tests of kernels/cpu/gather, run on the device: the same oracles, the same tolerances."""

from test_kernels_gather import *  # noqa: F403
