"""Temperature scaling: one number that makes a classifier as sure as it is right (Guo et al. 2017:
On calibration of modern neural networks).
"""

from __future__ import annotations

import numpy as np

from fastmlp.errors import UsageError

LOWEST, HIGHEST = 0.05, 20.0  # temperatures: rows that are all right would ask for 0
MOST_STEPS = 100
TOLERANCE = 1e-12


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature T at which softmax(z/T) has the least log loss, one row more
    counted of which each class is as likely: rows that are all right do not ask for certainty.

    In the inverse temperature β the loss is convex, with the derivative
    mean(Σⱼ pⱼ(β)·zⱼ − Σⱼ tⱼ·zⱼ) and a second one, mean(Var_p z) ≥ 0: its root is found by
    Newton's method, which a bracket keeps from leaving LOWEST to HIGHEST.

    Parameters
    ----------
    logits
        (rows, classes), finite; for labels of 0 and 1 (rows, labels), of sigmoids. The logarithms
        of probabilities will do: see ``logits_of``.
    labels
        (rows,) class numbers, or (rows, labels) of 0 and 1.

    Returns
    -------
    float
        From LOWEST to HIGHEST; 1 where every temperature is as good, as of equal logits.

    Raises
    ------
    UsageError
        If there are no rows, or a logit is not finite.
    """
    logits, labels = _columns(logits, labels)
    if not len(labels):
        raise UsageError("a temperature needs at least one row with its label; give rows.")
    if not np.isfinite(logits).all():
        raise UsageError("a temperature needs finite logits; the network's outputs are not.")
    z = logits - logits.max(axis=1, keepdims=True)
    # Of finitely many rows no one can know that the next one will be right too: Platt 1999.
    rows = len(z)
    doubt = 1 / (rows + 1)
    right = z[np.arange(rows), labels].mean()
    wanted = (1 - doubt) * right + doubt * z.mean()
    low, high = 1 / HIGHEST, 1 / LOWEST
    slopes = [_slope(z, wanted, each)[0] for each in (low, high)]
    if max(map(abs, slopes)) <= TOLERANCE * np.abs(z).max(initial=1.0):
        return 1.0
    if slopes[0] >= 0:
        return HIGHEST
    if slopes[1] <= 0:
        return LOWEST
    return 1 / _root(z, wanted, low, high)


def _root(z: np.ndarray, wanted: float, low: float, high: float) -> float:
    """Return where the slope is 0, which is negative at ``low`` and positive at ``high``."""
    beta = 1.0
    for _ in range(MOST_STEPS):
        slope, curvature = _slope(z, wanted, beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        following = beta - slope / curvature if curvature > 0 else low
        if not low < following < high:
            following = np.sqrt(low * high)
        if abs(following - beta) <= TOLERANCE * beta:
            return float(following)
        beta = float(following)
    return beta


def _slope(z: np.ndarray, wanted: float, beta: float) -> tuple[float, float]:
    """Return the first two derivatives of the log loss by β."""
    p = np.exp(beta * z)
    p /= p.sum(axis=1, keepdims=True)
    mean = (p * z).sum(axis=1, keepdims=True)
    return float(mean.mean() - wanted), float((p * (z - mean) ** 2).sum(axis=1).mean())


def _columns(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a problem of classes: a sigmoid of z is a softmax of (0, z)."""
    logits, labels = np.asarray(logits, np.float64), np.asarray(labels)
    if labels.ndim == 2 or logits.shape[1] == 1:
        z = logits.reshape(-1, 1)
        logits, labels = np.hstack([np.zeros_like(z), z]), labels.reshape(-1)
    return logits, labels.astype(np.int64)


def logits_of(probabilities: np.ndarray) -> np.ndarray:
    """Return logits whose softmax these probabilities (rows, classes) are: their logarithms, a
    probability of 0 counted as the smallest normal number of its type.
    """
    smallest = np.finfo(probabilities.dtype).tiny
    return np.log(np.maximum(probabilities, smallest).astype(np.float64))


def at_temperature(logits: np.ndarray, temperature: float, link: str) -> np.ndarray:
    """Return softmax(z/T) by row, or σ(z/T) with the link ``"sigmoid"``, in float64."""
    z = np.asarray(logits, np.float64) / temperature
    if link == "sigmoid":
        small = np.exp(-np.abs(z))
        return np.where(z < 0, small, 1.0) / (1.0 + small)
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def cross_entropy(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """Return the log loss of logits at a temperature, a mean over the rows and exact where a
    probability is nearly 0; of several labels their sum.
    """
    rows = len(labels)
    z, labels = _columns(logits, labels)
    z = z / temperature
    z -= z.max(axis=1, keepdims=True)
    of_label = z[np.arange(len(labels)), labels]
    return float((np.log(np.exp(z).sum(axis=1)) - of_label).sum() / rows)
