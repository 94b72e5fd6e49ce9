"""Activations: what is known of each, in one table, and how layers use them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from fastmlp.backend.contract import Array, Backend
from fastmlp.spec import POSITIVE, SHARE, Argument, parse_with_argument


@dataclass(frozen=True)
class Kind:
    """What is known of an activation f.

    Attributes
    ----------
    derivative
        f′ as one writes it on paper, from the output a or, where ``saves_input``, the input z.
    saves_input
        Whether f′ cannot be had from a: the backward pass then keeps z. The kernel agrees.
    init
        The usual distribution of the weights below it: he for the ReLU family, lecun for selu,
        glorot for those that saturate.
    gain
        The factor by which initial weights make up for what f takes from the variance of the signal
        (He et al. 2015 for the ReLU family, LeCun's 5/3 for tanh); a function of the argument where
        it depends on it.
    argument
        The number that f takes, or None.
    kernel
        The name of its scalar function; None where it is that of the activation.
    """

    derivative: str = ""
    saves_input: bool = False
    init: str = "glorot_uniform"
    gain: float | Callable[[float], float] = 1.0
    argument: Argument | None = None
    kernel: str | None = None


_HE = {"init": "he_normal", "gain": math.sqrt(2)}
ACTIVATIONS = {
    "identity": Kind(),
    "relu": Kind("1 where a > 0, else 0", **_HE),
    "leaky_relu": Kind(
        "1 where a > 0, else {parameter:g}",
        init="he_normal",
        gain=lambda slope: math.sqrt(2 / (1 + slope**2)),
        argument=Argument("the slope", 0.01, SHARE),
    ),
    "elu": Kind(
        "1 where a ≥ 0, else a + {parameter:g}",
        init="he_normal",
        argument=Argument("alpha", 1.0, POSITIVE),
    ),
    "selu": Kind("λ where a ≥ 0, else a + λ·α", init="lecun_normal", gain=0.75),
    "gelu": Kind("Φ(z) + z·φ(z)", saves_input=True, **_HE),
    "silu": Kind("s·(1 + z·(1 − s)) with s = σ(z)", saves_input=True, **_HE),
    "mish": Kind("t + z·σ(z)·(1 − t²) with t = tanh(softplus(z))", saves_input=True, **_HE),
    "hardswish": Kind(
        "0 where z ≤ −3, 1 where z ≥ 3, else (2z + 3)/6",
        saves_input=True,
        init="he_normal",
        gain=math.sqrt(3),  # the mean of f(z)² is 0.331 for a standard normal z
    ),
    "softplus": Kind("1 − exp(−a)"),
    "sigmoid": Kind("a·(1 − a)"),
    "tanh": Kind("1 − a²", gain=5 / 3, kernel="hyperbolic_tangent"),
    "softmax": Kind(),
    "signed_log": Kind("exp(−|a|)"),
    "smooth_clip": Kind(
        "(1 − (a/{parameter:g})²)^³⁄₂", argument=Argument("the limit", 3.0, POSITIVE)
    ),
}


class Activation:
    """An elementwise activation f.

    Parameters
    ----------
    name
        One of ACTIVATIONS.
    parameter
        Its argument, where it takes one.
    """

    is_identity = False

    def __init__(self, name: str, parameter: float = 0.0):
        self.name = name
        self.parameter = parameter
        self.saves_input = self.kind.saves_input
        self._kernel = self.kind.kernel or name

    @property
    def kind(self) -> Kind:
        """Its row of the table; looked up, so that an activation can be pickled."""
        return ACTIVATIONS[self.name]

    def __str__(self) -> str:
        return f"{self.name}({self.parameter:g})" if self.kind.argument else self.name

    @property
    def word(self) -> str:
        """Its name with every digit of its argument, as ``parse_activation`` takes it."""
        return f"{self.name}({self.parameter!r})" if self.kind.argument else self.name

    @property
    def gain(self) -> float:
        """The factor by which initial weights make up for what f takes from the variance."""
        gain = self.kind.gain
        return gain(self.parameter) if callable(gain) else gain

    @property
    def formula(self) -> str:
        """How dz comes from da, as one writes it on paper."""
        return f"dz = da ⊙ f′, f′ = {self.kind.derivative.format(parameter=self.parameter)}"

    def forward_with_bias(self, backend: Backend, z: Array, bias: Array, a: Array) -> None:
        """a = f(z + bias); ``a`` is ``z`` itself unless the backward pass needs z."""
        if self.saves_input:
            backend.ops.add_bias(z, bias)
            self.forward(backend, z, a)
        else:
            function = backend.scalar_function(self._kernel)
            backend.ops.bias_activation(function, z, bias, self.parameter)

    def forward(self, backend: Backend, z: Array, a: Array) -> None:
        """a = f(z)."""
        backend.ops.activation_forward(backend.scalar_function(self._kernel), z, a, self.parameter)

    def backward(self, backend: Backend, upstream: Array, saved: Array) -> None:
        """dz = da ⊙ f′ in place of da; ``saved`` is z if ``saves_input``, else a."""
        derivative = backend.scalar_function(f"{self._kernel}_derivative")
        backend.ops.activation_backward(derivative, upstream, saved, self.parameter)

    def forward_mixed(self, backend: Backend, z: Array, mix: Array, f: Array, a: Array) -> None:
        """f = f(z), a = α·f + (1 − α)·z with the shares α of ``mix``."""
        function = backend.scalar_function(self._kernel)
        backend.ops.mix_forward(function, z, mix, f, a, self.parameter)

    def backward_mixed(self, backend: Backend, upstream: Array, saved: Array, mix: Array) -> None:
        """dz = da ⊙ (α·f′ + 1 − α) in place of da; ``saved`` is z if ``saves_input``, else f."""
        derivative = backend.scalar_function(f"{self._kernel}_derivative")
        backend.ops.mix_backward(derivative, upstream, saved, mix, self.parameter)

    def backward_with_bias(
        self, backend: Backend, upstream: Array, saved: Array, into: tuple[Array, ...]
    ) -> None:
        """dz as in ``backward``; its sum over the rows goes ``into`` (db, alpha, beta, target)."""
        derivative = backend.scalar_function(f"{self._kernel}_derivative")
        backend.ops.activation_bias_gradient(derivative, upstream, saved, self.parameter, *into)


class Identity(Activation):
    """f(z) = z: only the bias is left to do."""

    is_identity = True

    @property
    def formula(self) -> str:
        """What comes down goes on."""
        return "dz = da"

    def forward_with_bias(self, backend: Backend, z: Array, bias: Array, a: Array) -> None:
        """a = z + bias, in place of z."""
        backend.ops.add_bias(z, bias)

    def backward(self, backend: Backend, upstream: Array, saved: Array) -> None:
        """dz = da, which stands there already."""

    def backward_with_bias(
        self, backend: Backend, upstream: Array, saved: Array, into: tuple[Array, ...]
    ) -> None:
        """The sum of da over the rows."""
        backend.ops.bias_gradient(upstream, *into)


class Softmax(Activation):
    """exp(z)/Σ exp(z) over each row: every output depends on every input of its row."""

    @property
    def formula(self) -> str:
        """With the sum that joins the outputs of a row."""
        return "dz = a ⊙ (da − Σ a·da), the sum over each row"

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


# Those that do more, or less, than to call their scalar function.
_OWN_CLASSES = {"identity": Identity, "softmax": Softmax}


def parse_activation(text: str | Activation) -> Activation:
    """Return the activation that ``text`` names: ``"relu"``, ``"leaky_relu(0.2)"``.

    Raises
    ------
    UsageError
        For an unknown name or a parameter out of range.
    """
    if isinstance(text, Activation):
        return text
    name, parameter = parse_with_argument("activation", text, ACTIVATIONS)
    return _OWN_CLASSES.get(name, Activation)(name, parameter)
