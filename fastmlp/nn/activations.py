"""Activations as layers use them: forward with the bias, forward alone, and backward from what was
saved.
"""

from __future__ import annotations

import math

from fastmlp.backend.contract import Array, Backend
from fastmlp.errors import UsageError
from fastmlp.kernels.constants import FROM_INPUT
from fastmlp.spec import numbers, parse_spec

# The least and the largest number of arguments; the kernel's name where it differs; the argument's
# default.
ACCEPTED = {
    "identity": (0, 0),
    "relu": (0, 0),
    "leaky_relu": (0, 1),
    "elu": (0, 1),
    "selu": (0, 0),
    "gelu": (0, 0),
    "silu": (0, 0),
    "mish": (0, 0),
    "softplus": (0, 0),
    "sigmoid": (0, 0),
    "tanh": (0, 0),
    "softmax": (0, 0),
    "signed_log": (0, 0),
}
KERNEL_NAMES = {"tanh": "hyperbolic_tangent"}
DEFAULT_PARAMETER = {"leaky_relu": 0.01, "elu": 1.0}
# What keeps the variance of the signal from layer to layer (He et al. 2015 for the ReLU family,
# LeCun's 5/3 for tanh).
GAINS = {
    "relu": math.sqrt(2),
    "tanh": 5 / 3,
    "selu": 0.75,
    "gelu": math.sqrt(2),
    "silu": math.sqrt(2),
    "mish": math.sqrt(2),
}


class Activation:
    """An elementwise activation f.

    Parameters
    ----------
    name
        One of ACCEPTED.
    parameter
        The slope of leaky_relu (0 ≤ slope < 1), or α of elu (α > 0).
    """

    def __init__(self, name: str, parameter: float = 0.0):
        self.name = name
        self.parameter = parameter
        self.saves_input = name in FROM_INPUT
        self._kernel = KERNEL_NAMES.get(name, name)

    def __str__(self) -> str:
        return f"{self.name}({self.parameter:g})" if self.name in DEFAULT_PARAMETER else self.name

    @property
    def gain(self) -> float:
        """The factor by which initial weights make up for what f takes from the variance."""
        if self.name == "leaky_relu":
            return math.sqrt(2 / (1 + self.parameter**2))
        return GAINS.get(self.name, 1.0)

    def forward_with_bias(self, backend: Backend, z: Array, bias: Array, a: Array) -> None:
        """a = f(z + bias); ``a`` is ``z`` itself unless the backward pass needs the input, which
        then stays in ``z``.
        """
        if self.saves_input:
            backend.ops.add_bias(z, bias)
            self.forward(backend, z, a)
        elif self.name == "identity":
            backend.ops.add_bias(z, bias)
        else:
            backend.ops.bias_activation(
                backend.scalar_function(self._kernel), z, bias, self.parameter
            )

    def forward(self, backend: Backend, z: Array, a: Array) -> None:
        """a = f(z)."""
        backend.ops.activation_forward(backend.scalar_function(self._kernel), z, a, self.parameter)

    def backward(self, backend: Backend, upstream: Array, saved: Array) -> None:
        """dz = da ⊙ f′ in place of the upstream gradient da; ``saved`` is z if ``saves_input``,
        else a.
        """
        if self.name != "identity":
            derivative = backend.scalar_function(f"{self._kernel}_derivative")
            backend.ops.activation_backward(derivative, upstream, saved, self.parameter)

    def backward_with_bias(
        self, backend: Backend, upstream: Array, saved: Array, into: tuple[Array, ...]
    ) -> None:
        """dz = da ⊙ f′ as in ``backward``; its sum over the rows goes ``into`` (db, alpha, beta,
        target) of bias_gradient.
        """
        if self.name == "identity":
            backend.ops.bias_gradient(upstream, *into)
        else:
            derivative = backend.scalar_function(f"{self._kernel}_derivative")
            backend.ops.activation_bias_gradient(derivative, upstream, saved, self.parameter, *into)


class Softmax(Activation):
    """exp(z)/Σ exp(z) over each row: every output depends on every input of its row."""

    def __init__(self):
        super().__init__("softmax")

    def forward_with_bias(self, backend: Backend, z: Array, bias: Array, a: Array) -> None:
        """a = softmax(z + bias), in place of z."""
        backend.ops.add_bias(z, bias)
        backend.ops.softmax_forward(z, a)

    def forward(self, backend: Backend, z: Array, a: Array) -> None:
        """a = softmax(z)."""
        backend.ops.softmax_forward(z, a)

    def backward(self, backend: Backend, upstream: Array, saved: Array) -> None:
        """dz = a ⊙ (da − Σ a·da), in place of the upstream gradient da."""
        backend.ops.softmax_backward(upstream, saved)

    def backward_with_bias(
        self, backend: Backend, upstream: Array, saved: Array, into: tuple[Array, ...]
    ) -> None:
        """dz = a ⊙ (da − Σ a·da), and its sum over the rows."""
        self.backward(backend, upstream, saved)
        backend.ops.bias_gradient(upstream, *into)


def parse_activation(text: str | Activation) -> Activation:
    """Return the activation that ``text`` names: ``"relu"``, ``"leaky_relu(0.2)"``.

    Raises
    ------
    UsageError
        For an unknown name or a parameter out of range.
    """
    if isinstance(text, Activation):
        return text
    name, arguments = parse_spec("activation", text, ACCEPTED)
    if name == "softmax":
        return Softmax()
    parameter = (
        numbers("activation", text, arguments)[0] if arguments else DEFAULT_PARAMETER.get(name, 0.0)
    )
    if name == "leaky_relu" and not 0 <= parameter < 1:
        raise UsageError(f"activation {text!r}: the slope must be at least 0 and less than 1.")
    if name == "elu" and parameter <= 0:
        raise UsageError(f"activation {text!r}: alpha must be greater than 0.")
    return Activation(name, parameter)
