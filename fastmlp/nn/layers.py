"""The layers: each one's forward pass and its chain rule, written once for every backend.

x is a layer's input, z its pre-activation, a or y its output, each (rows, width); d before a name
is the gradient of the loss with respect to it. ``forward`` and ``backward`` work on buffers that
``bind`` allocates for the largest batch; a smaller batch uses their first rows. A backward pass may
overwrite the upstream gradient that it is given, and overwrites the gradients of the layer's
parameters, so that nothing has to be zeroed.
"""

from __future__ import annotations

import math

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.errors import UsageError
from fastmlp.step.counters import Counters
from fastmlp.step.parameters import Parameter

from .activations import Activation
from .initializers import Initializer, switching_biases
from .layer import Layer
from .plain_layers import Activate, Drop, Linear, Normalization, PlainLayer

# Of the learning rate, for biases in the neural tangent parametrisation (Holzmüller et al. 2024).
NTK_BIAS_RATE = 0.1


class Dense(Layer):
    """z = c·x·W + b, a = f(z).

    c is 1, or 1/√fan_in in the neural tangent parametrisation (Jacot et al. 2018): W is then drawn
    with deviation 1 whatever the width, and its learning rate means the same in every layer.

    Parameters
    ----------
    fan_in, fan_out
        Widths of the input and of the output.
    activation
        f.
    weight_initializer, bias_initializer
        Distributions of W and b at the start.
    has_bias
        False under a batch normalisation, which would subtract the bias again; f is then identity.
    feeds
        The activation that the weights are drawn for, where it is applied later than here.
    parametrization
        ``"standard"``, or ``"ntk"``: b then moves at NTK_BIAS_RATE times the learning rate.

    Raises
    ------
    UsageError
        For another activation without a bias, with which it is one operation.
    """

    kind = "dense"

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        activation: Activation,
        weight_initializer: Initializer,
        bias_initializer: Initializer,
        has_bias: bool = True,
        feeds: Activation | None = None,
        parametrization: str = "standard",
    ):
        if not has_bias and not activation.is_identity:
            raise UsageError(
                f"a dense layer without bias applies no activation, and got {activation}; "
                "give identity, and an ActivationLayer behind it."
            )
        self.fan_in, self.width = fan_in, fan_out
        self.activation = activation
        self.weight_initializer, self.bias_initializer = weight_initializer, bias_initializer
        self.feeds = feeds or activation
        is_ntk = parametrization == "ntk"
        self.factor = 1 / math.sqrt(fan_in) if is_ntk else 1.0
        self.weight = Parameter("weight", (fan_in, fan_out), decays=True, folds=True)
        rate = NTK_BIAS_RATE if is_ntk else 1.0
        bias = Parameter("bias", (fan_out,), folds=True, rate_factor=rate)
        self.bias = bias if has_bias else None

    def __str__(self) -> str:
        return f"{self.fan_in} → {self.width}, {self.activation}"

    def plain(self) -> list[PlainLayer]:
        """Return x·W + b, and f where it does something."""
        weight = self._copy(self.weight)
        weight = weight if self.factor == 1 else weight * weight.dtype.type(self.factor)
        linear = Linear(weight, self._copy(self.bias) if self.bias else None)
        return [linear, *_activate(self.activation)]

    @property
    def formulas(self) -> list[str]:
        """dz, then the gradients that follow from it."""
        bias = ["db = Σ dz over the rows"] if self.bias else []
        root = "" if self.factor == 1 else f"/√{self.fan_in}"
        products = [f"dW = xᵀ·dz{root}", *bias, f"dx = dz·Wᵀ{root}"]
        return [self.activation.formula, ", ".join(products)]

    def trained(self) -> list[Parameter]:
        """Return W, and b where there is one."""
        return [self.weight, self.bias] if self.bias else [self.weight]

    def initialize(self, generator: np.random.Generator) -> None:
        """Draw W, then b."""
        fans = (self.fan_in, self.width)
        weights = self.weight_initializer.draw(generator, self.weight.shape, fans, self.feeds)
        self.backend.assign(self.weight.values, weights)
        if self.bias:
            self.backend.assign(
                self.bias.values,
                self.bias_initializer.draw(generator, self.bias.shape, fans, self.feeds),
            )

    def fit_to(self, rows: np.ndarray, generator: np.random.Generator) -> None:
        """Choose the biases by rows that enter the layer, where the initializer looks at data."""
        if self.bias and self.bias_initializer.looks_at_data:
            weights = self.backend.to_numpy(self.weight.values).astype(np.float64)
            z = self.factor * (rows.astype(np.float64) @ weights)
            self.backend.assign(self.bias.values, switching_biases(z, generator))

    def bind(self, backend: Backend, dtype: np.dtype, rows: int) -> None:
        """Allocate z, a and dx; a shares z's memory unless f′ needs z."""
        self.backend = backend
        self._z = backend.empty((rows, self.width), dtype)
        self._a = (
            backend.empty((rows, self.width), dtype) if self.activation.saves_input else self._z
        )
        self._dx = backend.empty((rows, self.fan_in), dtype) if self.needs_input_gradient else None

    def forward(self, x: Array, training: bool) -> Array:
        """Return a = f(c·x·W + b)."""
        self._x, z, a = x, self._z[: len(x)], self._a[: len(x)]
        self.backend.matmul("nn", x, self.weight.values, z)
        if self.factor != 1:
            self.backend.ops.scale_matrix(z, self.factor)
        if self.bias:
            self.activation.forward_with_bias(self.backend, z, self.bias.values, a)
        return a

    def backward(self, upstream: Array) -> Array | None:
        """dz = da ⊙ f′; dx = c·dz·Wᵀ, dW = c·xᵀ·dz, db = Σ dz over the rows."""
        saved = self._z if self.activation.saves_input else self._a
        if self.bias:
            sink = self.bias.sink
            into = self.bias.gradient, sink.alpha, sink.beta, sink.target
            self.activation.backward_with_bias(self.backend, upstream, saved[: len(upstream)], into)
        dz, dx = upstream, None
        if self.factor != 1:
            self.backend.ops.scale_matrix(dz, self.factor)
        if self._dx is not None:  # before dW: an update that is folded into dW changes W
            dx = self._dx[: len(dz)]
            self.backend.matmul("nt", dz, self.weight.values, dx)
        self.backend.accumulate(self._x, dz, self.weight.sink)
        return dx


