"""The scalar functions of the Poisson loss, compiled into the loss's kernel: y is the logarithm of the predicted mean."""

from __future__ import annotations

import math

from fastmlp.kernels.cpu.compiler import scalar
from fastmlp.kernels.cpu.elementary import exp, like


@scalar
def deviance(y, t, p):
    """t·ln t − t·y − t + exp(y), where t·ln t is 0 for t = 0."""
    constant = t * like(math.log(t), y) - t if t > 0 else like(0.0, y)
    return constant - t * y + exp(y)


@scalar
def deviance_derivative(y, t, p):
    """exp(y) − t."""
    return exp(y) - t


@scalar
def mean(y, p):
    """exp(y)."""
    return exp(y)
