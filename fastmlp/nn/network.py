"""The multilayer perceptron: built from a description, run forward and backward."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.errors import UsageError, choose
from fastmlp.spec import AT_LEAST_1
from fastmlp.step.counters import Counters
from fastmlp.step.parameters import Parameter, ParameterStore

from .activations import parse_activation
from .initializers import Initializer, chosen_initializers
from .inputs.columns import InputColumns, InputSizes, parse_number_encoding
from .inputs.layers import input_layers
from .layer import Layer
from .layers import ActivationLayer, BatchNormalization, Dense, Dropout
from .learnt_factors import MixedActivation, Scale
from .members import Members, connect, named_layers, numbered, predict_same
from .per_layer import per_layer
from .shared_members import build_shared, check_sharing, count_shared

PARAMETRIZATIONS = ("standard", "ntk")
KINDS = tuple(layer.kind for layer in Layer.__subclasses__())
BATCH_NORM_PLACES = ("none", "hidden", "input", "all")
LARGEST_SEED = 1 << 63  # kernels take it as an int64
# Keeps the draws of initial weights apart from those of shuffles under the same seed.
INITIAL_WEIGHTS_STREAM = 0x1417


@dataclass(frozen=True)
class Architecture:
    """What a network is made of, in words and numbers that a model file can hold.

    Attributes
    ----------
    inputs, outputs
        Columns of the input and of the output.
    hidden
        Width of each hidden layer.
    activation, output_activation
        Of the hidden layers (one word for all, or one a layer, separated by commas) and of the
        last.
    init, bias_init
        Initial weights and biases, see initializers.
    dropout
        Share of units dropped after each hidden layer: none, one number for all, or one a layer.
    dropout_units
        Drop units for a whole batch rather than element by element.
    batch_norm
        ``"none"``, ``"hidden"``, ``"input"`` or ``"all"``.
    batch_norm_decay
        Decay of the running statistics.
    decay_biases
        Penalties and weight decay also act on biases and on batch normalisation's parameters.
    members
        Networks of these layers, whose predictions are averaged.
    sharing
        How many members have one weight in common in each hidden layer: 1 for weights of its own
        for each.
    input_activation
        Of the inputs but codes, before all else.
    input_scale
        A factor for each column, which is learnt, stands first.
    parametrization
        ``"standard"``, or ``"ntk"``: dense layers divide by √fan_in in the forward pass, so that
        weights are drawn with deviation 1.
    activation_mix
        Hidden activations are α·f(z) + (1 − α)·z with a learnt α for each unit.
    number_encoding
        ``"plain"``, ``"piecewise(16)"`` or ``"periodic(16)"``.
    embedding_width
        Numbers that stand for a code.
    columns
        Which inputs are numbers, and which codes; None where all are numbers. A dict is what
        ``dataclasses.asdict`` made of it.
    """

    inputs: int
    outputs: int
    hidden: tuple[int, ...] = ()
    activation: str = "relu"
    output_activation: str = "identity"
    init: str = "auto"
    bias_init: str = "zeros"
    dropout: tuple[float, ...] = ()
    dropout_units: bool = False
    batch_norm: str = "none"
    batch_norm_decay: float = 0.9
    decay_biases: bool = False
    members: int = 1
    sharing: int = 1
    input_activation: str = "identity"
    input_scale: bool = False
    parametrization: str = "standard"
    activation_mix: bool = False
    number_encoding: str = "plain"
    embedding_width: int = 8
    columns: InputColumns | None = None

    def __post_init__(self):
        if isinstance(self.columns, dict):
            object.__setattr__(self, "columns", InputColumns.from_dict(self.columns))
        for name, width in [
            ("inputs", self.inputs),
            ("outputs", self.outputs),
            ("embedding_width", self.embedding_width),
            *(("hidden", w) for w in self.hidden),
        ]:
            if isinstance(width, bool) or not isinstance(width, (int, np.integer)) or width < 1:
                raise UsageError(
                    f"{name}: a layer's width must be a whole number of at least 1; got {width!r}."
                )
        AT_LEAST_1.check("members", self.members)
        AT_LEAST_1.check("sharing", self.sharing)
        if self.sharing > 1:
            check_sharing(self)
        choose("batch_norm", self.batch_norm, BATCH_NORM_PLACES)
        choose("parametrization", self.parametrization, PARAMETRIZATIONS)
        if not 0 <= self.batch_norm_decay < 1:
            raise UsageError(
                "batch_norm_decay must be at least 0 and less than 1; "
                f"got {self.batch_norm_decay:g}."
            )
        for rate in self.dropout:
            if not 0 <= rate < 1:
                raise UsageError(f"dropout must be at least 0 and less than 1; got {rate:g}.")
        per_layer("activation", self.activation, len(self.hidden))
        per_layer("dropout", self.dropout, len(self.hidden))
        parse_number_encoding(self.number_encoding)
        if self.columns is not None:
            self.columns.check(self.inputs, self.number_encoding)

    def __str__(self) -> str:
        times = f"{self.members} × " if self.members > 1 else ""
        return times + "-".join(map(str, self.widths))

    @property
    def additions(self) -> list[str]:
        """What its hidden layers have beside weights, in words: ``batch norm all``."""
        words = [] if self.input_activation == "identity" else [f"{self.input_activation} first"]
        words += [] if self.number_encoding == "plain" else [f"numbers {self.number_encoding}"]
        if self.columns is not None and self.columns.codes:
            words.append(f"{len(self.columns.codes)} embedded")
        words += [] if self.batch_norm == "none" else [f"batch norm {self.batch_norm}"]
        if self.dropout:
            words.append(f"dropout {','.join(f'{rate:g}' for rate in self.dropout)}")
        words += ["input scale"] if self.input_scale else []
        words += ["activation mix"] if self.activation_mix else []
        if self.sharing > 1:
            words.append(f"weights shared by {self.sharing} members")
        return words

    @property
    def networks(self) -> int:
        """How many networks have no weight in common."""
        return self.members // self.sharing

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of the input, of each hidden layer and of the output."""
        return (self.inputs, *self.hidden, self.outputs)

    @property
    def input_columns(self) -> InputColumns:
        """What the columns of the input are."""
        return self.columns or InputColumns.all_numbers(self.inputs, self.number_encoding)

    @property
    def encoded(self) -> InputSizes:
        """What encodings and embeddings make of the input."""
        how = self.number_encoding, self.embedding_width
        return InputSizes.of(self.inputs, self.columns, *how)

    @property
    def initializers(self) -> tuple[Initializer, Initializer]:
        """Initial weights and biases."""
        return chosen_initializers(self.init, self.bias_init, self.parametrization == "ntk")

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        if self.sharing > 1:
            return self.networks * count_shared(self)
        encoded = self.encoded
        widths = (encoded.width, *self.widths[1:])
        dense = sum((before + 1) * after for before, after in pairwise(widths))
        of_input = 2 * encoded.width if self.batch_norm in ("input", "all") else 0
        of_input += encoded.parameters
        of_input += encoded.width if self.input_scale else 0
        # γ and β of each unit take the place of its bias.
        normalized = sum(self.hidden) if self.batch_norm in ("hidden", "all") else 0
        return self.members * (dense + of_input + normalized + self._shares)

    @property
    def _shares(self) -> int:
        """How many units mix their activation with what enters it."""
        words = per_layer("activation", self.activation, len(self.hidden))
        bent = [not parse_activation(word).is_identity for word in words]
        return sum(width for width, own in zip(self.hidden, bent, strict=True) if own) * bool(
            self.activation_mix
        )


