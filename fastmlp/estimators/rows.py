"""The training rows of an estimator: batches in orders drawn from a RandomState, and row weights of
mean 1.
"""

from __future__ import annotations

import numpy as np

from fastmlp.errors import UsageError
from fastmlp.step.batches import Batches


class Rows(Batches):
    """Batches whose order the caller sets, and whose rows may be replaced by others of the same
    shape.
    """

    def set_order(self, order: np.ndarray) -> None:
        """Visit the rows in this order from the next epoch on."""
        self.backend.assign(self.order, order)
        if self.window is not None:
            self.window.set_order(order)

    def replace(
        self, features: np.ndarray, targets: np.ndarray, weights: np.ndarray | None
    ) -> None:
        """Write other rows where recorded operations read them; all arrays have the shapes and
        types of the first.
        """
        self.replace_features(features)
        self.backend.assign(self._targets, targets)
        if weights is not None:
            self.backend.assign(self._weights, weights)
        self._host_features = features


def shuffled(order: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Return the order in a new one; the same draw as scikit-learn's, whose epochs shuffle the
    order before.
    """
    permutation = np.arange(len(order))
    random.shuffle(permutation)
    return order[permutation]


def mean_one(weights: np.ndarray | None) -> tuple[np.ndarray | None, float]:
    """Return weights divided by their mean, and that mean; None and 1 where there are none.

    Raises
    ------
    UsageError
        If no row has a weight above 0.
    """
    if weights is None:
        return None, 1.0
    mean = float(np.mean(weights, dtype=np.float64))
    if not mean > 0:
        raise UsageError(
            "sample_weight and class_weight together give every row the weight 0, or a negative mean."
        )
    return np.asarray(weights, np.float64) / mean, mean
