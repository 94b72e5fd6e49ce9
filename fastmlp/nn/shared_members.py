"""Members that share the hidden layers' weights: each scales what enters and leaves them.

Wen, Tran and Ba 2020 (BatchEnsemble); Gorishniy, Kotelnikov and Babenko 2024 (TabM).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.errors import UsageError
from fastmlp.step.counters import Counters
from fastmlp.step.parameters import Parameter

from .activations import Activation, parse_activation
from .initializers import Initializer, parse_initializer
from .inputs.layers import input_layers
from .layer import Layer
from .layers import ActivationLayer, Dense, Dropout
from .members import Members
from .per_layer import per_layer
from .plain_layers import PlainLayer, Scaling

if TYPE_CHECKING:
    from .network import Architecture


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


def check_sharing(architecture: Architecture) -> None:
    """Refuse what members with weights in common cannot have."""
    if architecture.members % architecture.sharing:
        raise UsageError(
            f"{architecture.members} members cannot share weights by {architecture.sharing}; "
            "give a multiple."
        )
    if not architecture.hidden:
        raise UsageError(
            "members share the weights of hidden layers, and there is none; give hidden layers, "
            "or member_weights own."
        )
    if architecture.batch_norm != "none":
        raise UsageError("batch_norm does not go with member_weights shared; give one of them.")
    given = {
        "input_scale": architecture.input_scale,
        "activation_mix": architecture.activation_mix,
        "parametrization ntk": architecture.parametrization != "standard",
    }
    for name, is_given in given.items():
        if is_given:
            raise UsageError(f"{name} does not go with member_weights shared; give one of them.")


def count_shared(architecture: Architecture) -> int:
    """Return how many numbers members train that share weights."""
    encoded = architecture.encoded
    *hidden, last = pairwise((encoded.width, *architecture.widths[1:]))
    weights = sum(before * after for before, after in hidden)
    of_member = sum(before + 2 * after for before, after in hidden) + (last[0] + 1) * last[1]
    return encoded.parameters + weights + architecture.sharing * of_member


def build_shared(
    architecture: Architecture, seed: int, counters: Counters, number: int = 0
) -> list[Layer]:
    """Return the layers of members that share weights: those of ``input_layers`` then, for each
    hidden width, scales r, a dense weight, scales s and biases, f, [dropout]; at last an output
    layer for each.
    """
    members, hidden = architecture.sharing, architecture.hidden
    activations = [
        parse_activation(a) for a in per_layer("activation", architecture.activation, len(hidden))
    ]
    rates = per_layer("dropout", architecture.dropout, len(hidden))
    weights, biases = map(parse_initializer, (architecture.init, architecture.bias_init))
    identity, width = parse_activation("identity"), architecture.encoded.width
    layers = input_layers(
        architecture.inputs,
        architecture.input_columns,
        parse_activation(architecture.input_activation),
        architecture.number_encoding,
        architecture.embedding_width,
    )
    for index, (units, f, rate) in enumerate(zip(hidden, activations, rates, strict=True)):
        layers.append(MemberScale(width, members, signs=index == 0))
        layers.append(Dense(width, units, identity, weights, biases, has_bias=False, feeds=f))
        own = {"bias_initializer": biases, "fans": (width, units), "feeds": f}
        layers.append(MemberScale(units, members, **own))
        if not f.is_identity:
            layers.append(ActivationLayer(units, f))
        if rate:
            mask = number * len(hidden) + index
            layers.append(Dropout(units, rate, architecture.dropout_units, seed, mask, counters))
        width = units
    last = parse_activation(architecture.output_activation)
    heads = [[Dense(width, architecture.outputs, last, weights, biases)] for _ in range(members)]
    layers.append(Members(width, list(heads)))
    for layer in layers if architecture.decay_biases else ():
        for parameter in layer.trained():
            parameter.decays = True
    return layers