def build_layers(architecture: Architecture, seed: int, counters: Counters) -> list[Layer]:
    """Return the layers in order; of several networks, one layer that holds them all."""
    shares = architecture.sharing > 1
    build = build_shared if shares else build_member
    stacks = [
        build(architecture, seed, counters, number) for number in range(architecture.networks)
    ]
    if len(stacks) == 1:
        return stacks[0]
    return [Members(architecture.inputs, stacks, "fold" if shares else "member")]


def build_member(
    architecture: Architecture, seed: int, counters: Counters, number: int = 0
) -> list[Layer]:
    """Return the layers of one member: those of ``input_layers``, [scale], [batch normalisation]
    then, for each width, dense, [batch normalisation], f, [dropout].
    """
    first_mask = number * len(architecture.hidden)  # members draw different masks
    activations = [
        parse_activation(a)
        for a in per_layer("activation", architecture.activation, len(architecture.hidden))
    ]
    rates = per_layer("dropout", architecture.dropout, len(architecture.hidden))
    weights, biases = architecture.initializers
    identity = parse_activation("identity")
    dense = partial(Dense, parametrization=architecture.parametrization)
    layers = input_layers(
        architecture.inputs,
        architecture.input_columns,
        parse_activation(architecture.input_activation),
        architecture.number_encoding,
        architecture.embedding_width,
    )
    width = architecture.encoded.width
    if architecture.input_scale:
        layers.append(Scale(width))
    if architecture.batch_norm in ("input", "all"):
        layers.append(BatchNormalization(width, architecture.batch_norm_decay))
    for index, (units, activation, rate) in enumerate(
        zip(architecture.hidden, activations, rates, strict=True)
    ):
        normalized = architecture.batch_norm in ("hidden", "all")
        mixed = architecture.activation_mix and not activation.is_identity
        alone = activation if not (normalized or mixed) else identity
        layers.append(
            dense(width, units, alone, weights, biases, has_bias=not normalized, feeds=activation)
        )
        if normalized:
            layers.append(BatchNormalization(units, architecture.batch_norm_decay))
        if mixed:
            layers.append(MixedActivation(units, activation))
        elif normalized and not activation.is_identity:
            layers.append(ActivationLayer(units, activation))
        if rate:
            mask = first_mask + index
            layers.append(Dropout(units, rate, architecture.dropout_units, seed, mask, counters))
        width = units
    last = parse_activation(architecture.output_activation)
    layers.append(dense(width, architecture.outputs, last, weights, biases))
    for layer in layers if architecture.decay_biases else ():
        for parameter in layer.trained():
            parameter.decays = True
    return layers


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


KINDS = tuple(layer.kind for layer in Layer.__subclasses__())
