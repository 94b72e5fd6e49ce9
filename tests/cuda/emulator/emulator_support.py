"""Skips the tests of the emulated device where nothing is emulated; what they share."""

import ctypes

import numpy as np
import pytest
from device import EMULATED, why_no_device

if not EMULATED or why_no_device():
    pytest.skip(why_no_device() or "there is a GPU: nothing is emulated", allow_module_level=True)

from cupy.cuda.runtime import CUDARuntimeError

SIZE = 100


def on_host(array):
    """Return what lies in device memory now, whoever has still to work on it."""
    return np.frombuffer((ctypes.c_ubyte * array.nbytes).from_address(array.data.ptr), array.dtype)


def refused(status, error=CUDARuntimeError):
    """Expect an error of CUDA's by its number."""
    return pytest.raises(error, check=lambda found: found.status == status)
