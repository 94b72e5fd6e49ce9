"""The periodic embedding of numbers (Holzmüller et al. 2024, "PBLD" of RealMLP)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.kernels.constants import PERIODIC_OUTPUTS
from fastmlp.nn.layers import Layer
from fastmlp.nn.plain_layers import PlainLayer, Waves
from fastmlp.step.parameters import Parameter

FREQUENCY_DEVIATION = 0.1


class Periodic(Layer):
    """y = [x | V·cos(2π·(ω·x + φ)) + b]: three outputs for each number, of its own ω, φ, V and b.

    Parameters
    ----------
    width
        Columns of x.
    numbers
        Positions of the numbers among them.
    frequencies
        How many ω each number has.

    Attributes
    ----------
    frequency, phase
        ω and φ in turns, (numbers, frequencies).
    weight
        V, (numbers, 3·frequencies): the frequencies of the first output, of the second, the third.
    bias
        b, (numbers, 3).
    """

    kind = "periodic"

    def __init__(self, width: int, numbers: Sequence[int], frequencies: int):
        self.inputs, self.frequencies = width, frequencies
        self.numbers = np.array(numbers, np.int64)
        count = len(self.numbers)
        self.width = width + PERIODIC_OUTPUTS * count
        self.frequency, self.phase, self.weight, self.bias = (
            Parameter(name, (count, size))
            for name, size in [
                ("frequency", frequencies),
                ("phase", frequencies),
                ("weight", PERIODIC_OUTPUTS * frequencies),
                ("bias", PERIODIC_OUTPUTS),
            ]
        )

    def __str__(self) -> str:
        return f"{self.inputs} → {self.width}, {self.frequencies} frequencies a number"

    def plain(self) -> list[PlainLayer]:
        """Return the embedding with its arrays."""
        return [Waves(self.numbers, *map(self._copy, self.trained()))]

    @property
    def formulas(self) -> list[str]:
        """The gradients, from the derivative d of the angles in turns."""
        return [
            "d = −2π·sin(2π·(ω·x + φ)) ⊙ (dy·V)",
            "dω = Σ d·x, dφ = Σ d, dV = Σ dy·cos(2π·(ω·x + φ)), db = Σ dy over the rows, "
            "dx = dy of x + Σ d·ω over the frequencies",
        ]

    def trained(self) -> list[Parameter]:
        """Return ω, φ, V and b."""
        return [self.frequency, self.phase, self.weight, self.bias]

    def initialize(self, generator: np.random.Generator) -> None:
        """ω normal of deviation 0.1, φ over a whole turn, V and b uniform up to 1/√frequencies."""
        bound = self.frequencies**-0.5
        draws = (
            generator.normal(0.0, FREQUENCY_DEVIATION, self.frequency.shape),
            generator.uniform(-0.5, 0.5, self.phase.shape),
            generator.uniform(-bound, bound, self.weight.shape),
            generator.uniform(-bound, bound, self.bias.shape),
        )
        for parameter, values in zip(self.trained(), draws, strict=True):
            self.backend.assign(parameter.values, values)

    def bind(self, backend: Backend, dtype: np.dtype, rows: int) -> None:
        """Allocate the cosines, y, and dx where it is asked for."""
        self.backend = backend
        self._numbers = backend.from_numpy(self.numbers)
        self._waves = backend.empty((rows, self.frequency.size), dtype)
        self._y = backend.empty((rows, self.width), dtype)
        self._dx = backend.empty((rows, self.inputs), dtype) if self.needs_input_gradient else None

    def forward(self, x: Array, training: bool) -> Array:
        """Return x and the three outputs of each of its numbers."""
        self._x, waves, y = x, self._waves[: len(x)], self._y[: len(x)]
        waving = self.frequency.values, self.phase.values
        linear = self.weight.values, self.bias.values
        self.backend.ops.periodic_forward(x, self._numbers, *waving, *linear, waves, y)
        return y

    def backward(self, upstream: Array) -> Array | None:
        """Set dω, dφ, dV and db; return dx where it is asked for."""
        rows, ops = len(upstream), self.backend.ops
        arrays = self.frequency.values, self.phase.values, self.weight.values
        gradients = (parameter.gradient for parameter in self.trained())
        given = upstream, self._x, self._numbers
        ops.periodic_backward(*given, self._waves[:rows], *arrays, *gradients)
        if self._dx is None:
            return None
        ops.periodic_input_gradient(*given, *arrays, self._dx[:rows])
        return self._dx[:rows]
