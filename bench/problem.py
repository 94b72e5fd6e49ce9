"""What every contender is given: the same data, the same initial weights, the same network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fastmlp.machine.throughput import SEED, Parameters, Shape, initial_parameters, make_data


@dataclass(frozen=True)
class Problem:
    """A shape with its data.

    Attributes
    ----------
    shape
        The network and how it is trained.
    features, labels
        (rows, inputs) float32, normalised; (rows,) int32.
    parameters
        Initial (weight, bias) of each layer.
    """

    shape: Shape
    features: np.ndarray
    labels: np.ndarray
    parameters: Parameters


def make_problem(shape: Shape) -> Problem:
    """Return a shape with its data, the same in every process."""
    return Problem(shape, *make_data(shape), initial_parameters(shape))


def shape_to_dict(shape: Shape) -> dict[str, Any]:
    """Return a shape as JSON can hold it."""
    return asdict(shape)


def shape_from_dict(kept: dict[str, Any]) -> Shape:
    """Return the shape that ``shape_to_dict`` described."""
    return Shape(**{**kept, "widths": tuple(kept["widths"])})


class Orders:
    """The order of each epoch, for contenders that are given one: shuffled, or rows as they lie."""

    def __init__(self, rows: int, shuffle: bool):
        self._generator = np.random.default_rng(SEED)
        self._rows, self._shuffle = rows, shuffle

    def next(self) -> np.ndarray:
        """Return the next epoch's order (rows,) int64."""
        return self._generator.permutation(self._rows) if self._shuffle else np.arange(self._rows)


class RowCalls:
    """Walks over the rows of an array in calls of a fixed number of rows, from the start again at
    the end.

    Parameters
    ----------
    features
        (rows, columns).
    batch
        Rows of a call.
    """

    def __init__(self, features: np.ndarray, batch: int):
        self._features, self._batch, self._start = features, batch, 0

    def next(self) -> np.ndarray:
        """Return the next call's rows, a view."""
        stop = self._start + self._batch
        if stop > len(self._features):
            self._start, stop = 0, self._batch
        rows = self._features[self._start : stop]
        self._start = stop
        return rows
