"""The CPU's tests of kernels/cpu/optimizers, run on the device: the same oracles, the same
tolerances.
"""

from test_kernels_optimizers import *  # noqa: F403
