"""Metrics of classes and labels. A label matrix counts as a problem of two classes a column."""

from __future__ import annotations

import math

import numpy as np


def accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the share of rows that are right, of several labels those that are right in all.

    Parameters
    ----------
    truth, predicted
        (rows,) class numbers, or (rows, labels) of 0 and 1.
    """
    right = truth == predicted
    return float((right if right.ndim == 1 else right.all(axis=1)).mean())


def log_loss(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean over the rows of −ln of the true class's probability; of several labels the
    sum over them, as the loss of that name has it.

    A probability of 0 counts as the smallest step of its type above it, as in scikit-learn.

    Parameters
    ----------
    truth
        (rows,) class numbers, or (rows, labels) of 0 and 1.
    probabilities
        (rows, classes), or (rows, labels).
    """
    smallest = float(np.finfo(probabilities.dtype).eps)
    clipped = np.clip(probabilities.astype(np.float64), smallest, 1 - smallest)
    if truth.ndim == 1:
        of_truth = probabilities[np.arange(len(truth)), truth].astype(np.float64)
        return float(-np.log(np.clip(of_truth, smallest, 1.0)).mean())
    return float(-np.log(np.where(truth > 0.5, clipped, 1 - clipped)).sum(axis=1).mean())


def auc(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the area under the ROC curve: how often a row of a class has more of its probability
    than a row of another, ties counting half (Hanley and McNeil 1982).

    Of more than two classes, or of several labels, the mean over them, each against all others,
    those left out of which there is no row, or no other. NaN where none is left.

    Parameters
    ----------
    truth, probabilities
        As for ``log_loss``.
    """
    if truth.ndim == 1 and probabilities.shape[1] == 2:
        return _area(truth == 1, probabilities[:, 1])
    columns = range(probabilities.shape[1])
    of_column = (truth > 0.5).T if truth.ndim == 2 else [truth == column for column in columns]
    areas = [_area(of_column[column], probabilities[:, column]) for column in columns]
    defined = [area for area in areas if not math.isnan(area)]
    return float(np.mean(defined)) if defined else math.nan


def _area(positive: np.ndarray, scores: np.ndarray) -> float:
    """Return the area of one class by the ranks of its rows; NaN without a row on either side."""
    count = int(positive.sum())
    others = len(positive) - count
    if not count or not others:
        return math.nan
    _, place, times = np.unique(scores, return_inverse=True, return_counts=True)
    middle = np.cumsum(times) - (times - 1) / 2  # the mean rank of equal scores, from 1
    ranks = middle[place.reshape(-1)][positive].sum()
    return float((ranks - count * (count + 1) / 2) / (count * others))


def balanced_accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean over the classes that have rows of the share of their rows that are right.

    Parameters
    ----------
    truth, predicted
        (rows,) class numbers.
    """
    rows = np.bincount(truth)
    right = np.bincount(truth[truth == predicted], minlength=len(rows))
    there = rows > 0
    return float((right[there] / rows[there]).mean())


def f1(truth: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """Return the harmonic mean of precision and recall, 2·both/(true + said), 0 for 0/0.

    Of two classes that of the second. Of more the mean over those that are true or said of some
    row; of several labels the mean over all of them.

    Parameters
    ----------
    truth, predicted
        (rows,) class numbers, or (rows, labels) of 0 and 1.
    classes
        How many classes, or labels, there are.
    """
    if truth.ndim == 2:
        true, said = (truth > 0.5).sum(axis=0), (predicted > 0.5).sum(axis=0)
        both = ((truth > 0.5) & (predicted > 0.5)).sum(axis=0)
    else:
        true, said = (np.bincount(each, minlength=classes) for each in (truth, predicted))
        both = np.bincount(truth[truth == predicted], minlength=classes)
    scores = 2 * both / np.maximum(true + said, 1)
    if truth.ndim == 2:
        return float(scores.mean())
    return float(scores[1]) if classes == 2 else float(scores[true + said > 0].mean())
