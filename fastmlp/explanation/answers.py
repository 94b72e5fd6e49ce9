"""Answers for many matrices alike in shape: blocks of rows, so that one recording serves all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fastmlp.model.model import Model
from fastmlp.model.prediction import PREDICTION_BATCH

Answer = Callable[[np.ndarray], np.ndarray]

# What a prediction takes on one core, rather too much than too little: products in every second,
# and seconds for each row and each of its numbers that is copied.
PRODUCTS, A_ROW, A_NUMBER = 5e9, 1e-6, 2e-9


def answer_in_blocks(model: Model, matrix: np.ndarray) -> np.ndarray:
    """Return what ``outputs_of`` does, in blocks of rows that a model keeps recorded Programs for.

    A longer matrix would be recorded anew at each call.
    """
    firsts = range(0, len(matrix), PREDICTION_BATCH)
    blocks = [model.outputs_of(matrix[first : first + PREDICTION_BATCH]) for first in firsts]
    return np.concatenate(blocks) if len(blocks) > 1 else blocks[0]


def seconds_for_a_row(model: Model) -> float:
    """Return about how long the answer for one row takes; it follows from the shapes alone."""
    products = model.network.parameter_count()
    return A_ROW + A_NUMBER * model.features.output_columns + products / PRODUCTS
