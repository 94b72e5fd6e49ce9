"""Where a sum over the batch goes: into the gradient, or at once into the parameter or its
velocity.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Array = Any  # a numpy.ndarray on the CPU, a cupy.ndarray on CUDA


class Move(NamedTuple):
    """What a velocity does at once where a backend can (Backend.moves_weights): values ← values −
    lr·(v + decay·values).

    Attributes
    ----------
    values
        The parameter, of the velocity's shape.
    learning_rate
        One float64 on the device.
    decay
        The decoupled weight decay.
    """

    values: Array
    learning_rate: Array
    decay: float


class Sink(NamedTuple):
    """target ← alpha·sum + beta·target, for a product xᵀ·dz or a sum of dz over the rows.

    Without an optimizer that says otherwise the target is the gradient, alpha is 1 and beta 0; an
    update that folds makes the parameter itself, or its velocity, the target.

    Attributes
    ----------
    alpha, beta
        One-element arrays on the device, of the target's type.
    target
        The array that is written.
    move
        Given where the target is a velocity whose parameter moves in the same operation.
    """

    alpha: Array
    beta: Array
    target: Array
    move: Move | None = None
