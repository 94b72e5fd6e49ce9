"""Sine and cosine of an angle in turns, 2π·t: whole turns come off exactly, however large t is.

In float32 a polynomial that LLVM turns into vector code, as in ``elementary``; float64 calls the C
library.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types
from numba.extending import overload

from .elementary import EXACT_ORDER

TWO_PI = 2 * math.pi
# A near-minimax g in sin(2πr) = r·g(r²) for |r| ≤ ¼, highest power first; 5e-9 of the sine.
SINE_POLYNOMIAL = (39.7109181, -76.5749922, 81.6022312, -41.3416775, 6.28318529)


def cosine_of_turns(t):
    """Return cos(2π·t)."""
    return math.cos(TWO_PI * (t - math.floor(t + 0.5)))


def sine_of_turns(t):
    """Return sin(2π·t)."""
    return math.sin(TWO_PI * (t - math.floor(t + 0.5)))


@njit(**EXACT_ORDER)
def _sine_of_quarter(r):
    """Return sin(2π·r) for |r| ≤ ¼."""
    s = r * r
    g = np.float32(SINE_POLYNOMIAL[0])
    g = g * s + np.float32(SINE_POLYNOMIAL[1])
    g = g * s + np.float32(SINE_POLYNOMIAL[2])
    g = g * s + np.float32(SINE_POLYNOMIAL[3])
    g = g * s + np.float32(SINE_POLYNOMIAL[4])
    return r * g


def _cosine_float32(t):
    """cos(2π·t) = sin(2π·(¼ − |r|)), r what remains of t without its whole turns."""
    r = t - np.floor(t + np.float32(0.5))
    return _sine_of_quarter(np.float32(0.25) - abs(r))


def _sine_float32(t):
    """sin(2π·r), beyond a quarter that of what is left to half a turn."""
    r = t - np.floor(t + np.float32(0.5))
    half = np.float32(0.5) if r > np.float32(0.0) else np.float32(-0.5)
    return _sine_of_quarter(half - r if abs(r) > np.float32(0.25) else r)


@overload(cosine_of_turns, jit_options=EXACT_ORDER)
def _cosine_of_turns(t):
    if isinstance(t, types.Float) and t.bitwidth == 32:
        return _cosine_float32
    return lambda t: math.cos(TWO_PI * (t - np.floor(t + 0.5)))


@overload(sine_of_turns, jit_options=EXACT_ORDER)
def _sine_of_turns(t):
    if isinstance(t, types.Float) and t.bitwidth == 32:
        return _sine_float32
    return lambda t: math.sin(TWO_PI * (t - np.floor(t + 0.5)))
