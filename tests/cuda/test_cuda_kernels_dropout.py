"""The CPU's tests of kernels/cpu/dropout, run on the device: the same oracles, the same tolerances."""

from test_kernels_dropout import *  # noqa: F403
