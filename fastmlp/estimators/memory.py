"""What an estimator remembers beside its weights, so that training goes on as if it had never
stopped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .descent import Descent

Snapshot = tuple[np.ndarray, np.ndarray]  # flat trained values, flat statistics


@dataclass
class Memory:
    """Plain arrays and numbers, pickled with the estimator.

    Attributes
    ----------
    random
        From where weights, splits and shuffles are drawn, in the state that the last epoch left.
    split
        A copy of it from before the rows for early stopping were drawn: the next fit sets the same
        rows aside.
    order
        The order in which the rows were last visited; each epoch shuffles the order of the one
        before.
    dropout_seed
        Of the dropout masks; drawn when dropout is first used.
    updates
        Updates made since the weights were drawn.
    solver, slots
        The update rule and its flat arrays: moments, velocities.
    descent
        Where lbfgs stands, its estimate of the curvature included.
    rate
        What the learning rate depends on: see rates.
    previous_rate
        Of the last epoch, whose velocities it is part of.
    best
        The best weights so far, with early stopping.
    last, shown
        The weights with which training goes on, where the attributes show others (the best, or
        rounded ones), and what they show: where the user has changed that, training goes on from
        the change.
    """

    random: np.random.RandomState
    split: np.random.RandomState | None = None
    order: np.ndarray | None = None
    dropout_seed: int | None = None
    updates: int = 0
    solver: str = ""
    slots: dict[str, np.ndarray] = field(default_factory=dict)
    descent: Descent | None = None
    rate: dict[str, Any] = field(default_factory=dict)
    previous_rate: float | None = None
    best: Snapshot | None = None
    last: Snapshot | None = None
    shown: Snapshot | None = None
