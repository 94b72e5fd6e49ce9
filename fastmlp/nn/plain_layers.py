"""What layers compute in a prediction, as arrays and words: what exports write and imports read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .activations import Activation


@dataclass(frozen=True, eq=False)
class Scaling:
    """y = (x − origin)·scale + shift, each float64 (columns,); no origin is one of 0."""

    word = "a scaling"

    scale: np.ndarray
    shift: np.ndarray
    origin: np.ndarray | None = None

    def then(self, following: Scaling) -> Scaling:
        """Return the scaling that does what this one and then another does."""
        shift = self.shift if following.origin is None else self.shift - following.origin
        return Scaling(
            self.scale * following.scale, shift * following.scale + following.shift, self.origin
        )


@dataclass(frozen=True, eq=False)
class Linear:
    """y = x·weight + bias, with weight (inputs, outputs) and bias (outputs,)."""

    word = "a linear layer"

    weight: np.ndarray
    bias: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Normalization:
    """y = gamma·(x − mean)/√(variance + epsilon) + beta: batch normalisation as a prediction
    computes it.

    ``decay`` is that of the running mean and variance, which matters to whoever trains on.
    """

    word = "a batch normalisation"

    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float = 1e-5
    decay: float = 0.9

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """Those that a layer has, in its order."""
        return self.gamma, self.beta, self.mean, self.variance

    @property
    def factor(self) -> np.ndarray:
        """What multiplies x − mean, float64."""
        return self.gamma.astype(np.float64) / np.sqrt(
            self.variance.astype(np.float64) + self.epsilon
        )

    def with_epsilon(self, epsilon: float) -> Normalization:
        """Return the same function of x with another epsilon, by other variances and gammas."""
        variance = np.maximum(self.variance.astype(np.float64) + (self.epsilon - epsilon), 0)
        gamma = self.factor * np.sqrt(variance + epsilon)
        return replace(self, gamma=gamma, variance=variance, epsilon=epsilon)


@dataclass(frozen=True)
class Activate:
    """a = f(z); f is elementwise, or softmax over a row.

    ``leaves`` says of each column whether it stays as it is; empty, where none does.
    """

    word = "an activation"

    activation: Activation
    leaves: tuple[bool, ...] = ()


@dataclass(frozen=True, eq=False)
class MixedActivate:
    """a = mix·f(z) + (1 − mix)·z, with mix (units,)."""

    word = "a mixed activation"

    activation: Activation
    mix: np.ndarray


@dataclass(frozen=True, eq=False)
class Clamp:
    """y = min(max(x, low), high), each float64 (columns,)."""

    word = "a clamp"

    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Drop:
    """A share ``rate`` of the elements is dropped while training; a prediction keeps them all."""

    word = "a dropout"

    rate: float


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Several networks on the same rows, whose predictions are averaged behind the loss's link.

    The logits of an ensemble are those of its mean probabilities: what follows need not know that
    there are members.
    """

    word = "an ensemble"

    members: tuple[tuple[PlainLayer, ...], ...]


@dataclass(frozen=True, eq=False)
class Piecewise:
    """y = [x | components]: those of column c are ``starts[c]`` to ``starts[c + 1]``; component t
    is (x − left[t])/(right[t] − left[t]), cut off at 0 but for a column's first and at 1 but for
    its last.
    """

    word = "a piecewise-linear encoding"

    starts: np.ndarray
    left: np.ndarray
    right: np.ndarray

    @property
    def columns(self) -> np.ndarray:
        """The column of each component."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    @property
    def lowest(self) -> np.ndarray:
        """What each component is cut off at below: 0, or −inf."""
        is_first = np.isin(np.arange(len(self.left)), self.starts[:-1])
        return np.where(is_first, -np.inf, 0.0)

    @property
    def highest(self) -> np.ndarray:
        """What each component is cut off at above: 1, or inf."""
        return np.where(np.isin(np.arange(len(self.left)) + 1, self.starts[1:]), np.inf, 1.0)


@dataclass(frozen=True, eq=False)
class Waves:
    """y = [x | outputs]: output o of column ``numbers[i]`` is bias[i, o] + Σ_f weight[i, o·F + f]
    ·cos(2π·(frequency[i, f]·x + phase[i, f])), F frequencies each.
    """

    word = "a periodic embedding"

    numbers: np.ndarray
    frequency: np.ndarray
    phase: np.ndarray
    weight: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True, eq=False)
class Lookup:
    """y = [the plain columns of x | the row of ``table`` for each column of codes]: for column
    ``codes[k]`` the row ``starts[k]`` + its code.
    """

    word = "an embedding"

    plain: np.ndarray
    codes: np.ndarray
    starts: np.ndarray
    table: np.ndarray


PlainLayer = (
    Scaling
    | Linear
    | Normalization
    | Activate
    | MixedActivate
    | Drop
    | Clamp
    | Piecewise
    | Waves
    | Lookup
    | Ensemble
)


def without_scalings(layers: list[PlainLayer]) -> list[PlainLayer]:
    """Return layers that compute the same with the scalings beside linear layers in their arrays:
    diag(r)·W·diag(s) and b ⊙ s + t for ((x ⊙ r)·W + b) ⊙ s + t; in float64.
    """
    kept: list[PlainLayer] = []
    for layer in layers:
        last = kept[-1] if kept else None
        if isinstance(layer, Linear) and isinstance(last, Scaling) and last.origin is None:
            weight = layer.weight.astype(np.float64)
            bias = last.shift @ weight + (0.0 if layer.bias is None else layer.bias)
            kept[-1] = Linear(last.scale[:, None] * weight, bias)
        elif isinstance(layer, Scaling) and isinstance(last, Linear) and layer.origin is None:
            bias = layer.shift + (0.0 if last.bias is None else last.bias * layer.scale)
            kept[-1] = Linear(last.weight * layer.scale, bias)
        else:
            kept.append(layer)
    return kept
