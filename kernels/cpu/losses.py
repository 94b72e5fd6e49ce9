"""Losses: value of each row, gradient and whether the row was predicted right, in one pass.

Every kernel writes row_loss (rows,) and row_right (rows,) rather than a sum: the sums are then
taken in one fixed order (``accumulate_sums``), and do not depend on how the rows were divided
among threads. A row with NaN among its outputs is never right, wherever the NaN stands.
"""

from __future__ import annotations

import math

from fastmlp.kernels.constants import LOSS_SUM, RIGHT_ARGMAX, RIGHT_SUM, RIGHT_THRESHOLD, ROW_COUNT
from fastmlp.kernels.cpu.compiling.compiler import scalar_function
from fastmlp.kernels.operation import (
    Function,
    Integer,
    Matrix,
    Real,
    Vector,
    by_row,
    operation,
    reads,
    updates,
    writes,
)

from .inline.elementary import exp, like, log, log1p_exp_of_negative
from .inline.few_classes import (
    class_peaks,
    put_classes,
    shifted_sums,
    take_classes,
    take_exponentials,
)
from .inline.rows import (
    FEW,
    ROWS_AT_ONCE,
    class_numbers,
    row_address,
    row_exp_sum,
    row_exp_sums,
    row_numbers,
    row_peak,
    row_peaks,
    row_shifted_sums,
    write_row_exp,
    write_row_exps,
)


def plain_softmax_cross_entropy(
    logits, targets, weights, smoothing, scale, gradient, row_loss, row_right
):
    """What the two kernels below compute, in plain loops; a label is a target that is 1 there."""
    rows, classes = logits.shape
    for row in range(rows):
        z, best, label = logits[row], 0, 0
        for j in range(classes):
            best = j if z[j] > z[best] else best
            label = j if targets[row, j] > targets[row, label] else label
        total, loss = 0.0, 0.0
        for j in range(classes):
            total += math.exp(z[j] - z[best])
        for j in range(classes):
            target = (1.0 - smoothing) * targets[row, j] + smoothing / classes
            loss += target * (math.log(total) - (z[j] - z[best]))
            gradient[row, j] = weights[row] * scale * (math.exp(z[j] - z[best]) / total - target)
        row_loss[row] = weights[row] * loss
        row_right[row] = best == label and not math.isnan(total)


@operation(sums=True)
def softmax_cross_entropy(
    logits: Matrix[reads, by_row],
    labels: Vector[reads, by_row],
    weights: Vector[reads, by_row],
    smoothing: Real,
    scale: Real,
    gradient: Matrix[writes, by_row],
    row_loss: Vector[writes, by_row],
    row_right: Vector[writes, by_row],
):
    """−Σⱼ tⱼ·ln pⱼ with p = softmax(z) and t = (1 − ε)·one_hot(label) + ε/k; its gradient is
    w·scale·(p − t).

    In stages of a few rows: peaks; Σ exp(z − peak); loss, and gradient at the label; the gradient
    everywhere else.
    """
    classes, element = logits.shape[1], logits.dtype.type
    kept, even_share = element(1.0 - smoothing), element(smoothing / classes)
    largest, best, total, shifted = (
        row_numbers(element),
        row_numbers(element),
        row_numbers(element),
        row_numbers(element),
    )
    at_label, factor, loss, right = (
        row_numbers(element),
        row_numbers(element),
        row_numbers(element),
        row_numbers(element),
    )
    block = class_numbers(element)
    shifted[:] = 0
    for first in range(0, labels.size, ROWS_AT_ONCE):
        part = slice(first, min(first + ROWS_AT_ONCE, labels.size))
        z, g, y, w = logits[part], gradient[part], labels[part], weights[part]
        if classes <= FEW:
            take_classes(z, block)
            class_peaks(block, classes, largest, best)
            if smoothing > 0.0:
                shifted_sums(block, classes, largest, shifted)
            take_exponentials(block, classes, largest, total)
        else:
            row_peaks(z, largest, best)
            if smoothing > 0.0:
                row_shifted_sums(z, largest, shifted)
            row_exp_sums(z, largest, total)
        for i in range(y.size):
            at_label[i] = z[i, y[i]] - largest[i]
            right[i] = best[i] == y[i]
            factor[i] = w[i]
        for i in range(ROWS_AT_ONCE):  # several rows in a register
            loss[i] = factor[i] * (log(total[i]) - kept * at_label[i] - even_share * shifted[i])
            right[i] = right[i] if total[i] == total[i] else element(0.0)  # not NaN
            factor[i] = factor[i] * element(scale)
            at_label[i] = factor[i] * (exp(at_label[i]) / total[i] - even_share - kept)
            total[i] = factor[i] / total[i]
            factor[i] = -factor[i] * even_share
        if classes <= FEW:
            put_classes(block, g, total, factor)
        else:
            write_row_exps(z, g, largest, total, factor)
        losses, rights = row_loss[part], row_right[part]
        for i in range(y.size):
            losses[i] = loss[i]
            rights[i] = right[i]
            g[i, y[i]] = at_label[i]


