"""The probability from which a row is taken for the second of two classes."""

from __future__ import annotations

import numpy as np

# What a threshold can be chosen by; of the others none depends on it, or ½ is what they mean.
CHOOSES = ("f1", "balanced_accuracy")


def best_threshold(truth: np.ndarray, probabilities: np.ndarray, metric: str) -> float:
    """Return the threshold above which rows are taken for class 1 so that a metric is largest.

    Only where a probability changes can a metric change: every gap between two of them is looked
    at, by counting along the sorted rows. The threshold is the middle of the best gap, of equally
    good ones that nearest to one half.

    Parameters
    ----------
    truth
        (rows,) of 0 and 1, both there.
    probabilities
        (rows,) of class 1.
    metric
        One of CHOOSES.
    """
    order = np.argsort(-probabilities, kind="stable")
    values = probabilities[order].astype(np.float64)
    true = np.concatenate([[0], np.cumsum(truth[order])])  # right among the first so many rows
    said = np.arange(len(values) + 1)
    positives, negatives = true[-1], len(values) - true[-1]
    if metric == "f1":
        scores = 2 * true / (said + positives)
    else:
        scores = (true / positives + (negatives - (said - true)) / negatives) / 2
    above, below = np.concatenate([[1.0], values]), np.concatenate([values, [0.0]])
    middle = (above + below) / 2
    middle = np.where(middle < above, middle, below)  # of neighbours it may be the upper one
    is_gap = above > below
    is_gap[0] = True  # none of the rows
    best = np.flatnonzero(is_gap & (scores >= scores[is_gap].max()))
    return float(middle[best[np.argmin(np.abs(middle[best] - 0.5))]])
