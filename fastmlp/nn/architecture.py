"""What a network is made of: widths, and words for all else, as a model file holds them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fastmlp.errors import UsageError, choose
from fastmlp.spec import AT_LEAST_1, per_layer

from .activations import parse_activation
from .initializers import Initializer, chosen_initializers
from .inputs.columns import InputColumns, InputSizes, parse_number_encoding

PARAMETRIZATIONS = ("standard", "ntk")
BATCH_NORM_PLACES = ("none", "hidden", "input", "all")


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
            _check_sharing(self)
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
            return self.networks * _count_shared(self)
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


def _check_sharing(architecture: Architecture) -> None:
    """Refuse what members with weights in common cannot have."""
    if architecture.members % architecture.sharing:
        raise UsageError(
            f"{architecture.members} members cannot share weights by {architecture.sharing}; "
            "give a multiple."
        )
    if not architecture.hidden:
        raise UsageError(
            "members share the weights of hidden layers, and there is none; give hidden layers, "
            "or member_weights own."
        )
    if architecture.batch_norm != "none":
        raise UsageError("batch_norm does not go with member_weights shared; give one of them.")
    given = {
        "input_scale": architecture.input_scale,
        "activation_mix": architecture.activation_mix,
        "parametrization ntk": architecture.parametrization != "standard",
    }
    for name, is_given in given.items():
        if is_given:
            raise UsageError(f"{name} does not go with member_weights shared; give one of them.")


def _count_shared(architecture: Architecture) -> int:
    """Return how many numbers members train that share weights."""
    encoded = architecture.encoded
    *hidden, last = pairwise((encoded.width, *architecture.widths[1:]))
    weights = sum(before * after for before, after in hidden)
    of_member = sum(before + 2 * after for before, after in hidden) + (last[0] + 1) * last[1]
    return encoded.parameters + weights + architecture.sharing * of_member
