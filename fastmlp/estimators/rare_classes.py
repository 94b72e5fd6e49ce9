"""Metrics that need every class, and validation rows that may lack one."""

from __future__ import annotations

import copy
import inspect
import math
import warnings
from typing import Any

import numpy as np

from fastmlp.errors import UsageError

SHOWN = 5  # labels in a message


def spread(train: np.ndarray, held_out: np.ndarray, labels: np.ndarray) -> None:
    """Exchange rows until each class with two rows at least is among those held out, as far as
    there is room.

    Parameters
    ----------
    train, held_out
        Row numbers, written to; a class that is lacking sends its first training row in place of
        the first row of the class that most rows were held out of.
    labels
        The class number of each row.
    """
    counts = np.bincount(labels[held_out], minlength=labels.max(initial=0) + 1)
    totals = np.bincount(labels, minlength=len(counts))
    for number in np.flatnonzero((counts == 0) & (totals > 1)):
        fullest = counts.argmax()
        if counts[fullest] < 2:
            return
        leaves, comes = np.argmax(labels[held_out] == fullest), np.argmax(labels[train] == number)
        held_out[leaves], train[comes] = train[comes], held_out[leaves]
        counts[fullest], counts[number] = counts[fullest] - 1, 1


def lacking(truth: np.ndarray, classes: np.ndarray) -> list[Any]:
    """Return the classes that no row has; of several labels a row, those that all rows have alike."""
    if truth.ndim == 1:
        return np.setdiff1d(classes, truth).tolist()
    return classes[(truth == truth[:1]).all(axis=0)].tolist()


def with_all_labels(scorer: Any, classes: np.ndarray) -> Any:
    """Return a scorer of scikit-learn's that is told all labels, where its metric of probabilities
    can be told them.
    """
    function = getattr(scorer, "_score_func", None)
    if function is None or scorer._response_method == "predict" or "labels" in scorer._kwargs:
        return scorer
    if "labels" not in inspect.signature(function).parameters:
        return scorer
    told = copy.copy(scorer)
    told._kwargs = {**scorer._kwargs, "labels": classes}
    return told


def check_score(score: Any, metric: Any, outputs: np.ndarray, missing: list[Any]) -> None:
    """Ask for the score of outputs that mean nothing, before any work.

    Raises
    ------
    UsageError
        If there is none: the message names metric and classes.
    """
    reason = "it is not defined without them"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not math.isnan(score(outputs)):
                return
    except ValueError as error:
        reason = str(error).partition("\n")[0].rstrip(".")
    name = metric if isinstance(metric, str) else getattr(metric, "_score_func", metric).__name__
    shown = ", ".join(map(repr, missing[:SHOWN])) + (", …" if len(missing) > SHOWN else "")
    raise UsageError(
        f"metric {name!r} cannot be computed, since the validation rows lack examples of class {shown}: {reason}. Give "
        "an eval_set with every class, a larger validation_fraction, or another metric."
    )