@operation(sums=True)
def softmax_cross_entropy_soft(
    logits: Matrix[reads, by_row],
    targets: Matrix[reads, by_row],
    weights: Vector[reads, by_row],
    smoothing: Real,
    scale: Real,
    gradient: Matrix[writes, by_row],
    row_loss: Vector[writes, by_row],
    row_right: Vector[writes, by_row],
):
    """The same loss for targets that are distributions: one-hot rows, or any rows that sum to 1."""
    classes, element = logits.shape[1], logits.dtype.type
    kept, even_share = element(1.0 - smoothing), element(smoothing / classes)
    for row in range(logits.shape[0]):
        place, t, g = row_address(logits, row), targets[row], gradient[row]
        largest, best = row_peak(place, classes, element)
        _, label = row_peak(row_address(targets, row), classes, element)
        total, target_logit = row_exp_sum(place, classes, largest), element(0.0)
        for column in range(classes):
            target_logit += (kept * t[column] + even_share) * (logits[row, column] - largest)
        row_loss[row] = weights[row] * (log(total) - target_logit)
        row_right[row] = best == label and total == total  # not NaN
        factor = element(weights[row] * scale)
        write_row_exp(
            place,
            row_address(gradient, row),
            classes,
            largest,
            factor / total,
            -factor * even_share,
        )
        for column in range(classes):
            g[column] -= factor * kept * t[column]


@operation(sums=True)
def elementwise_loss(
    value: Function,
    derivative: Function,
    outputs: Matrix[reads, by_row],
    targets: Matrix[reads, by_row],
    weights: Vector[reads, by_row],
    parameter: Real,
    element_weight: Real,
    scale: Real,
    right: Integer,
    threshold: Real,
    gradient: Matrix[writes, by_row],
    row_loss: Vector[writes, by_row],
    row_right: Vector[writes, by_row],
):
    """element_weight·Σⱼ ℓ(yⱼ, tⱼ) in each row and its gradient w·scale·element_weight·ℓ′(yⱼ, tⱼ).

    A row is right, when ``right`` asks for it, if every output lies on the same side of
    ``threshold`` as its target of ½, or if the largest output stands where the largest target does.
    """
    for row in range(outputs.shape[0]):
        total, factor = (
            like(0.0, outputs[row, 0]),
            like(weights[row] * scale * element_weight, outputs[row, 0]),
        )
        sides_agree, best, label = True, 0, 0
        for column in range(outputs.shape[1]):
            output, target = outputs[row, column], targets[row, column]
            total += value(output, target, parameter)
            gradient[row, column] = factor * derivative(output, target, parameter)
            sides_agree = sides_agree and (output > threshold) == (target > 0.5)
            best = column if output > outputs[row, best] else best
            label = column if target > targets[row, label] else label
        row_loss[row] = weights[row] * element_weight * total
        is_right = (right == RIGHT_THRESHOLD and sides_agree) or (
            right == RIGHT_ARGMAX and best == label
        )
        row_right[row] = is_right and not math.isnan(total)


