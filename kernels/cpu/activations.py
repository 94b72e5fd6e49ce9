"""Scalar activation functions and their derivatives, compiled into the kernels of ``dense``.

``name(z, p)`` is the value, p the activation's parameter where it has one, and
``name_derivative(a, p)`` the derivative from the OUTPUT a, wherever f′ can be had from it (the
buffer is then updated in place), else ``name_derivative(z, p)`` from the input z. The table in
nn/activations.py says which.
"""

from __future__ import annotations

import math

from fastmlp.kernels.cpu.compiling.compiler import scalar_function

from .inline.elementary import (
    exp,
    expm1,
    like,
    log,
    log1p,
    log1p_exp_of_negative,
    normal_distribution,
    tanh,
)

SELU_ALPHA = 1.6732632423543772  # Klambauer et al. 2017, equation 14
SELU_SCALE = 1.0507009873554805
INVERSE_SQRT_TWO_PI = 0.3989422804014327
# Below it a mean of probabilities counts as it: the logarithm stays finite.
SMALLEST_PROBABILITY = 1e-30


@scalar_function
def identity(z, p):
    return z


@scalar_function
def identity_derivative(a, p):
    return like(1.0, a)


@scalar_function
def relu(z, p):
    # Written so that NaN passes through: max(z, 0) would turn a diverged network into zeros.
    return like(0.0, z) if z < 0 else z


@scalar_function
def relu_derivative(a, p):
    return like(1.0, a) if a > 0 else like(0.0, a)


@scalar_function
def leaky_relu(z, p):
    return like(p, z) * z if z < 0 else z


@scalar_function
def leaky_relu_derivative(a, p):
    return like(1.0, a) if a > 0 else like(p, a)


@scalar_function
def elu(z, p):
    return like(p, z) * expm1(z) if z < 0 else z


@scalar_function
def elu_derivative(a, p):
    return a + like(p, a) if a < 0 else like(1.0, a)


@scalar_function
def selu(z, p):
    return like(SELU_SCALE * SELU_ALPHA, z) * expm1(z) if z < 0 else like(SELU_SCALE, z) * z


@scalar_function
def selu_derivative(a, p):
    return a + like(SELU_SCALE * SELU_ALPHA, a) if a < 0 else like(SELU_SCALE, a)


@scalar_function
def sigmoid(z, p):
    small = exp(-abs(z))  # at most 1, so nothing overflows
    return (small if z < 0 else like(1.0, z)) / (like(1.0, z) + small)


@scalar_function
def sigmoid_derivative(a, p):
    return a * (like(1.0, a) - a)


@scalar_function
def hyperbolic_tangent(z, p):
    return tanh(z)


@scalar_function
def hyperbolic_tangent_derivative(a, p):
    return like(1.0, a) - a * a


@scalar_function
def exponential(z, p):
    return exp(z)


@scalar_function
def exponential_derivative(a, p):
    return a


@scalar_function
def logarithm(z, p):
    # From a probability to a logit of softmax, which takes any constant beside it.
    return log(like(SMALLEST_PROBABILITY, z) if z < like(SMALLEST_PROBABILITY, z) else z)


@scalar_function
def log_odds(z, p):
    # From a probability to the logit whose sigmoid it is.
    return logarithm(z, p) - logarithm(like(1.0, z) - z, p)


@scalar_function
def softplus(z, p):
    return (like(0.0, z) if z < 0 else z) + log1p_exp_of_negative(abs(z))


@scalar_function
def softplus_derivative(a, p):
    return -expm1(-a)


@scalar_function
def signed_log(z, p):
    size = log1p(abs(z))
    return -size if z < 0 else size


@scalar_function
def signed_log_derivative(a, p):
    return exp(-abs(a))


@scalar_function
def gelu(z, p):
    # z·Φ(z), Φ the normal distribution function: Hendrycks and Gimpel 2016, the exact form.
    return z * normal_distribution(z)


@scalar_function
def gelu_derivative(z, p):
    return normal_distribution(z) + z * like(INVERSE_SQRT_TWO_PI, z) * exp(like(-0.5, z) * z * z)


@scalar_function
def silu(z, p):
    return z * sigmoid(z, p)


@scalar_function
def silu_derivative(z, p):
    s = sigmoid(z, p)
    return s * (like(1.0, z) + z * (like(1.0, z) - s))


@scalar_function
def mish(z, p):
    # tanh(softplus(z)) without logarithms: with u = 1 + eᶻ it is (u² − 1)/(u² + 1); past 20 it is 1
    # to the last bit.
    e = exp(like(20.0, z) if z > 20 else z)
    t = e * (e + like(2.0, z))
    return z * t / (t + like(2.0, z))


@scalar_function
def mish_derivative(z, p):
    e = exp(like(20.0, z) if z > 20 else z)
    t = e * (e + like(2.0, z))
    tanh_softplus = t / (t + like(2.0, z))
    return tanh_softplus + z * sigmoid(z, p) * (like(1.0, z) - tanh_softplus * tanh_softplus)


@scalar_function
def hardswish(z, p):
    # Howard et al. 2019: z·min(max(z + 3, 0), 6)/6, in three pieces, so that infinity gives no NaN.
    middle = z * (z + like(3.0, z)) / like(6.0, z)
    return like(0.0, z) if z <= -3 else (z if z >= 3 else middle)


@scalar_function
def hardswish_derivative(z, p):
    middle = (z + z + like(3.0, z)) / like(6.0, z)
    return like(0.0, z) if z <= -3 else (like(1.0, z) if z >= 3 else middle)


@scalar_function
def smooth_clip(z, p):
    # z/√(1 + (z/p)²) (Holzmüller et al. 2024) with the smaller of |z| and p over the larger one in
    # the square, so that nothing overflows: for |z| > p it is ±p/√(1 + (p/z)²).
    size, limit = abs(z), like(p, z)
    is_large = size > limit
    small, large = (limit if is_large else size), (size if is_large else limit)
    share = small / large
    clipped = small / math.sqrt(like(1.0, z) + share * share)
    return -clipped if z < 0 else clipped


@scalar_function
def smooth_clip_derivative(a, p):
    share = a / like(p, a)
    rest = like(1.0, a) - share * share
    return rest * math.sqrt(rest)
