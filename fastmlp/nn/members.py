"""An ensemble's members as one layer: a stack of layers for each, on rows of its own."""

from __future__ import annotations

from collections import defaultdict
from itertools import count

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.step.parameters import Parameter

from .layer import Layer
from .plain_layers import Ensemble, PlainLayer


def numbered(layers: list[Layer]) -> list[tuple[str, Layer]]:
    """Return layers with their names, of which each has its number among its kind: ``dense_0``."""
    numbers = defaultdict(count)
    return [(f"{layer.kind}_{next(numbers[layer.kind])}", layer) for layer in layers]


def connect(layers: list[Layer], needs_input_gradient: bool) -> None:
    """Tell each layer whether something below it needs a gradient."""
    for layer in layers:
        layer.needs_input_gradient = needs_input_gradient
        needs_input_gradient = needs_input_gradient or bool(layer.trained())


class Members(Layer):
    """y = (y₁; …; y_K): block k of the rows goes through stack k, and through no other.

    A batch of K·m rows holds m rows for each member, block by block; they may be other rows for
    each. ``forward_same`` gives all members the same rows.

    Parameters
    ----------
    fan_in
        Columns of the input.
    stacks
        The layers of each member, alike in widths.
    """

    kind = "members"

    def __init__(self, fan_in: int, stacks: list[list[Layer]]):
        self.stacks, self.fan_in = stacks, fan_in
        self.width = stacks[0][-1].width

    def __str__(self) -> str:
        return f"{len(self.stacks)} of {len(self.stacks[0])} layers each"

    def plain(self) -> list[PlainLayer]:
        """Return what each member computes."""
        plain = ([part for layer in stack for part in layer.plain()] for stack in self.stacks)
        return [Ensemble(tuple(map(tuple, plain)))]

    @property
    def formulas(self) -> list[str]:
        """The chain rule, member by member."""
        return ["each member's own layers, on its block of the rows"]

    def named(self) -> list[tuple[str, Layer]]:
        """Return every member's layers with their names: ``member_2.dense_0``."""
        return [
            (f"member_{number}.{name}", layer)
            for number, stack in enumerate(self.stacks)
            for name, layer in numbered(stack)
        ]

    def trained(self) -> list[Parameter]:
        """Return every member's parameters."""
        return [each for _, layer in self.named() for each in layer.trained()]

    def kept(self) -> list[Parameter]:
        """Return every member's statistics."""
        return [each for _, layer in self.named() for each in layer.kept()]

    def initialize(self, generator: np.random.Generator) -> None:
        """Draw the parameters of one member after another's."""
        for _, layer in self.named():
            layer.initialize(generator)

    def fit_to(self, rows: np.ndarray, generator: np.random.Generator) -> None:
        """Let every member's layers look at what enters them."""
        for stack in self.stacks:
            signal = self.backend.from_numpy(rows)
            for layer in stack:
                layer.fit_to(self.backend.to_numpy(signal), generator)
                signal = layer.forward(signal, training=False)

    def unsettle(self, generator: np.random.Generator) -> None:
        """Unsettle every member."""
        for _, layer in self.named():
            layer.unsettle(generator)

    def bind(self, backend: Backend, dtype: np.dtype, rows: int) -> None:
        """Allocate each member's buffers for its block, and the outputs and dx of all."""
        self.backend = backend
        self._outputs = backend.empty((rows, self.width), dtype)
        self._dx = backend.empty((rows, self.fan_in), dtype) if self.needs_input_gradient else None
        for stack in self.stacks:
            connect(stack, self.needs_input_gradient)
            for layer in stack:
                layer.bind(backend, dtype, -(-rows // len(self.stacks)))

    def forward(self, x: Array, training: bool) -> Array:
        """Return every member's outputs for its own block of the rows."""
        return self._forward(self._blocks(x), training)

    def forward_same(self, x: Array) -> Array:
        """Return every member's outputs for the same rows, block by block, as a prediction has
        them.
        """
        return self._forward([x] * len(self.stacks), training=False)

    def backward(self, upstream: Array) -> Array | None:
        """Set every member's gradients; dx is theirs, block by block."""
        dx = None if self._dx is None else self._dx[: len(upstream)]
        for number, (stack, signal) in enumerate(
            zip(self.stacks, self._blocks(upstream), strict=True)
        ):
            for layer in reversed(stack):
                if signal is None:
                    break
                signal = layer.backward(signal)
            if dx is not None:
                self.backend.ops.copy_rows(signal, self._blocks(dx)[number])
        return dx

    def _forward(self, blocks: list[Array], training: bool) -> Array:
        outputs = self._outputs[: sum(map(len, blocks))]
        for stack, signal, own in zip(self.stacks, blocks, self._blocks(outputs), strict=True):
            for layer in stack:
                signal = layer.forward(signal, training)
            self.backend.ops.copy_rows(signal, own)
        return outputs

    def _blocks(self, rows: Array) -> list[Array]:
        block = len(rows) // len(self.stacks)
        return [rows[start : start + block] for start in range(0, block * len(self.stacks), block)]
