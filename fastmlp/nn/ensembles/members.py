"""Networks side by side as one layer: a stack of layers for each, on rows of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import count

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.nn.layer import Layer
from fastmlp.nn.plain_layers import Ensemble, PlainLayer, without_scalings
from fastmlp.step.parameters import Parameter


def numbered(layers: list[Layer]) -> list[tuple[str, Layer]]:
    """Return layers with their names, of which each has its number among its kind: ``dense_0``."""
    numbers = defaultdict(count)
    return [(f"{layer.kind}_{next(numbers[layer.kind])}", layer) for layer in layers]


def connect(layers: list[Layer], needs_input_gradient: bool) -> None:
    """Tell each layer whether something below it needs a gradient."""
    for layer in layers:
        layer.needs_input_gradient = needs_input_gradient
        needs_input_gradient = needs_input_gradient or bool(layer.trained())


def named_layers(layers: list[Layer]) -> Iterator[tuple[str, Layer]]:
    """Yield the layers that have arrays of their own, with their names, those of members too."""
    for name, layer in numbered(layers):
        if isinstance(layer, Members):
            yield from layer.named()
        else:
            yield name, layer


def count_members(layers: list[Layer]) -> int:
    """Return how many members layers make, one behind the other."""
    return max(layer.members for layer in layers)


def predict_same(layers: list[Layer], x: Array) -> Array:
    """Return what layers say of rows that all members see: a block for each of these."""
    is_apart = False
    for layer in layers:
        x = layer.forward(x, False) if is_apart else layer.forward_same(x)
        is_apart = is_apart or layer.members > 1
    return x


def plain_layers(layers: list[Layer]) -> list[PlainLayer]:
    """Return what layers compute, with copies of their arrays; that of several members as one."""
    chains = [plain_member(layers, number) for number in range(count_members(layers))]
    return chains[0] if len(chains) == 1 else [Ensemble(tuple(map(tuple, chains)))]


def plain_member(layers: list[Layer], member: int) -> list[PlainLayer]:
    """Return what layers compute for one member."""
    plain = [part for layer in layers for part in layer.plain_of(member)]
    return without_scalings(plain) if count_members(layers) > 1 else plain


class Members(Layer):
    """y = (y₁; …; y_K): block k of the rows goes through stack k, and through no other.

    A batch of K·m rows holds m rows for each stack, block by block; they may be other rows for
    each. ``forward_same`` gives all of them the same rows. A stack may itself be of several
    members, which then divide its block.

    Parameters
    ----------
    fan_in
        Columns of the input.
    stacks
        The layers of each, alike in widths.
    word
        What a stack is called in the names of its arrays: ``"member"`` or ``"fold"``.
    """

    kind = "members"

    def __init__(self, fan_in: int, stacks: list[list[Layer]], word: str = "member"):
        self.stacks, self.fan_in, self.word = stacks, fan_in, word
        self.width = stacks[0][-1].width
        self.members = len(stacks) * count_members(stacks[0])

    def __str__(self) -> str:
        layers = len(self.stacks[0])
        return f"{len(self.stacks)} of {layers} {'layer' if layers == 1 else 'layers'} each"

    def plain(self) -> list[PlainLayer]:
        """Return what each member computes."""
        return plain_layers([self])

    def plain_of(self, member: int) -> list[PlainLayer]:
        """Return what one member computes."""
        stack, place = divmod(member, self.members // len(self.stacks))
        return plain_member(self.stacks[stack], place)

    @property
    def formulas(self) -> list[str]:
        """The chain rule, member by member."""
        return ["each member's own layers, on its block of the rows"]

    def named(self) -> list[tuple[str, Layer]]:
        """Return every member's layers with their names: ``member_2.dense_0``."""
        return [
            (f"{self.word}_{number}.{name}", layer)
            for number, stack in enumerate(self.stacks)
            for name, layer in named_layers(stack)
        ]

    def named_trained(self) -> list[tuple[str, Parameter]]:
        """Return every member's parameters with their names: ``member_2.dense_0.weight``."""
        return [
            (f"{name}.{own}", each)
            for name, layer in self.named()
            for own, each in layer.named_trained()
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
        outputs = self._outputs[: len(x)]
        for stack, signal, own in zip(
            self.stacks, self._blocks(x), self._blocks(outputs), strict=True
        ):
            for layer in stack:
                signal = layer.forward(signal, training)
            self.backend.ops.copy_rows(signal, own)
        return outputs

    def forward_same(self, x: Array) -> Array:
        """Return every member's outputs for the same rows, block by block, as a prediction has
        them.
        """
        outputs = self._outputs[: self.members * len(x)]
        for stack, own in zip(self.stacks, self._blocks(outputs), strict=True):
            self.backend.ops.copy_rows(predict_same(stack, x), own)
        return outputs

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
                assert signal is not None  # a stack that is asked for dx returns it
                self.backend.ops.copy_rows(signal, self._blocks(dx)[number])
        return dx

    def _blocks(self, rows: Array) -> list[Array]:
        block = len(rows) // len(self.stacks)
        return [rows[number * block :][:block] for number in range(len(self.stacks))]
