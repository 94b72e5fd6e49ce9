"""Permutation importance: what a measure loses where the values of one column change rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .answers import Answer
from .groups import Group
from .results import Importance
from .scores import Score

# Keeps these permutations apart from other draws under the same seed.
PERMUTATIONS_STREAM = 0x3E47


def draw_orders(rows: int, repeats: int, seed: int) -> np.ndarray:
    """Return (repeats, rows) permutations of the rows, which every column is shuffled by."""
    key = np.array([seed, PERMUTATIONS_STREAM], np.uint64)
    generator = np.random.Generator(np.random.Philox(key=key))
    return np.stack([generator.permutation(rows) for _ in range(repeats)])


def permutation_importances(
    answer: Answer, matrix: np.ndarray, groups: Sequence[Group], score: Score, orders: np.ndarray
) -> tuple[float, list[Importance]]:
    """Measure rows as they are, and with one group of columns after the other shuffled.

    The columns of a group keep together: a row gets those of one other row (Breiman 2001, Random
    forests, section 10; Fisher, Rudin and Dominici 2019, equation 3.2). The same shuffles serve all
    groups, as in scikit-learn's ``permutation_importance``, so that their importances are compared
    on the same luck.

    Parameters
    ----------
    answer
        Gives the outputs of a matrix.
    matrix
        (rows, columns); it stays as it is.
    groups
        Which columns are shuffled together.
    score
        Measures outputs of these rows.
    orders
        (repeats, rows) permutations.

    Returns
    -------
    float, list of Importance
        The baseline, and one entry a group in their order.
    """
    baseline = score.measure(answer(matrix))
    shuffled = np.array(matrix)
    found = []
    for group in groups:
        losses = np.empty(len(orders))
        for repeat, order in enumerate(orders):
            shuffled[:, group.places] = matrix[np.ix_(order, group.places)]
            losses[repeat] = score.loss(score.measure(answer(shuffled)), baseline)
        shuffled[:, group.places] = matrix[:, group.places]
        found.append(Importance(group.name, losses))
    return baseline, found
