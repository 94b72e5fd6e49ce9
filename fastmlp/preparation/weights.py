"""The weight of each training row, by its class."""

from __future__ import annotations

import numpy as np

from fastmlp.data.features.targets import TargetEncoder
from fastmlp.errors import UsageError, did_you_mean


def class_weights(text: str, encoder: TargetEncoder, labels: np.ndarray) -> np.ndarray | None:
    """Return the weight of each training row, float64 with mean 1; None where all are equal.

    Parameters
    ----------
    text
        ``none``; ``balanced``: rows/(classes · rows of the class); or ``label=weight,…``, 1 for
        labels left out.
    encoder
        Knows the classes.
    labels
        (rows,) class numbers.

    Raises
    ------
    UsageError
        If the task has no classes, a label is not known, or a weight is not a number of at least 0.
    """
    if text == "none":
        return None
    if encoder.task != "classification":
        raise UsageError(f"class_weight needs a classification task; this is {encoder.task}.")
    assert encoder.classes is not None  # as of every classification
    counts = np.bincount(labels, minlength=len(encoder.classes))
    balanced = len(labels) / (len(counts) * np.maximum(counts, 1))
    by_class = balanced if text == "balanced" else _weights_by_label(text, encoder.classes)
    weights = by_class[labels]
    if not weights.sum() > 0:
        raise UsageError(f"class_weight {text!r} gives every training row the weight 0.")
    return weights / weights.mean()


def _weights_by_label(text: str, classes: list) -> np.ndarray:
    names = [str(label) for label in classes]
    weights = np.ones(len(names))
    for part in text.split(","):
        label, equals, number = part.rpartition("=")
        label = label.strip()
        if not equals:
            raise UsageError(
                f"class_weight {part!r} cannot be read; give none, balanced, or "
                "label=weight,label=weight."
            )
        if label not in names:
            raise UsageError(
                f"class_weight names the label {label!r}, which the target lacks"
                f"{did_you_mean(label, names)}"
            )
        try:
            weight = float(number)
        except ValueError:
            weight = -1.0
        if not 0 <= weight < float("inf"):
            raise UsageError(
                f"class_weight of {label!r} must be a number of at least 0; got {number!r}."
            )
        weights[names.index(label)] = weight
    return weights
