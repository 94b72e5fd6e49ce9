"""The multilayer perceptron: built from a description, run forward and backward."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.errors import UsageError
from fastmlp.step.counters import Counters
from fastmlp.step.parameters import Parameter, ParameterStore

from .architecture import Architecture
from .build import build_layers
from .ensembles.members import connect, named_layers, numbered, predict_same
from .layer import Layer

KINDS = tuple(layer.kind for layer in Layer.__subclasses__())
LARGEST_SEED = 1 << 63  # kernels take it as an int64
# Keeps the draws of initial weights apart from those of shuffles under the same seed.
INITIAL_WEIGHTS_STREAM = 0x1417


@dataclass(eq=False)
class Network:
    """A multilayer perceptron on a backend.

    Attributes
    ----------
    architecture
        What it is made of.
    layers
        Its layers, in order.
    store
        The flat buffers of its parameters.
    counters
        The counters that its dropout reads and that a training step advances.
    bound_rows
        Rows of the largest batch that its buffers hold.
    """

    architecture: Architecture
    backend: Backend
    dtype: np.dtype
    seed: int
    layers: list[Layer] = field(init=False)
    store: ParameterStore = field(init=False)
    counters: Counters = field(init=False)
    bound_rows: int = field(init=False, default=0)

    def __post_init__(self):
        if not 0 <= self.seed < LARGEST_SEED:
            raise UsageError(f"seed must be at least 0 and less than 2^63; got {self.seed}.")
        self.dtype = np.dtype(self.dtype)
        self.counters = Counters(self.backend)
        self.layers = build_layers(self.architecture, self.seed, self.counters)
        trained = [parameter for layer in self.layers for parameter in layer.trained()]
        kept = [parameter for layer in self.layers for parameter in layer.kept()]
        self.store = ParameterStore(self.backend, self.dtype, trained, kept)
        connect(self.layers, needs_input_gradient=False)

    def bind(self, rows: int) -> None:
        """Allocate the layers' buffers for batches of up to ``rows`` rows; parameters stay.

        Of an ensemble, these are the rows of all members together.
        """
        self.bound_rows = rows
        for layer in self.layers:
            layer.bind(self.backend, self.dtype, rows)

    @property
    def looks_at_data(self) -> bool:
        """Whether initial parameters depend on rows."""
        return any(each.looks_at_data for each in self.architecture.initializers)

    def initialize(self, rows: np.ndarray | None = None) -> None:
        """Draw initial parameters from the seed; needs bind first.

        Parameters
        ----------
        rows
            (rows, inputs) of the training data as the network reads them, no more than it is bound
            for; needed where initial parameters look at data.

        Raises
        ------
        UsageError
            If they do and there are none.
        """
        if self.looks_at_data and (rows is None or not len(rows)):
            raise UsageError(
                f"bias_init {self.architecture.bias_init} looks at training rows, and there are "
                "none here; give zeros."
            )
        key = np.array([self.seed, INITIAL_WEIGHTS_STREAM], np.uint64)
        generator = np.random.Generator(np.random.Philox(key=key))
        x = None if rows is None else self.backend.from_numpy(rows.astype(self.dtype))
        for layer in self.layers:
            layer.initialize(generator)
            if self.looks_at_data and x is not None:
                layer.fit_to(self.backend.to_numpy(x), generator)
                x = layer.forward(x, training=False)

    def forward(self, x: Array, training: bool) -> Array:
        """Return the outputs (rows, outputs) for inputs (rows, inputs).

        Each member of an ensemble sees a block of rows of its own: they are members·m in number.

        Raises
        ------
        ValueError
            If the inputs have another width, or more rows than the network is bound for.
        """
        self._check(x, rows=len(x))
        for layer in self.layers:
            x = layer.forward(x, training)
        return x

    def forward_same(self, x: Array) -> Array:
        """Return what every member says of the same rows in a prediction: (members·rows, outputs),
        block by block.
        """
        self._check(x, rows=self.architecture.members * len(x))
        return predict_same(self.layers, x)

    def _check(self, x: Array, rows: int) -> None:
        if x.shape[1] != self.architecture.inputs or rows > self.bound_rows:
            expected = f"up to {self.bound_rows} rows of {self.architecture.inputs} columns"
            raise ValueError(
                f"the network is bound for {expected}; got {tuple(x.shape)}. "
                "Call bind with more rows."
            )

    def backward(self, upstream: Array) -> Array | None:
        """Set every parameter's gradient, given that of the last forward pass' outputs."""
        for layer in reversed(self.layers):
            if upstream is None:
                break
            upstream = layer.backward(upstream)
        return upstream

    def named_parameters(self) -> dict[str, Parameter]:
        """Return every array of the model by its name: ``dense_0.weight``, …"""
        return {
            f"{name}.{parameter.name}": parameter
            for name, layer in named_layers(self.layers)
            for parameter in (*layer.trained(), *layer.kept())
        }

    def own_layers(self) -> list[Layer]:
        """Return the layers in order, those of each member one by one."""
        return [layer for _, layer in named_layers(self.layers)]

    def layer_names(self) -> list[str]:
        """Return each layer's kind with its number among its kind: ``dense_0``, ``dropout_0`` …"""
        return [name for name, _ in numbered(self.layers)]

    def parameter_count(self) -> int:
        """Return how many numbers are trained."""
        return sum(parameter.size for layer in self.layers for parameter in layer.trained())
