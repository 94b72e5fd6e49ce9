"""The CPU's tests of kernels/cpu/normalization, run on the device: the same oracles, the same
tolerances.
"""

from test_kernels_normalization import *  # noqa: F403
