"""What every layer is: a forward pass, its chain rule, and the parameters of both."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.step.parameters import Parameter

from .plain_layers import PlainLayer


class Layer(ABC):
    """One layer of a network.

    Attributes
    ----------
    kind
        Its name in those of its parameters and in a gradient check: ``"dense"``.
    width
        Number of columns of the output.
    members
        How many blocks of rows it tells apart, one for each member of an ensemble.
    needs_input_gradient
        False where nothing below has parameters: ``backward`` then returns None and spares the
        work.
    """

    kind: str
    width: int
    members = 1
    needs_input_gradient = True
    backend: Backend

    def __str__(self) -> str:
        return f"{self.width} columns"

    @abstractmethod
    def forward(self, x: Array, training: bool) -> Array:
        """Return the output (rows, width) for the input x."""

    def forward_same(self, x: Array) -> Array:
        """Return the prediction for rows that all members see: a block for each of them."""
        return self.forward(x, training=False)

    @abstractmethod
    def backward(self, upstream: Array) -> Array | None:
        """Set the parameters' gradients and return dx, given that of the last output."""

    @abstractmethod
    def bind(self, backend: Backend, dtype: np.dtype, rows: int) -> None:
        """Allocate buffers for batches of up to ``rows`` rows."""

    def trained(self) -> list[Parameter]:
        """Return the parameters that have a gradient."""
        return []

    def kept(self) -> list[Parameter]:
        """Return the arrays that are kept with the model and not trained, such as running means."""
        return []

    def initialize(self, generator: np.random.Generator) -> None:  # noqa: B027  without parameters
        """Draw the initial parameters."""

    def fit_to(self, rows: np.ndarray, generator: np.random.Generator) -> None:  # noqa: B027
        """Choose initial parameters that look at rows (rows, columns) that enter here."""

    def unsettle(self, generator: np.random.Generator) -> None:  # noqa: B027  as above
        """Draw parameters that start at 0 or 1, where a wrong backward could look right."""

    @abstractmethod
    def plain(self) -> list[PlainLayer]:
        """Return what a prediction computes here, with copies of the arrays."""

    def plain_of(self, member: int) -> list[PlainLayer]:
        """Return what a prediction computes here for one member, where they differ."""
        return self.plain()

    @property
    @abstractmethod
    def formulas(self) -> list[str]:
        """The lines of the backward pass as one writes them on paper."""

    def named_trained(self) -> list[tuple[str, Parameter]]:
        """Return the parameters that have a gradient, with names that tell them apart."""
        return [(parameter.name, parameter) for parameter in self.trained()]

    def _copy(self, parameter: Parameter) -> np.ndarray:
        return np.array(self.backend.to_numpy(parameter.values))