def _activate(activation: Activation) -> list[PlainLayer]:
    return [] if activation.is_identity else [Activate(activation)]


class ActivationLayer(Layer):
    """a = f(z) on its own: after a batch normalisation."""

    kind = "activation"

    def __init__(self, width: int, activation: Activation):
        self.width = width
        self.activation = activation

    def __str__(self) -> str:
        return str(self.activation)

    def plain(self) -> list[PlainLayer]:
        """Return f where it does something."""
        return _activate(self.activation)

    @property
    def formulas(self) -> list[str]:
        """dx, since what enters is z."""
        return [self.activation.formula.replace("dz", "dx").replace("z", "x")]

    def bind(self, backend: Backend, dtype: np.dtype, rows: int) -> None:
        """Allocate a."""
        self.backend = backend
        self._a = backend.empty((rows, self.width), dtype)

    def forward(self, x: Array, training: bool) -> Array:
        """Return a = f(x)."""
        self._x, a = x, self._a[: len(x)]
        self.activation.forward(self.backend, x, a)
        return a

    def backward(self, upstream: Array) -> Array | None:
        """dx = da ⊙ f′."""
        saved = self._x if self.activation.saves_input else self._a[: len(upstream)]
        self.activation.backward(self.backend, upstream, saved)
        return upstream


