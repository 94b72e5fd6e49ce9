"""Checked reading of what a model file keeps of its target: classes, their counts, limits."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from fastmlp.data import stored


def stored_limits(kept: Any, width: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the least and largest value of each of ``width`` outputs, None where any will do."""
    if kept.get("limits") is None:  # as in models of old
        return None
    given = stored.entry(kept, "limits", list)
    if len(given) == 2:
        both = {"low": given[0], "high": given[1]}
        low, high = stored.vector(both, "low", width), stored.vector(both, "high", width)
        assert low is not None
        assert high is not None  # or it was an error
        if (low <= high).all():
            return low, high
    raise stored.damaged("limits", "the least and largest value of each output", given)


def stored_classes(kept: Any, width: int) -> list:
    """Return the labels of ``width`` classes, in ascending order."""
    classes = stored.entry(kept, "classes", list)
    kinds = {type(each) for each in classes}
    if len(kinds) != 1 or not kinds <= {str, int, bool, float}:
        raise stored.damaged("classes", "a list of texts, of numbers or of truth values", classes)
    ascending = all(first < second for first, second in pairwise(classes))
    if len(classes) != width or width < 2 or not ascending:
        what = f"{width:,} different labels in ascending order, at least two"
        raise stored.damaged("classes", what, classes)
    if kinds == {int} and not all(-(2**63) <= each < 2**63 for each in classes):
        raise stored.damaged("classes", "integers of 64 bits", classes)
    return classes


def stored_counts(kept: Any, width: int) -> list[int]:
    """Return how many training rows each class had."""
    counts = stored.entry(kept, "class_counts", list)
    if len(counts) != width or not all(type(each) is int and 0 < each < 2**63 for each in counts):
        raise stored.damaged("class_counts", f"{width:,} counts", counts)
    return counts
