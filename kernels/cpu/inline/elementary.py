"""exp, tanh and their kin in the element's own type, written so that LLVM turns a loop over them
into vector code.

The C library's functions are called one element at a time; a polynomial is not. In float32 the
error stays below 2 units in the last place; float64 calls the C library, since it serves gradient
checks rather than speed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload

from fastmlp.kernels.cpu.compiling.intrinsics import bits_from_float32, float32_from_bits

SQRT_HALF = 0.7071067811865476
# Of eˣ in float32: where it saturates, and a near-minimax g in eʳ = 1 + r + r²·g(r) for |r| ≤ ln 2
# / 2, highest power first.
EXP_LOWEST, EXP_HIGHEST = -87.33, 88.37
EXP_POLYNOMIAL = (0.0013933652, 0.0083631817, 0.0416664667, 0.1666657627, 0.5)
# ln 2 in two parts: the first has so few bits that its product with a small integer is exact.
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4
# The order of operations carries the precision here (the two-part ln 2), so nothing may be
# reassociated.
EXACT_ORDER: Any = {"fastmath": {"contract", "nsz"}, "error_model": "numpy"}


def like(value, x):
    """Return ``value`` in the type of ``x``, so that a literal does not widen float32 arithmetic to
    float64.
    """
    return type(x)(value)


def exp(x):
    """Return eˣ; in float32 it saturates near 1.2e-38 and 2.4e38 rather than overflow, and NaN
    stays NaN.
    """
    return math.exp(x)


def expm1(x):
    """Return eˣ − 1, exact near zero, where the difference would cancel."""
    return math.expm1(x)


def tanh(x):
    """Return the hyperbolic tangent of x."""
    return math.tanh(x)


def log(x):
    """Return ln x for normal x > 0, infinity and NaN."""
    return math.log(x)


def log1p(x):
    """Return ln(1 + x) for x ≥ 0, exact near zero."""
    return math.log1p(x)


def log1p_exp_of_negative(x):
    """Return ln(1 + e⁻ˣ) for x ≥ 0."""
    return math.log1p(math.exp(-x))


def normal_distribution(x):
    """Return Φ(x), the share of the standard normal distribution below x."""
    return 0.5 * math.erfc(-x * SQRT_HALF)


def _log_float32(x):
    result = _log_of_sum(x, np.float32(0.0))
    return result if x < np.float32(np.inf) else x  # infinity and NaN


def _log1p_float32(x):
    u = np.float32(1.0) + x
    result = _log_of_sum(u, (x - (u - np.float32(1.0))) / u)
    return result if x < np.float32(np.inf) else x  # infinity and NaN


@njit(**EXACT_ORDER)
def _log_of_sum(u, correction):
    """n·ln 2 + f − f²/2 + f³·g(f) for u = 2ⁿ·(1 + f), 1 + f in [√½, √2), and what u lost by
    rounding, relative to it.
    """
    bits = bits_from_float32(u) - np.int32(
        0x3F3504F3
    )  # of √½: the exponent that is taken out moves at √2
    n = np.float32(bits >> np.int32(23))
    f = float32_from_bits(
        np.int32((bits & np.int32(0x7FFFFF)) + np.int32(0x3F3504F3))
    ) - np.float32(1.0)
    g = np.float32(-0.0797506347)
    g = g * f + np.float32(0.1265709549)
    g = g * f + np.float32(-0.1298958361)
    g = g * f + np.float32(0.1420980543)
    g = g * f + np.float32(-0.1664154828)
    g = g * f + np.float32(0.2000120431)
    g = g * f + np.float32(-0.2500030398)
    g = g * f + np.float32(0.3333333135)
    s = f * f
    tail = f * s * g + correction + n * np.float32(LN2_LOW) - np.float32(0.5) * s
    return tail + f + n * np.float32(LN2_HIGH)


def _normal_distribution_float32(x):
    """½ + ½·erf near zero; elsewhere the tail ½·erfc(t) = ½·e⁻ᵗ²·p(1/(1 + t/2)), t = |x|/√2, both
    polynomials fitted.
    """
    t = abs(x) * np.float32(SQRT_HALF)
    s = t * t
    q = np.float32(-0.0006535235)
    q = q * s + np.float32(0.0050851302)
    q = q * s + np.float32(-0.0268208068)
    q = q * s + np.float32(0.1128311306)
    q = q * s + np.float32(-0.3761260211)
    q = q * s + np.float32(1.1283791065)
    near = np.float32(0.5) + np.float32(0.5 * SQRT_HALF) * x * q
    u = np.float32(1.0) / (np.float32(1.0) + np.float32(0.5) * t)
    p = np.float32(0.0866911933)
    p = p * u + np.float32(-0.3630721867)
    p = p * u + np.float32(0.412630111)
    p = p * u + np.float32(0.0108222226)
    p = p * u + np.float32(0.2966069281)
    p = p * u + np.float32(0.2731828988)
    p = p * u + np.float32(0.2829699516)
    p = p * u + np.float32(-0.0000362225)
    tail = np.float32(0.5) * exp(-s) * p
    far = np.float32(1.0) - tail if x > np.float32(0.0) else tail
    return near if s < np.float32(0.64) else far


@overload(like, jit_options=EXACT_ORDER)
def _like(value, x):
    if isinstance(x, types.Float) and x.bitwidth == 32:
        return lambda value, x: np.float32(value)
    return lambda value, x: np.float64(value)


def _exp_float32(x):
    """2ⁿ·eʳ with x = n·ln 2 + r, |r| ≤ ln 2 / 2; eʳ = 1 + r + r²·g(r), g near minimax."""
    low, high = np.float32(EXP_LOWEST), np.float32(EXP_HIGHEST)
    x = low if x < low else x
    x = high if x > high else x
    n = np.floor(x * np.float32(1.4426950408889634) + np.float32(0.5))
    r = x - n * np.float32(LN2_HIGH)
    r = r - n * np.float32(LN2_LOW)
    g = np.float32(EXP_POLYNOMIAL[0])
    g = g * r + np.float32(EXP_POLYNOMIAL[1])
    g = g * r + np.float32(EXP_POLYNOMIAL[2])
    g = g * r + np.float32(EXP_POLYNOMIAL[3])
    g = g * r + np.float32(EXP_POLYNOMIAL[4])
    power = float32_from_bits(np.int32((np.int32(n) + np.int32(127)) << np.int32(23)))
    return (np.float32(1.0) + (r + r * r * g)) * power


def _expm1_float32(x):
    """r + r²·g(r) without the 1 that would swallow it, where |x| is small; the difference
    elsewhere.
    """
    g = np.float32(EXP_POLYNOMIAL[0])
    g = g * x + np.float32(EXP_POLYNOMIAL[1])
    g = g * x + np.float32(EXP_POLYNOMIAL[2])
    g = g * x + np.float32(EXP_POLYNOMIAL[3])
    g = g * x + np.float32(EXP_POLYNOMIAL[4])
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


@overload(log, jit_options=EXACT_ORDER)
def _log(x):
    if isinstance(x, types.Float) and x.bitwidth == 32:
        return _log_float32
    return lambda x: math.log(x)


@overload(log1p, jit_options=EXACT_ORDER)
def _log1p(x):
    if isinstance(x, types.Float) and x.bitwidth == 32:
        return _log1p_float32
    return lambda x: math.log1p(x)


@overload(log1p_exp_of_negative, jit_options=EXACT_ORDER)
def _log1p_exp_of_negative(x):
    return lambda x: log1p(exp(-x))


@overload(normal_distribution, jit_options=EXACT_ORDER)
def _normal_distribution(x):
    if isinstance(x, types.Float) and x.bitwidth == 32:
        return _normal_distribution_float32
    return lambda x: 0.5 * math.erfc(-x * SQRT_HALF)
