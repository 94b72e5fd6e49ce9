"""Members that share the hidden layers' weights: each scales what enters and leaves them.

Wen, Tran and Ba 2020 (BatchEnsemble); Gorishniy, Kotelnikov and Babenko 2024 (TabM).
"""

from __future__ import annotations

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.nn.activations import Activation, parse_activation
from fastmlp.nn.initializers import Initializer
from fastmlp.nn.layer import Layer
from fastmlp.nn.plain_layers import PlainLayer, Scaling
from fastmlp.step.parameters import Parameter


class MemberScale(Layer):
    """y = x ⊙ s_k (+ b_k) in block k of the rows, which are member k's.

    Parameters
    ----------
    width
        Columns of x.
    members
        How many there are.
    signs
        Whether the scales start at 1 or −1 at random, which tells members apart; else all at 1.
    bias_initializer
        Distribution of b_k at the start; None for no b.
    fans, feeds
        Of the weights that b is the bias of, and the activation behind it.
    """

    kind = "member_scale"

    def __init__(
        self,
        width: int,
        members: int,
        signs: bool = False,
        bias_initializer: Initializer | None = None,
        fans: tuple[int, int] = (1, 1),
        feeds: Activation | None = None,
    ):
        self.width, self.members, self.signs = width, members, signs
        self.bias_initializer, self._fans = bias_initializer, fans
        self._feeds = feeds or parse_activation("identity")
        self.scale = Parameter("scale", (members, width))
        self.bias = None if bias_initializer is None else Parameter("bias", (members, width))

    def __str__(self) -> str:
        return f"of {self.width} columns, {self.members} members"

    def plain(self) -> list[PlainLayer]:
        """Return the first member's scaling; ``plain_of`` has the others'."""
        return self.plain_of(0)

    def plain_of(self, member: int) -> list[PlainLayer]:
        """Return one member's scaling."""
        scale = self._copy(self.scale)[member].astype(np.float64)
        shift = np.zeros_like(scale) if self.bias is None else self._copy(self.bias)[member]
        return [Scaling(scale, shift.astype(np.float64))]

    @property
    def formulas(self) -> list[str]:
        """The parameters' gradients, member by member, and dx."""
        bias = ["db_k = Σ dy"] if self.bias else []
        sums = ", ".join(["ds_k = Σ dy ⊙ x", *bias])
        return [f"{sums} over the rows of member k", "dx = dy ⊙ s_k"]

    def trained(self) -> list[Parameter]:
        """Return the scales, and the biases where there are any."""
        return [self.scale, self.bias] if self.bias else [self.scale]

    def initialize(self, generator: np.random.Generator) -> None:
        """Draw signs where they are wanted, then the biases."""
        scale = np.ones(self.scale.shape)
        if self.signs:
            scale = generator.choice([-1.0, 1.0], self.scale.shape)
        self.backend.assign(self.scale.values, scale)
        if self.bias and self.bias_initializer:
            drawn = self.bias_initializer.draw(generator, self.bias.shape, self._fans, self._feeds)
            self.backend.assign(self.bias.values, drawn)

    def unsettle(self, generator: np.random.Generator) -> None:
        """Draw scales around 1 and biases around 0."""
        self.backend.assign(self.scale.values, generator.uniform(0.5, 1.5, self.scale.shape))
        if self.bias:
            self.backend.assign(self.bias.values, generator.normal(0.0, 0.3, self.bias.shape))

    def bind(self, backend: Backend, dtype: np.dtype, rows: int) -> None:
        """Allocate y for the rows of all members."""
        self.backend = backend
        self._y = backend.empty((rows, self.width), dtype)

    def forward(self, x: Array, training: bool) -> Array:
        """Return y, of x with a block for each member."""
        return self._forward(x, len(x) // self.members)

    def forward_same(self, x: Array) -> Array:
        """Return y, block by block, of rows that all members see."""
        return self._forward(x, len(x))

    def _forward(self, x: Array, block: int) -> Array:
        self._x, y = x, self._y[: block * self.members]
        if self.bias:
            where = self.scale.values, self.bias.values, block, y
            self.backend.ops.scale_and_shift_members(x, *where)
        else:
            self.backend.ops.scale_members(x, self.scale.values, block, y)
        return y

    def backward(self, upstream: Array) -> Array | None:
        """ds_k = Σ dy ⊙ x, db_k = Σ dy, dx = dy ⊙ s_k in place of dy."""
        block, ops = len(upstream) // self.members, self.backend.ops
        if self.bias:
            ops.shift_members_backward(upstream, block, self.bias.gradient)
        scale = self.scale
        ops.scale_members_backward(upstream, self._x, scale.values, block, scale.gradient)
        return upstream if self.needs_input_gradient else None
