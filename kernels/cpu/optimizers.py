"""Update rules over flat vectors: parameters w, gradient g, the optimizer's own state, and the
learning rate in memory.

``decay`` is the decoupled weight decay of Loshchilov and Hutter 2019: every rule moves w by
−lr·(direction + decay·w). Moments that have shrunk into subnormal numbers are set to zero: the
first moment of a dead unit decays by a tenth a step, and arithmetic on subnormals is much slower.
On x86 and ARM the processor does that while a Program runs (``replay``).
"""

from __future__ import annotations

import math

import numpy as np

from fastmlp.kernels.constants import NORM_BLOCK, STEP, UPDATE
from fastmlp.kernels.cpu.compiling.compiler import scalar
from fastmlp.kernels.cpu.compiling.subnormals import IS_FLUSHED
from fastmlp.kernels.operation import (
    First,
    Real,
    Vector,
    by_element,
    operation,
    reads,
    updates,
    writes,
)

from .inline.elementary import like

SMALLEST_NORMAL = 1.1754944e-38  # of float32


@scalar
def without_subnormals(x):
    """Return x, or 0 where x is too small to be a normal number and the processor has not flushed
    it.
    """
    if IS_FLUSHED:
        return x
    return like(0.0, x) if abs(x) < like(SMALLEST_NORMAL, x) else x


@operation
def scale_rate(learning_rate: Vector[reads], factor: Real, scaled: Vector[writes]):
    """scaled = factor·lr: the rate of parameters that have a factor of their own."""
    scaled[0] = factor * learning_rate[0]


@operation
def sgd(
    w: Vector[updates, by_element],
    g: Vector[reads, by_element],
    learning_rate: Vector[reads],
    decay: Real,
):
    """w ← w − lr·g."""
    lr, decay = like(learning_rate[0], w[0]), like(decay, w[0])
    for i in range(w.size):
        w[i] -= lr * (g[i] + decay * w[i])


@operation
def momentum(
    w: Vector[updates, by_element],
    g: Vector[reads, by_element],
    velocity: Vector[updates, by_element],
    learning_rate: Vector[reads],
    mu: Real,
    decay: Real,
):
    """v ← μ·v + g, w ← w − lr·v: Polyak 1964."""
    lr, mu, decay = like(learning_rate[0], w[0]), like(mu, w[0]), like(decay, w[0])
    for i in range(w.size):
        velocity[i] = without_subnormals(mu * velocity[i] + g[i])
        w[i] -= lr * (velocity[i] + decay * w[i])


@operation
def nesterov(
    w: Vector[updates, by_element],
    g: Vector[reads, by_element],
    velocity: Vector[updates, by_element],
    learning_rate: Vector[reads],
    mu: Real,
    decay: Real,
):
    """v ← μ·v + g, w ← w − lr·(g + μ·v): the look-ahead form of Sutskever et al. 2013."""
    lr, mu, decay = like(learning_rate[0], w[0]), like(mu, w[0]), like(decay, w[0])
    for i in range(w.size):
        velocity[i] = without_subnormals(mu * velocity[i] + g[i])
        w[i] -= lr * (g[i] + mu * velocity[i] + decay * w[i])


@operation
def rmsprop(
    w: Vector[updates, by_element],
    g: Vector[reads, by_element],
    mean_square: Vector[updates, by_element],
    learning_rate: Vector[reads],
    rho: Real,
    epsilon: Real,
    decay: Real,
):
    """s ← ρ·s + (1 − ρ)·g², w ← w − lr·g/(√s + ε): Tieleman and Hinton 2012."""
    lr, decay, epsilon = like(learning_rate[0], w[0]), like(decay, w[0]), like(epsilon, w[0])
    kept, taken = like(rho, w[0]), like(1.0 - rho, w[0])
    for i in range(w.size):
        mean_square[i] = without_subnormals(kept * mean_square[i] + taken * g[i] * g[i])
        w[i] -= lr * (g[i] / (math.sqrt(mean_square[i]) + epsilon) + decay * w[i])


@operation
def adagrad(
    w: Vector[updates, by_element],
    g: Vector[reads, by_element],
    square_sum: Vector[updates, by_element],
    learning_rate: Vector[reads],
    epsilon: Real,
    decay: Real,
):
    """s ← s + g², w ← w − lr·g/(√s + ε): Duchi et al. 2011."""
    lr, decay, epsilon = like(learning_rate[0], w[0]), like(decay, w[0]), like(epsilon, w[0])
    for i in range(w.size):
        square_sum[i] = without_subnormals(square_sum[i] + g[i] * g[i])
        w[i] -= lr * (g[i] / (math.sqrt(square_sum[i]) + epsilon) + decay * w[i])


