"""Losses row by row and their gradients by the outputs, in float64, by SciPy's functions."""

import numpy as np
from scipy import special

DELTA = 0.75  # of huber


def distributions(labels, classes):
    """Return one-hot rows."""
    return np.eye(classes)[labels]


def softmax_cross_entropy(logits, targets, smoothing=0.0):
    """Return each row's (loss, gradient, whether it is right) for target rows that sum to 1."""
    logits = np.asarray(logits, np.float64)
    target = (1 - smoothing) * np.asarray(targets, np.float64) + smoothing / logits.shape[1]
    losses = -(target * special.log_softmax(logits, axis=1)).sum(axis=1)
    right = logits.argmax(axis=1) == targets.argmax(axis=1)
    return losses, special.softmax(logits, axis=1) - target, right


def log_loss(z, t, smoothing=0.0):
    """Return elementwise (loss, derivative) from logits and targets of 0 and 1."""
    target = (1 - smoothing) * t + smoothing / 2
    return -(target * special.log_expit(z) + (1 - target) * special.log_expit(-z)), special.expit(
        z
    ) - target


def squared_error(y, t, _=0.0):
    return (y - t) ** 2, 2 * (y - t)


def absolute_error(y, t, _=0.0):
    return np.abs(y - t), np.sign(y - t)


def huber(y, t, delta=DELTA):
    return special.huber(delta, y - t), np.clip(y - t, -delta, delta)


def poisson(y, t, _=0.0):
    """Half the deviance of counts t from means exp(y)."""
    return special.xlogy(t, t) - t * y - t + np.exp(y), np.exp(y) - t


def pinball(y, t, level=0.5):
    return np.maximum(level * (t - y), (level - 1) * (t - y)), np.where(t > y, -level, 1 - level)


ELEMENTWISE = {
    "log_loss": log_loss,
    "squared_error": squared_error,
    "absolute_error": absolute_error,
    "huber": huber,
    "poisson": poisson,
    "pinball": pinball,
}
