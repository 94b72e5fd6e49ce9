"""Where a sum over the batch goes: into the gradient, or at once into the parameter or its velocity."""

from __future__ import annotations

from typing import NamedTuple

from .base import Array


class Sink(NamedTuple):
    """target ← alpha·sum + beta·target, for a product xᵀ·dz or a sum of dz over the rows.

    Without an optimizer that says otherwise the target is the gradient, alpha is 1 and beta 0; an update that folds makes the
    parameter itself, or its velocity, the target.

    Attributes
    ----------
    alpha, beta
        One-element arrays on the device, of the target's type.
    target
        The array that is written.
    """

    alpha: Array
    beta: Array
    target: Array
