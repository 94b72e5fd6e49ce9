"""The layers before the first dense one, as an architecture describes them."""

from __future__ import annotations

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.nn.activations import Activation
from fastmlp.nn.layers import ActivationLayer, Layer
from fastmlp.nn.plain_layers import Activate, PlainLayer

from .columns import InputColumns, parse_number_encoding
from .embedding import Embedding
from .periodic import Periodic
from .piecewise import PiecewiseLinear


class InputActivation(ActivationLayer):
    """a = f(x) in all columns but those of codes, which stay."""

    def __init__(self, width: int, activation: Activation, codes: tuple[int, ...]):
        super().__init__(width, activation)
        self.codes = np.array(codes, np.int64)

    def plain(self) -> list[PlainLayer]:
        """Return f, and the columns that it leaves as they are."""
        leaves = np.isin(np.arange(self.width), self.codes).tolist()
        return [Activate(self.activation, tuple(leaves) if any(leaves) else ())]

    def bind(self, backend: Backend, dtype: np.dtype, rows: int) -> None:
        """Allocate a, and the positions of the codes."""
        super().bind(backend, dtype, rows)
        self._codes = backend.from_numpy(self.codes)

    def forward(self, x: Array, training: bool) -> Array:
        """Return a = f(x), with the codes as they were."""
        a = super().forward(x, training)
        if len(self.codes):
            self.backend.ops.copy_columns(x, self._codes, a)
        return a

    def backward(self, upstream: Array) -> Array | None:
        """dx = da ⊙ f′; 0 for codes, whose da is 0."""
        if len(self.codes):  # a code is no output of f, and f′ taken from it may be no number
            a = self._a[: len(upstream)]
            self.backend.ops.copy_columns(upstream, self._codes, a)
        return super().backward(upstream)


def input_layers(
    inputs: int,
    columns: InputColumns,
    activation: Activation,
    number_encoding: str,
    embedding_width: int,
) -> list[Layer]:
    """Return [f], [the encoding of numbers], [the embedding of codes]: those that do something."""
    layers: list[Layer] = []
    if not activation.is_identity:
        codes = tuple(position for position, _ in columns.codes)
        layers.append(InputActivation(inputs, activation, codes))
    name, count = parse_number_encoding(number_encoding)
    if name == "piecewise" and any(columns.bins):
        layers.append(PiecewiseLinear(inputs, columns.numbers, columns.bins))
    elif name == "periodic" and columns.numbers:
        layers.append(Periodic(inputs, columns.numbers, count))
    if columns.codes:
        width = layers[-1].width if layers else inputs
        layers.append(Embedding(width, columns.codes, embedding_width))
    return layers
