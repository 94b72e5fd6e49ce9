"""How good outputs are: AUC, accuracy, log loss, root mean squared error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from .recipes import BINARY, MULTICLASS, REGRESSION

METRICS = {
    BINARY: ("auc", "accuracy", "log_loss"),
    MULTICLASS: ("accuracy", "log_loss"),
    REGRESSION: ("rmse",),
}  # the first is the main one
LOWER_IS_BETTER = ("log_loss", "rmse")
LEAST_PROBABILITY = 1e-7  # of a class, so that one certain mistake is not infinitely bad


def measure(
    task: str, truth: Sequence[str], outputs: np.ndarray, classes: Sequence[str] | None
) -> dict[str, float]:
    """Return the metrics of a task.

    Parameters
    ----------
    task
        Binary, multiclass or regression.
    truth
        Targets, as they are written in the file.
    outputs
        Probabilities, (rows, classes), or values, (rows,).
    classes
        What the columns of the outputs are; None for regression.
    """
    outputs = np.asarray(outputs, dtype=np.float64)
    if task == REGRESSION:
        return {"rmse": rmse(np.array(truth, dtype=np.float64), outputs.reshape(len(truth)))}
    places = {label: place for place, label in enumerate(classes or ())}
    labels = np.array([places[label] for label in truth])
    found = {"accuracy": accuracy(labels, outputs), "log_loss": log_loss(labels, outputs)}
    return ({"auc": auc(labels == 1, outputs[:, 1])} if task == BINARY else {}) | found


def rmse(values: np.ndarray, outputs: np.ndarray) -> float:
    """Return the root of the mean squared error."""
    return float(np.sqrt(np.mean(np.square(values - outputs))))


def accuracy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the share of rows whose class has the highest probability."""
    return float(np.mean(np.argmax(probabilities, axis=1) == labels))


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean of −log of the probability of each row's class."""
    bounded = np.clip(probabilities, LEAST_PROBABILITY, 1)
    bounded /= bounded.sum(axis=1, keepdims=True)
    return float(-np.mean(np.log(bounded[np.arange(len(labels)), labels])))


def auc(positive: np.ndarray, scores: np.ndarray) -> float:
    """Return the share of pairs of a positive and a negative row that are in order; ties half.

    It is the U statistic of Mann and Whitney (1947), from the ranks' sum, over the pairs.
    """
    positives = np.count_nonzero(positive)
    negatives = len(positive) - positives
    sum_of_ranks = rankdata(scores)[positive].sum()
    return float((sum_of_ranks - positives * (positives + 1) / 2) / (positives * negatives))
