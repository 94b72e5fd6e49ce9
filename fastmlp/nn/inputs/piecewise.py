"""The piecewise-linear encoding of numbers (Gorishniy et al. 2022, arXiv 2203.05556)."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.nn.layers import Layer
from fastmlp.nn.plain_layers import Piecewise, PlainLayer
from fastmlp.step.parameters import Parameter

OUTERMOST = 3.0  # deviations: the outer edges where none have been learnt from rows


class PiecewiseLinear(Layer):
    """y = [x | components]: component t of a number is (x − b_{t−1})/(b_t − b_{t−1}), cut off at 0
    but for the first and at 1 but for the last.

    Parameters
    ----------
    width
        Columns of x.
    numbers
        Positions of the numbers among them.
    bins
        How many components each number has.

    Attributes
    ----------
    left, right
        The edges b_{t−1} and b_t of every component, kept with the model and not trained.
    """

    kind = "piecewise"

    def __init__(self, width: int, numbers: Sequence[int], bins: Sequence[int]):
        self.inputs, self.bins = width, tuple(bins)
        components = np.zeros(width, np.int64)
        components[list(numbers)] = bins
        self.starts = np.append(0, np.cumsum(components))
        total = int(self.starts[-1])
        self.width = width + total
        self.left, self.right = Parameter("left", (total,)), Parameter("right", (total,))
        self._are_learnt = False

    def __str__(self) -> str:
        return f"{self.inputs} → {self.width}"

    def plain(self) -> list[PlainLayer]:
        """Return the encoding with its edges."""
        return [Piecewise(self.starts, self._copy(self.left), self._copy(self.right))]

    @property
    def formulas(self) -> list[str]:
        """dx from the components in whose bins x lies."""
        return ["dx = dy of x + Σ dy_t/(b_t − b_{t−1}), over the components that are not cut off"]

    def kept(self) -> list[Parameter]:
        """Return the edges."""
        return [self.left, self.right]

    def set_edges(self, edges: Sequence[np.ndarray]) -> None:
        """Take the ascending edges of each number that has components, bins + 1 of them."""
        self._are_learnt = True
        self.backend.assign(self.left.values, np.concatenate([each[:-1] for each in edges]))
        self.backend.assign(self.right.values, np.concatenate([each[1:] for each in edges]))

    def initialize(self, generator: np.random.Generator) -> None:
        """Take quantiles of the standard normal distribution, unless edges were learnt."""
        if self._are_learnt:
            return
        normal = NormalDist()
        self.set_edges(
            [
                np.array([-OUTERMOST, *(normal.inv_cdf(t / n) for t in range(1, n)), OUTERMOST])
                for n in self.bins
                if n
            ]
        )

    def bind(self, backend: Backend, dtype: np.dtype, rows: int) -> None:
        """Allocate y, and dx where it is asked for."""
        self.backend = backend
        self._starts = backend.from_numpy(self.starts)
        self._y = backend.empty((rows, self.width), dtype)
        self._dx = backend.empty((rows, self.inputs), dtype) if self.needs_input_gradient else None

    def forward(self, x: Array, training: bool) -> Array:
        """Return x and the components of its numbers."""
        self._x, y = x, self._y[: len(x)]
        edges = self.left.values, self.right.values
        self.backend.ops.piecewise_forward(x, self._starts, *edges, y)
        return y

    def backward(self, upstream: Array) -> Array | None:
        """dx = dy of x + Σ dy_t/(b_t − b_{t−1})."""
        if self._dx is None:
            return None
        dx = self._dx[: len(upstream)]
        edges = self.left.values, self.right.values
        self.backend.ops.piecewise_backward(upstream, self._x, self._starts, *edges, dx)
        return dx
