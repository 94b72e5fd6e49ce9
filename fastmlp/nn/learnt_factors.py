"""Layers whose parameters are one factor a column: a diagonal scaling, and the share that an
activation has beside what enters it.
"""

from __future__ import annotations

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.errors import UsageError
from fastmlp.step.parameters import Parameter

from .activations import Activation
from .layer import Layer
from .plain_layers import MixedActivate, PlainLayer, Scaling

# Factors of the learning rate (Holzmüller et al. 2024).
SCALE_RATE, MIX_RATE = 6.0, 0.1


class Scale(Layer):
    """y = x ⊙ s, a factor a column that starts at 1: the first layer, which weighs the features.

    It moves at SCALE_RATE times the learning rate.
    """

    kind = "scale"

    def __init__(self, width: int):
        self.width = width
        self.factors = Parameter("factors", (width,), rate_factor=SCALE_RATE)

    def plain(self) -> list[PlainLayer]:
        """Return the scaling, without a shift."""
        factors = self._copy(self.factors).astype(np.float64)
        return [Scaling(factors, np.zeros(self.width))]

    @property
    def formulas(self) -> list[str]:
        """The gradient of the factors, then what goes down."""
        return ["ds = Σ dy ⊙ x over the rows, dx = dy ⊙ s"]

    def trained(self) -> list[Parameter]:
        """Return s."""
        return [self.factors]

    def initialize(self, generator: np.random.Generator) -> None:
        """s = 1."""
        self.backend.assign(self.factors.values, np.ones(self.width))

    def unsettle(self, generator: np.random.Generator) -> None:
        """Draw s around 1."""
        self.backend.assign(self.factors.values, generator.uniform(0.5, 1.5, self.width))

    def bind(self, backend: Backend, dtype: np.dtype, rows: int) -> None:
        """Allocate y and dx."""
        self.backend = backend
        self._y = backend.empty((rows, self.width), dtype)
        self._dx = backend.empty((rows, self.width), dtype) if self.needs_input_gradient else None

    def forward(self, x: Array, training: bool) -> Array:
        """Return y = x ⊙ s."""
        self._x, y = x, self._y[: len(x)]
        self.backend.ops.scale_columns(x, self.factors.values, y)
        return y

    def backward(self, upstream: Array) -> Array | None:
        """ds = Σ dy ⊙ x over the rows, dx = dy ⊙ s."""
        self.backend.ops.scale_columns_gradient(upstream, self._x, self.factors.gradient)
        if self._dx is None:
            return None
        dx = self._dx[: len(upstream)]
        self.backend.ops.scale_columns(upstream, self.factors.values, dx)
        return dx


class MixedActivation(Layer):
    """a = α·f(z) + (1 − α)·z, a share α a unit that starts at 1 and moves at MIX_RATE times the
    learning rate.

    Raises
    ------
    UsageError
        For an f whose outputs depend on the whole row.
    """

    kind = "mixed_activation"

    def __init__(self, width: int, activation: Activation):
        if activation.name == "softmax":
            raise UsageError(
                "activation_mix weighs f(z) against z unit by unit, and softmax is of a whole row; "
                "give an activation of single numbers, such as selu."
            )
        self.width, self.activation = width, activation
        self.mix = Parameter("mix", (width,), rate_factor=MIX_RATE)

    def __str__(self) -> str:
        return f"{self.activation}, mixed with what enters it"

    def plain(self) -> list[PlainLayer]:
        """Return f and α."""
        return [MixedActivate(self.activation, self._copy(self.mix))]

    @property
    def formulas(self) -> list[str]:
        """The gradient of the shares, then what goes down."""
        slope = self.activation.formula.partition("f′ = ")[2]
        given = "x as its z" if self.activation.saves_input else "f(x) as its a"
        return [
            "dα = Σ da ⊙ (f(x) − x) over the rows, dx = da ⊙ (α·f′ + 1 − α)",
            f"f′ = {slope}, with {given}",
        ]

    def trained(self) -> list[Parameter]:
        """Return α."""
        return [self.mix]

    def initialize(self, generator: np.random.Generator) -> None:
        """α = 1."""
        self.backend.assign(self.mix.values, np.ones(self.width))

    def unsettle(self, generator: np.random.Generator) -> None:
        """Draw α around 1."""
        self.backend.assign(self.mix.values, generator.uniform(0.5, 1.5, self.width))

    def bind(self, backend: Backend, dtype: np.dtype, rows: int) -> None:
        """Allocate f(z) and a."""
        self.backend = backend
        self._f, self._a = (backend.empty((rows, self.width), dtype) for _ in range(2))

    def forward(self, x: Array, training: bool) -> Array:
        """Return a = α·f(x) + (1 − α)·x."""
        self._x, f, a = x, self._f[: len(x)], self._a[: len(x)]
        self.activation.forward_mixed(self.backend, x, self.mix.values, f, a)
        return a

    def backward(self, upstream: Array) -> Array | None:
        """dα = Σ da ⊙ (f − x) over the rows, dx = da ⊙ (α·f′ + 1 − α)."""
        f = self._f[: len(upstream)]
        self.backend.ops.mix_gradient(upstream, f, self._x, self.mix.gradient)
        saved = self._x if self.activation.saves_input else f
        self.activation.backward_mixed(self.backend, upstream, saved, self.mix.values)
        return upstream
