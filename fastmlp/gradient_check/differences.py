"""Slopes of a function by differences: central ones, and a look at either side for kinks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# A central difference errs by about h²·f‴/6 because h is not 0, and by about ε·f/h because f is
# rounded. Both are of the size ε^⅔ where h is ε^⅓ (times the size of the number, so that w + h
# differs from w).
EPSILON = float(np.finfo(np.float64).eps)
STEP = EPSILON ** (1 / 3)
ROUNDINGS = 10  # about as many follow each other on the way to a loss
CLOSER = 8  # by how much the step is divided for a second look
# Derivatives below this share of the loss, or of the largest derivative of their array, are
# measured against that share: of a derivative that is 0 by right, differences leave only rounding,
# of which there is no relative error.
SMALLEST_SHARE = 1e-3

Function = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class Slopes:
    """Slopes of a function along single elements of its argument.

    Attributes
    ----------
    values
        (elements,) central differences.
    kinks
        (elements,) whether the slope to the left differs from that to the right however close one
        looks.
    floor
        The size below which a slope counts as that large when errors are taken relative to it.
    """

    values: np.ndarray
    kinks: np.ndarray
    floor: float


def slopes(function: Function, point: np.ndarray, elements: np.ndarray) -> Slopes:
    """Return the slopes of ``function`` at ``point``, in float64.

    Where the slopes to the left and to the right disagree, the step is divided by 8 and the
    function looked at again. The bend of a smooth function then shrinks by 8 as well: the smaller
    step counts. The jump at a kink stays: the function has no derivative there. A kink that lay
    within the first step only is left behind by the second.

    Parameters
    ----------
    function
        From an array to a number; it is given arrays like ``point`` and must not keep them.
    point
        (…) float64, where to differentiate.
    elements
        (elements,) the flat indices along which to differentiate.
    """
    here = function(point)
    left, central, right = _differences(function, point, elements, here, STEP)
    floor = SMALLEST_SHARE * max(
        abs(here), float(np.abs(central).max(initial=0.0)), np.finfo(np.float64).tiny
    )
    allowed = STEP * np.maximum(np.maximum(np.abs(left), np.abs(right)), floor)
    bend = np.abs(right - left)
    kinks = np.zeros(len(elements), bool)
    suspects = np.flatnonzero(bend > allowed)
    if len(suspects):
        left, closer, right = _differences(function, point, elements[suspects], here, STEP / CLOSER)
        rounding = (
            4 * ROUNDINGS * EPSILON * abs(here) * CLOSER / STEP
        )  # four values of the function make up a bend
        kinks[suspects] = np.abs(right - left) > np.maximum(
            rounding, np.maximum(allowed, 2 * bend / CLOSER)[suspects]
        )
        central[suspects] = closer
    return Slopes(central, kinks, floor)


def _differences(
    function: Function, point: np.ndarray, elements: np.ndarray, here: float, step: float
):
    """Return the slopes to the left, across and to the right, each (elements,)."""
    left, central, right = np.empty((3, len(elements)))
    moved = point.copy()
    for place, element in enumerate(elements):
        w = point.flat[element]
        above, below = w + step * max(1.0, abs(w)), w - step * max(1.0, abs(w))
        moved.flat[element] = above
        higher = function(moved)
        moved.flat[element] = below
        lower = function(moved)
        moved.flat[element] = w
        left[place], right[place] = (here - lower) / (w - below), (higher - here) / (above - w)
        central[place] = (higher - lower) / (above - below)
    return left, central, right
