"""bfloat16 by its bits, in NumPy."""

import numpy as np


def rounded(values):
    """Return numbers rounded to the nearest bfloat16, ties to even; subnormal ones become zero."""
    values = np.ascontiguousarray(values, np.float32)
    bits = values.view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16
    nearest = bits.astype(np.uint32).view(np.float32)
    nearest = np.where(np.abs(values) < np.finfo(np.float32).tiny, np.float32(0), nearest)
    return np.where(np.isnan(values), np.float32(np.nan), nearest)
