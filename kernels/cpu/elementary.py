"""exp, tanh and their kin in the element's own type, written so that LLVM turns a loop over them into vector code.

The C library's functions are called one element at a time; a polynomial is not. In float32 the error stays below 2 units in
the last place; float64 calls the C library, since it serves gradient checks rather than speed.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import overload

from .intrinsics import float32_from_bits

# The order of operations carries the precision here (the two-part ln 2), so nothing may be reassociated.
EXACT_ORDER = {"fastmath": {"contract", "nsz"}, "error_model": "numpy"}


def like(value, x):
    """Return ``value`` in the type of ``x``, so that a literal does not widen float32 arithmetic to float64."""
    return type(x)(value)


def exp(x):
    """Return eˣ; in float32 it saturates near 1.2e-38 and 2.4e38 rather than overflow, and NaN stays NaN."""
    return math.exp(x)


def expm1(x):
    """Return eˣ − 1, exact near zero, where the difference would cancel."""
    return math.expm1(x)


def tanh(x):
    """Return the hyperbolic tangent of x."""
    return math.tanh(x)


def log1p_exp_of_negative(x):
    """Return ln(1 + e⁻ˣ) for x ≥ 0."""
    return math.log1p(math.exp(-x))


@overload(like, jit_options=EXACT_ORDER)
def _like(value, x):
    if isinstance(x, types.Float) and x.bitwidth == 32:
        return lambda value, x: np.float32(value)
    return lambda value, x: np.float64(value)


def _exp_float32(x):
    """2ⁿ·eʳ with x = n·ln 2 + r, |r| ≤ ln 2 / 2; eʳ = 1 + r + r²·g(r), g a near-minimax polynomial."""
    low, high = np.float32(-87.33), np.float32(88.37)
    x = low if x < low else x
    x = high if x > high else x
    n = np.floor(x * np.float32(1.4426950408889634) + np.float32(0.5))
    r = x - n * np.float32(0.693359375)  # ln 2 in two parts: the first has few enough bits that the product is exact
    r = r + n * np.float32(2.12194440e-4)
    g = np.float32(0.0013933652)
    g = g * r + np.float32(0.0083631817)
    g = g * r + np.float32(0.0416664667)
    g = g * r + np.float32(0.1666657627)
    g = g * r + np.float32(0.5)
    power = float32_from_bits(np.int32((np.int32(n) + np.int32(127)) << np.int32(23)))
    return (np.float32(1.0) + (r + r * r * g)) * power


def _expm1_float32(x):
    """r + r²·g(r) without the 1 that would swallow it, where |x| is small; the difference elsewhere."""
    g = np.float32(0.0013933652)
    g = g * x + np.float32(0.0083631817)
    g = g * x + np.float32(0.0416664667)
    g = g * x + np.float32(0.1666657627)
    g = g * x + np.float32(0.5)
    return x + x * x * g if abs(x) < np.float32(0.34) else exp(x) - np.float32(1.0)


def _tanh_float32(x):
    """An odd polynomial near zero, where 1 − 2/(e²ˣ + 1) would cancel; that formula elsewhere."""
    size = abs(x)
    s = x * x
    q = np.float32(-0.0061049378)
    q = q * s + np.float32(0.0210036319)
    q = q * s + np.float32(-0.0538524948)
    q = q * s + np.float32(0.1333278269)
    q = q * s + np.float32(-0.3333332837)
    near = x + x * s * q
    size = np.float32(10.0) if size > np.float32(10.0) else size
    far = np.float32(1.0) - np.float32(2.0) / (exp(size + size) + np.float32(1.0))
    far = far if x > np.float32(0.0) else -far
    return near if s < np.float32(0.390625) else far


@overload(exp, jit_options=EXACT_ORDER)
def _exp(x):
    if isinstance(x, types.Float) and x.bitwidth == 32:
        return _exp_float32
    return lambda x: math.exp(x)


@overload(expm1, jit_options=EXACT_ORDER)
def _expm1(x):
    if isinstance(x, types.Float) and x.bitwidth == 32:
        return _expm1_float32
    return lambda x: math.expm1(x)


@overload(tanh, jit_options=EXACT_ORDER)
def _tanh(x):
    if isinstance(x, types.Float) and x.bitwidth == 32:
        return _tanh_float32
    return lambda x: math.tanh(x)


@overload(log1p_exp_of_negative, jit_options=EXACT_ORDER)
def _log1p_exp_of_negative(x):
    return lambda x: math.log1p(exp(-x))