class BatchNormalization(Layer):
    """x̂ = (x − μ)/√(σ² + ε), y = γ·x̂ + β, column by column.

    μ and σ² are the batch's while training; in prediction they are running averages, which move
    towards the batch's by 1 − decay an update.
    """

    kind = "batch_normalization"

    def __init__(self, width: int, decay: float = 0.9, epsilon: float = 1e-5):
        self.width = width
        self.decay, self.epsilon = decay, epsilon
        self.gamma, self.beta = Parameter("gamma", (width,)), Parameter("beta", (width,))
        self.running_mean = Parameter("running_mean", (width,))
        self.running_variance = Parameter("running_variance", (width,))

    def plain(self) -> list[PlainLayer]:
        """Return the normalisation by the running statistics."""
        gamma, beta, mean, variance = map(self._copy, [*self.trained(), *self.kept()])
        return [Normalization(gamma, beta, mean, variance, self.epsilon, self.decay)]

    @property
    def formulas(self) -> list[str]:
        """The parameters' gradients, then what goes down."""
        return ["dγ = Σ dy·x̂, dβ = Σ dy over the m rows", "dx = γ/√(σ² + ε) · (dy − dβ/m − x̂·dγ/m)"]

    def unsettle(self, generator: np.random.Generator) -> None:
        """Draw γ around 1 and β around 0."""
        self.backend.assign(self.gamma.values, generator.uniform(0.5, 1.5, self.width))
        self.backend.assign(self.beta.values, generator.normal(0.0, 0.3, self.width))

    def trained(self) -> list[Parameter]:
        """Return γ and β."""
        return [self.gamma, self.beta]

    def kept(self) -> list[Parameter]:
        """Return the running mean and variance."""
        return [self.running_mean, self.running_variance]

    def initialize(self, generator: np.random.Generator) -> None:
        """γ = 1, β = 0; running mean 0, running variance 1."""
        for parameter, value in (
            (self.gamma, 1),
            (self.beta, 0),
            (self.running_mean, 0),
            (self.running_variance, 1),
        ):
            self.backend.assign(parameter.values, np.full(parameter.shape, value))

    def bind(self, backend: Backend, dtype: np.dtype, rows: int) -> None:
        """Allocate x̂, y, dx and the batch's statistics."""
        self.backend = backend
        self._normalized, self._y, self._dx = (
            backend.empty((rows, self.width), dtype) for _ in range(3)
        )
        self._mean, self._inverse_deviation = (
            backend.empty((self.width,), dtype) for _ in range(2)
        )

    def forward(self, x: Array, training: bool) -> Array:
        """Return y, from the batch's own statistics while training, else from the running ones."""
        y, gamma, beta = self._y[: len(x)], self.gamma.values, self.beta.values
        running = self.running_mean.values, self.running_variance.values
        if not training:
            self.backend.ops.batch_normalization_predict(x, gamma, beta, *running, self.epsilon, y)
            return y
        statistics = self._mean, self._inverse_deviation, self._normalized[: len(x)]
        numbers = self.decay, self.epsilon
        self.backend.ops.batch_normalization_forward(
            x, gamma, beta, *running, *numbers, *statistics, y
        )
        return y

    def backward(self, upstream: Array) -> Array | None:
        """dβ = Σ dy, dγ = Σ dy·x̂, dx = γ/√(σ² + ε)·(dy − dβ/m − x̂·dγ/m)."""
        rows = len(upstream)
        self.backend.ops.batch_normalization_backward(
            upstream,
            self._normalized[:rows],
            self.gamma.values,
            self._inverse_deviation,
            self.gamma.gradient,
            self.beta.gradient,
            self._dx[:rows],
        )
        return self._dx[:rows] if self.needs_input_gradient else None


class Dropout(Layer):
    """y = x ⊙ mask/keep while training, y = x in prediction: Srivastava et al. 2014, scaled in
    training.

    Parameters
    ----------
    width
        Columns of x.
    rate
        Probability that an element is dropped, 0 ≤ rate < 1; where dropout is scheduled, times the
        share that an update has (Counters.dropout_share).
    whole_units
        Drop a unit for the whole batch rather than element by element.
    seed, index
        The mask depends on the seed, the update, this index of the layer, and the element; on
        nothing else.
    counters
        Where the number of the update is read, its share of the rate, and which rows of the batch
        are here.
    blocks
        How many members' blocks enter it, one after the other.
    """

    kind = "dropout"

    def __init__(
        self,
        width: int,
        rate: float,
        whole_units: bool,
        seed: int,
        index: int,
        counters: Counters,
        blocks: int = 1,
    ):
        self.width, self.blocks = width, blocks
        self.rate = rate
        self.whole_units, self.seed, self.index, self.counters = whole_units, seed, index, counters

    def __str__(self) -> str:
        return f"of {'units' if self.whole_units else 'elements'}, keeps {1 - self.rate:g}"

    def plain(self) -> list[PlainLayer]:
        """Return that a share of the elements is dropped in training."""
        return [Drop(self.rate)]

    @property
    def formulas(self) -> list[str]:
        """dx, by the mask alone."""
        return ["dx = dy ⊙ mask/keep, with the mask of the forward pass"]

    def bind(self, backend: Backend, dtype: np.dtype, rows: int) -> None:
        """Allocate the mask, and y apart from x: the layer below may take f′ from x."""
        self.backend = backend
        self._y = backend.empty((rows, self.width), dtype)
        self._mask = backend.empty((rows, self.width), np.uint8)

    def forward(self, x: Array, training: bool) -> Array:
        """Return x ⊙ mask/keep while training, else x."""
        if not training:
            return x
        y, mask = self._y[: len(x)], self._mask[: len(x)]
        key, rate = (
            (self.counters.values, self.seed, self.index),
            (self.rate, self.counters.dropout_share),
        )
        for first, own in self.counters.part.stretches(len(x), self.blocks):
            numbers = *key, *rate, self.whole_units, first
            self.backend.ops.dropout_forward(x[own], mask[own], y[own], *numbers)
        return y

    def backward(self, upstream: Array) -> Array | None:
        """dx = dy ⊙ mask/keep."""
        mask, rate = self._mask[: len(upstream)], (self.rate, self.counters.dropout_share)
        self.backend.ops.dropout_backward(upstream, mask, *rate)
        return upstream