@operation(sums=True)
def accumulate_sums(row_loss: Vector[reads], row_right: Vector[reads], sums: Vector[updates]):
    """Add a batch's loss, number right and number of rows to the epoch's sums."""
    for row in range(row_loss.size):
        sums[LOSS_SUM] += row_loss[row]
        sums[RIGHT_SUM] += row_right[row]
    sums[ROW_COUNT] += row_loss.size


@scalar_function
def squared_error(y, t, p):
    return (y - t) * (y - t)


@scalar_function
def squared_error_derivative(y, t, p):
    return like(2.0, y) * (y - t)


@scalar_function
def absolute_error(y, t, p):
    return abs(y - t)


@scalar_function
def absolute_error_derivative(y, t, p):
    difference = y - t  # a subgradient of 0 where the output meets its target; NaN stays NaN
    return like(1.0, y) if difference > 0 else (like(-1.0, y) if difference < 0 else difference)


@scalar_function
def huber(y, t, p):
    """½d² up to |d| = p, then p·(|d| − p/2): Huber 1964."""
    size = abs(y - t)
    limit = like(p, y)
    return like(0.5, y) * size * size if size <= limit else limit * (size - like(0.5, y) * limit)


@scalar_function
def huber_derivative(y, t, p):
    difference, limit = y - t, like(p, y)
    return limit if difference > limit else (-limit if difference < -limit else difference)


@scalar_function
def pinball(y, t, p):
    """p·(t − y) where the output is too low, (1 − p)·(y − t) where it is too high: Koenker and
    Bassett 1978.
    """
    missing, level = t - y, like(p, y)
    return level * missing if missing >= 0 else (level - like(1.0, y)) * missing


@scalar_function
def pinball_derivative(y, t, p):
    missing, level = t - y, like(p, y)  # a subgradient of 0 at the kink; NaN stays NaN
    return -level if missing > 0 else (like(1.0, y) - level if missing < 0 else missing)


@operation(sums=True)
def quantile_loss(
    outputs: Matrix[reads, by_row],
    targets: Matrix[reads, by_row],
    levels: Vector[reads],
    weights: Vector[reads, by_row],
    element_weight: Real,
    scale: Real,
    gradient: Matrix[writes, by_row],
    row_loss: Vector[writes, by_row],
    row_right: Vector[writes, by_row],
):
    """element_weight·Σⱼ pinball(yⱼ, tⱼ, levelⱼ) in each row, and its gradient; no row is right."""
    for row in range(outputs.shape[0]):
        total, factor = (
            like(0.0, outputs[row, 0]),
            like(weights[row] * scale * element_weight, outputs[row, 0]),
        )
        for column in range(outputs.shape[1]):
            output, target, level = outputs[row, column], targets[row, column], levels[column]
            total += pinball(output, target, level)
            gradient[row, column] = factor * pinball_derivative(output, target, level)
        row_loss[row] = weights[row] * element_weight * total
        row_right[row] = 0.0


@scalar_function
def log_loss(z, t, p):
    """−[t·ln σ(z) + (1 − t)·ln(1 − σ(z))] from the logit z, p the label smoothing towards ½."""
    target = t * like(1.0 - p, z) + like(0.5 * p, z)
    # Both terms are positive: nothing cancels when a confident prediction is right.
    return abs(z) * (like(1.0, z) - target if z > 0 else target) + log1p_exp_of_negative(abs(z))


@scalar_function
def log_loss_derivative(z, t, p):
    target = t * like(1.0 - p, z) + like(0.5 * p, z)
    small = exp(-abs(z))
    return (small if z < 0 else like(1.0, z)) / (like(1.0, z) + small) - target


@scalar_function
def poisson(y, t, p):
    """Half the deviance t·ln(t/μ) − t + μ with μ = eʸ, where 0·ln 0 is 0."""
    constant = t * like(math.log(t), y) - t if t > 0 else like(0.0, y)
    return constant - t * y + exp(y)


@scalar_function
def poisson_derivative(y, t, p):
    return exp(y) - t
