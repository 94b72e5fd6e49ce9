"""Partial dependence: the mean answer if every row had the same value in one column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastmlp.data.features.inputs import InputColumn

from .answers import Answer
from .results import Dependence
from .values import own_value, written

# Beyond them a column has so few rows that a curve tells of the tails alone.
LOWEST, HIGHEST = 0.05, 0.95


def partial_dependence(
    answer: Answer, matrix: np.ndarray, column: InputColumn, curves: Sequence[str], points: int
) -> Dependence:
    """Return the means of the answers with one column set to each value of a grid (Friedman 2001,
    Greedy function approximation, section 8.2).

    Parameters
    ----------
    answer
        Gives the outputs of a matrix.
    matrix
        (rows, columns), at least one row; it stays as it is.
    column
        Which is set: to each of its levels if it holds texts; to each of its values if these are
        few; else to quantiles, from 5 % to 95 % of the rows.
    curves
        The names of the outputs.
    points
        How many quantiles at most.
    """
    if column.kind == "text":
        cells = np.eye(column.width)
        if column.beside:
            cells = np.hstack([cells, column.beside_levels])
        values, places = column.levels, np.arange(column.width, dtype=np.float64)
    else:
        cells = grid(matrix[:, column.first], points)[:, None]
        cells = np.pad(cells, ((0, 0), (0, len(column.beside))))  # its value is there: no gap
        own = [own_value(number, column.origin) for number in cells[:, 0]]
        values, places = written(own, column.kind), np.array(own)
        if column.kind == "truth":
            places = np.arange(len(own), dtype=np.float64)
    changed = np.array(matrix)
    means = np.empty((len(cells), len(curves)))
    for number, cell in enumerate(cells):
        changed[:, column.places] = cell
        means[number] = answer(changed).mean(axis=0, dtype=np.float64)
    return Dependence(column.name, column.kind, tuple(values), places, tuple(curves), means)


def grid(numbers: np.ndarray, points: int) -> np.ndarray:
    """Return ascending values of a column: all if they are few, else quantiles among them."""
    distinct = np.unique(numbers)
    if len(distinct) <= points:
        return distinct
    shares = np.linspace(LOWEST, HIGHEST, points)
    return np.unique(np.quantile(numbers, shares, method="inverted_cdf").astype(numbers.dtype))
