"""A network as a list of steps that are arrays and words alone: what exports write, and what
imports read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fastmlp.data.features.preprocessing import FeaturePreprocessor
from fastmlp.data.features.targets import TargetEncoder
from fastmlp.nn.activations import Activation
from fastmlp.nn.layers import ActivationLayer, BatchNormalization, Dense, Dropout
from fastmlp.nn.network import Network


@dataclass(frozen=True, eq=False)
class Scaling:
    """y = (x − origin)·scale + shift, column by column; float64 (columns,), without ``origin``
    x·scale + shift.
    """

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

    weight: np.ndarray
    bias: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Normalization:
    """y = gamma·(x − mean)/√(variance + epsilon) + beta: batch normalisation as a prediction
    computes it.

    ``decay`` is that of the running mean and variance, which matters to whoever trains on.
    """

    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float = 1e-5
    decay: float = 0.9

    @property
    def factor(self) -> np.ndarray:
        """What multiplies x − mean, float64."""
        return self.gamma.astype(np.float64) / np.sqrt(
            self.variance.astype(np.float64) + self.epsilon
        )

    def with_epsilon(self, epsilon: float) -> Normalization:
        """Return the same function of x with another epsilon; what the variance cannot take up goes
        into gamma.
        """
        variance = np.maximum(self.variance.astype(np.float64) + (self.epsilon - epsilon), 0)
        gamma = self.factor * np.sqrt(variance + epsilon)
        return replace(self, gamma=gamma, variance=variance, epsilon=epsilon)


@dataclass(frozen=True)
class Activate:
    """a = f(z); f is elementwise, or softmax over a row."""

    activation: Activation


@dataclass(frozen=True)
class Drop:
    """A share ``rate`` of the elements is dropped while training; a prediction keeps them all."""

    rate: float


Step = Scaling | Linear | Normalization | Activate | Drop


def network_steps(network: Network) -> list[Step]:
    """Return what a network computes, with copies of its arrays."""

    def array(parameter) -> np.ndarray:
        return np.array(network.backend.to_numpy(parameter.values))

    steps: list[Step] = []
    for layer in network.layers:
        if isinstance(layer, Dense):
            steps.append(Linear(array(layer.weight), array(layer.bias) if layer.bias else None))
        elif isinstance(layer, BatchNormalization):
            arrays = layer.gamma, layer.beta, layer.running_mean, layer.running_variance
            steps.append(Normalization(*map(array, arrays), layer.epsilon, layer.decay))
        elif isinstance(layer, Dropout):
            steps.append(Drop(1 - layer.keep))
        if isinstance(layer, (Dense, ActivationLayer)) and layer.activation.name != "identity":
            steps.append(Activate(layer.activation))
    return steps


def feature_scaling(features: FeaturePreprocessor) -> Scaling | None:
    """Return what normalises the matrix that ``features.transform`` returns, None where nothing
    does.
    """
    return None if features.scale is None else Scaling(features.scale, features.shift)


def target_scaling(targets: TargetEncoder) -> Scaling | None:
    """Return what brings outputs back to a regression target's own unit, None where they are in it."""
    if targets.mean is None or not (targets.mean.any() or (targets.deviation != 1).any()):
        return None
    return Scaling(targets.deviation, targets.mean)