@operation
def adam(
    w: Vector[updates, by_element],
    g: Vector[reads, by_element],
    first_moment: Vector[updates, by_element],
    second_moment: Vector[updates, by_element],
    counters: Vector[reads],
    learning_rate: Vector[reads],
    beta1: Real,
    beta2: Real,
    epsilon: Real,
    decay: Real,
):
    """m ← β₁·m + (1 − β₁)·g, s ← β₂·s + (1 − β₂)·g², w ← w − lr·m̂/(√ŝ + ε): Kingma and Ba 2015,
    algorithm 1.

    m̂ = m/(1 − β₁ᵗ) and ŝ = s/(1 − β₂ᵗ), t the number of this update, counted from 1 in
    ``counters[UPDATE]``. In the order that their section 2 gives: lr·m̂/(√ŝ + ε) = α·m/(√s + ε̂),
    with α = lr·c/(1 − β₁ᵗ), ε̂ = ε·c and c = √(1 − β₂ᵗ).
    """
    t = float(counters[UPDATE])
    correction = math.sqrt(1.0 - beta2**t)
    alpha = like(learning_rate[0] * correction / (1.0 - beta1**t), w[0])
    epsilon = like(epsilon * correction, w[0])
    shrink = like(learning_rate[0] * decay, w[0])
    kept1, taken1 = like(beta1, w[0]), like(1.0 - beta1, w[0])
    kept2, taken2 = like(beta2, w[0]), like(1.0 - beta2, w[0])
    for i in range(w.size):
        first_moment[i] = without_subnormals(kept1 * first_moment[i] + taken1 * g[i])
        second_moment[i] = without_subnormals(kept2 * second_moment[i] + taken2 * g[i] * g[i])
        w[i] -= alpha * first_moment[i] / (math.sqrt(second_moment[i]) + epsilon) + shrink * w[i]


@operation
def shrink(
    w: Vector[updates, by_element], learning_rate: Vector[reads], share: Vector[reads], decay: Real
):
    """w ← w − lr·decay·share·w: decay whose strength is scheduled, before a rule that has none."""
    lost = like(learning_rate[0] * decay * share[0], w[0])
    for i in range(w.size):
        w[i] -= lost * w[i]


@operation
def momentum_step(
    w: Vector[updates, by_element],
    velocity: Vector[reads, by_element],
    learning_rate: Vector[reads],
    decay: Real,
):
    """w ← w − lr·v, for a velocity that the matrix product v ← xᵀ·dz + μ·v has already moved.

    The velocity is not written back without its subnormals: a replay flushes them where they arise,
    and a write costs time.
    """
    lr, decay = like(learning_rate[0], w[0]), like(decay, w[0])
    for i in range(w.size):
        w[i] -= lr * (velocity[i] + decay * w[i])


@operation
def add_penalty(g: Vector[updates, by_element], w: Vector[reads, by_element], l1: Real, l2: Real):
    """g ← g + l2·w + l1·sign(w): the gradient of l2·w²/2 + l1·|w|."""
    l1, l2 = like(l1, w[0]), like(l2, w[0])
    zero = like(0.0, w[0])
    for i in range(g.size):
        sign = l1 if w[i] > 0 else (-l1 if w[i] < 0 else zero)
        g[i] += l2 * w[i] + sign


@operation
def clear_gradient(g: Vector[writes, by_element]):
    """g ← 0: what a rank adds to the gradient of a batch of which it has no rows."""
    for i in range(g.size):
        g[i] = like(0.0, g[i])


@operation
def clip_by_value(g: Vector[updates, by_element], limit: Real):
    """g ← min(max(g, −limit), limit), NaN kept."""
    limit = like(limit, g[0])
    for i in range(g.size):
        g[i] = limit if g[i] > limit else (-limit if g[i] < -limit else g[i])


@operation(sums=True)
def squared_norm(g: Vector[reads], partial: Vector[writes, by_element], first: First = 0):
    """partial[b] = Σ g² over block b of NORM_BLOCK elements, in float64."""
    for block in range(partial.size):
        start = (first + block) * NORM_BLOCK
        part = g[start : start + NORM_BLOCK]
        total = 0.0
        for i in range(part.size):
            total += np.float64(part[i]) * np.float64(part[i])
        partial[block] = total


@operation
def clip_by_norm(g: Vector[updates, by_element], partial: Vector[reads], limit: Real):
    """g ← g·min(1, limit/‖g‖), ‖g‖ from the partial sums: Pascanu et al. 2013."""
    total = 0.0
    for block in range(partial.size):
        total += partial[block]
    norm = math.sqrt(total)
    if norm > limit:
        factor = like(limit / norm, g[0])
        for i in range(g.size):
            g[i] *= factor


@operation
def average_in(
    average: Vector[updates, by_element],
    w: Vector[reads, by_element],
    rates: Vector[reads],
    counters: Vector[reads],
):
    """average ← (1 − rate)·average + rate·w, with the rate of this update; nothing if that is 0."""
    rate = like(rates[counters[STEP] - 1], w[0])
    if rate != like(0.0, rate):
        keep = like(1.0, rate) - rate
        for i in range(w.size):
            average[i] = keep * average[i] + rate * w[i]


@operation
def exchange_vectors(a: Vector[updates, by_element], b: Vector[updates, by_element]):
    """a, b ← b, a."""
    for i in range(a.size):
        held = a[i]
        a[i] = b[i]
        b[i] = held
