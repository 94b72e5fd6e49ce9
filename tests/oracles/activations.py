"""Activations and their derivatives in z, in float64, from SciPy's special functions."""

import numpy as np
from scipy import special, stats

SLOPE, ALPHA, LIMIT = 0.2, 1.5, 2.5  # of leaky_relu, elu and smooth_clip
PARAMETERS = {"leaky_relu": SLOPE, "elu": ALPHA, "smooth_clip": LIMIT}
SELU_ALPHA, SELU_SCALE = 1.67326324235437728, 1.05070098735548049


def softplus(z):
    return np.logaddexp(0.0, z)


def mish_derivative(z):
    t = np.tanh(softplus(z))
    return t + z * special.expit(z) * (1 - t**2)


VALUES = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0.0),
    "leaky_relu": lambda z: np.where(z >= 0, z, SLOPE * z),
    "elu": lambda z: np.where(z >= 0, z, ALPHA * np.expm1(np.minimum(z, 0.0))),
    "selu": lambda z: SELU_SCALE * np.where(z >= 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0.0))),
    "gelu": lambda z: z * stats.norm.cdf(z),
    "silu": lambda z: z * special.expit(z),
    "mish": lambda z: z * np.tanh(softplus(z)),
    "hardswish": lambda z: np.maximum(z, -3.0) * np.clip(z + 3, 0.0, 6.0) / 6,
    "softplus": softplus,
    "sigmoid": special.expit,
    "hyperbolic_tangent": np.tanh,
    "signed_log": lambda z: np.sign(z) * np.log1p(np.abs(z)),
    "smooth_clip": lambda z: LIMIT * np.sin(np.arctan(z / LIMIT)),
}

DERIVATIVES = {
    "identity": np.ones_like,
    "relu": lambda z: np.where(z > 0, 1.0, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, 1.0, SLOPE),
    "elu": lambda z: np.where(z >= 0, 1.0, ALPHA * np.exp(np.minimum(z, 0.0))),
    "selu": lambda z: SELU_SCALE * np.where(z >= 0, 1.0, SELU_ALPHA * np.exp(np.minimum(z, 0.0))),
    "gelu": lambda z: stats.norm.cdf(z) + z * stats.norm.pdf(z),
    "silu": lambda z: special.expit(z) * (1 + z * special.expit(-z)),
    "mish": mish_derivative,
    "hardswish": lambda z: np.where(np.abs(z) < 3, z / 3 + 0.5, z >= 3),
    "softplus": special.expit,
    "sigmoid": lambda z: special.expit(z) * special.expit(-z),
    "hyperbolic_tangent": lambda z: 1 / np.cosh(np.minimum(np.abs(z), 300.0)) ** 2,
    "signed_log": lambda z: 1 / (1 + np.abs(z)),
    "smooth_clip": lambda z: np.cos(np.arctan(z / LIMIT)) ** 3,
}
