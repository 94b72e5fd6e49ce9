"""The CPU's tests of kernels/cpu/losses, run on the device: the same oracles, the same tolerances."""

from test_kernels_losses import *  # noqa: F403
