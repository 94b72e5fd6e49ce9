"""The numbers behind the pictures: calibration, accuracy of classes, the worst mistakes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastmlp.metrics.calibration import at_temperature, logits_of

BINS = 10


@dataclass(frozen=True)
class Calibration:
    """How often a model is right that says it is so sure."""

    edges: np.ndarray  # (bins + 1,) equal steps from 0 to 1
    counts: np.ndarray  # (bins,) answers whose confidence lies in a bin
    # confidence, right: (bins,) mean confidence, and share that is right; NaN where no answer is
    confidence: np.ndarray
    right: np.ndarray
    # the expected calibration error: mean |right − confidence|, weighted by the counts
    error: float


def calibration(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> Calibration:
    """Return the calibration of answers.

    Parameters
    ----------
    confidence
        (answers,) probabilities from 0 to 1.
    right
        (answers,) booleans, or 0 and 1.
    bins
        How many steps of equal width; a value on an edge belongs to the upper bin, 1 to the last.
    """
    confidence = np.asarray(confidence, np.float64)
    place = np.clip((confidence * bins).astype(np.int64), 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(place, confidence, bins) / counts
        share = np.bincount(place, np.asarray(right, np.float64), bins) / counts
    gap = np.where(counts > 0, np.abs(share - mean), 0.0)
    return Calibration(
        np.linspace(0, 1, bins + 1), counts, mean, share, float(gap @ counts / max(counts.sum(), 1))
    )


def confidence_of(
    task: str, encoded: np.ndarray, outputs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return how sure the model is of each answer it gives, and whether the answer is right.

    For several labels each label is an answer of its own.
    """
    if task == "classification":
        decided = outputs.argmax(axis=1)
        return outputs[np.arange(len(outputs)), decided], decided == encoded
    said = outputs > 0.5
    return np.where(said, outputs, 1 - outputs).ravel(), (said == (encoded > 0.5)).ravel()


def uncalibrated(task: str, outputs: np.ndarray, temperature: float) -> np.ndarray:
    """Return the probabilities that these were before a temperature was applied.

    Softmax does not see what is added to a row of logits, so T·ln p will do for z.
    """
    if task == "classification":
        return at_temperature(logits_of(outputs), 1 / temperature, "softmax")
    return at_temperature(logits_of(outputs) - logits_of(1 - outputs), 1 / temperature, "sigmoid")


def accuracy_of_classes(encoded: np.ndarray, decided: np.ndarray, classes: int) -> np.ndarray:
    """Return (classes,) the share of each class's rows that are right; NaN without rows."""
    right = np.bincount(encoded[encoded == decided], minlength=classes)
    with np.errstate(invalid="ignore"):
        return right / np.bincount(encoded, minlength=classes)


def worst_mistakes(
    encoded: np.ndarray, outputs: np.ndarray, decided: np.ndarray, count: int
) -> np.ndarray:
    """Return at most ``count`` wrong rows, first those with the least output for the true class."""
    wrong = np.flatnonzero(decided != encoded)
    true_output, said_output = outputs[wrong, encoded[wrong]], outputs[wrong, decided[wrong]]
    return wrong[np.lexsort((-said_output, true_output))][:count]


def largest_residuals(values: np.ndarray, outputs: np.ndarray, count: int) -> np.ndarray:
    """Return the rows whose prediction is furthest off, measured in deviations of each output."""
    spread = values.std(axis=0)
    off = np.abs(outputs - values) / np.where(spread > 0, spread, 1.0)
    return np.argsort(-off.max(axis=1), kind="stable")[:count]


def most_confused(matrix: np.ndarray, count: int) -> list[tuple[int, int, int]]:
    """Return (true class, predicted class, rows) of a confusion matrix's most frequent mistakes."""
    wrong = np.array(matrix)
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:count]
    pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
    return [
        (int(true), int(said), int(wrong[true, said])) for true, said in pairs if wrong[true, said]
    ]


def first_rows_of_classes(encoded: np.ndarray, classes: int, each: int) -> list[np.ndarray]:
    """Return for each class the first ``each`` rows that belong to it."""
    order = np.argsort(encoded, kind="stable")
    ends = np.cumsum(np.bincount(encoded, minlength=classes))
    starts = np.concatenate([[0], ends[:-1]])
    return [order[start : min(start + each, end)] for start, end in zip(starts, ends, strict=True)]
