"""Labels as numbers, and the weights of classes."""

from __future__ import annotations

import numpy as np

from fastmlp.errors import UsageError, did_you_mean


def class_numbers(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the int32 position of each label among the sorted classes, which hold all of them."""
    return np.searchsorted(classes, y).astype(np.int32)


def one_hot(numbers: np.ndarray, classes: int) -> np.ndarray:
    """Return rows of 0 with a 1 where the class stands."""
    return np.eye(classes, dtype=np.float32)[numbers]


def class_factors(
    class_weight: str | dict | None, y: np.ndarray, classes: np.ndarray
) -> np.ndarray | None:
    """Return the factor of each row's weight, None without ``class_weight``.

    Parameters
    ----------
    class_weight
        ``"balanced"``: rows/(classes · rows of the class); a dict from labels to weights, 1 for
        labels left out; or None.
    y
        (rows,) labels.
    classes
        All of them, sorted.

    Raises
    ------
    UsageError
        For several labels a row, a label that is not there, or a weight that is not a number of at
        least 0.
    """
    if class_weight is None:
        return None
    if y.ndim != 1:
        raise UsageError("class_weight needs one label a row; for several, give sample_weight.")
    numbers = class_numbers(y, classes)
    if class_weight == "balanced":
        counts = np.bincount(numbers, minlength=len(classes))
        return (len(y) / (np.count_nonzero(counts) * np.maximum(counts, 1)))[numbers]
    weights = dict.fromkeys(classes.tolist(), 1.0)
    for label, weight in class_weight.items():
        if label not in weights:
            near = did_you_mean(str(label), map(str, weights))
            raise UsageError(f"class_weight names {label!r}, which is no label of y{near}")
        if not isinstance(weight, (int, float, np.number)) or not 0 <= weight < np.inf:
            raise UsageError(
                f"class_weight of {label!r} must be a number of at least 0; got {weight!r}."
            )
        weights[label] = float(weight)
    return np.array(list(weights.values()))[numbers]
