"""Embeddings: each code of a column has a learnt vector, which takes its place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.nn.layers import Layer
from fastmlp.nn.plain_layers import Lookup, PlainLayer
from fastmlp.step.parameters import Parameter

OWN_ROWS = 2  # the last of each column's: for texts unseen in training, and for missing ones


class Embedding(Layer):
    """y = [the columns of x that are no codes | the table's row for each code].

    Parameters
    ----------
    width
        Columns of x.
    codes
        Positions of the columns of codes among them, each with the count of its codes.
    vector
        Width of the table: numbers that stand for a code.

    Attributes
    ----------
    table
        (codes of all columns, vector); those of the first column come first.
    """

    kind = "embedding"

    def __init__(self, width: int, codes: Sequence[tuple[int, int]], vector: int):
        self.inputs = width
        self.codes = np.array([position for position, _ in codes], np.int64)
        self.plain_columns = np.setdiff1d(np.arange(width), self.codes)
        self.starts = np.append(0, np.cumsum([count for _, count in codes])).astype(np.int64)
        self.width = len(self.plain_columns) + len(codes) * vector
        self.table = Parameter("table", (int(self.starts[-1]), vector))

    def __str__(self) -> str:
        return f"{self.inputs} → {self.width}, {len(self.codes)} of codes"

    def plain(self) -> list[PlainLayer]:
        """Return the look-up with its table."""
        return [Lookup(self.plain_columns, self.codes, self.starts, self._copy(self.table))]

    @property
    def formulas(self) -> list[str]:
        """Every row of the table gets the gradients of the rows of the batch that took it."""
        return ["dE_c = Σ dy over the rows of code c, dx = dy of x, and 0 for a code"]

    def trained(self) -> list[Parameter]:
        """Return the table."""
        return [self.table]

    def initialize(self, generator: np.random.Generator) -> None:
        """Draw standard normal vectors, as inputs are scaled; what training may never see is 0."""
        values = generator.standard_normal(self.table.shape)
        for start, end in zip(self.starts, self.starts[1:], strict=False):
            values[max(end - OWN_ROWS, start + 1) : end] = 0
        self.backend.assign(self.table.values, values)

    def unsettle(self, generator: np.random.Generator) -> None:
        """Draw every vector."""
        self.backend.assign(self.table.values, generator.standard_normal(self.table.shape))

    def bind(self, backend: Backend, dtype: np.dtype, rows: int) -> None:
        """Allocate y, and dx where it is asked for."""
        self.backend = backend
        own = backend.from_numpy
        self._where = own(self.plain_columns), own(self.codes), own(self.starts)
        self._y = backend.empty((rows, self.width), dtype)
        self._dx = backend.empty((rows, self.inputs), dtype) if self.needs_input_gradient else None

    def forward(self, x: Array, training: bool) -> Array:
        """Return the other columns, and the vectors of the codes."""
        self._x, y = x, self._y[: len(x)]
        self.backend.ops.embedding_forward(x, *self._where, self.table.values, y)
        return y

    def backward(self, upstream: Array) -> Array | None:
        """Set the table's gradient; return dx where it is asked for."""
        ops, rows = self.backend.ops, len(upstream)
        plain, *where = self._where
        ops.embedding_backward(upstream, self._x, len(plain), *where, self.table.gradient)
        if self._dx is None:
            return None
        ops.embedding_input_gradient(upstream, self._where[0], self._dx[:rows])
        return self._dx[:rows]
