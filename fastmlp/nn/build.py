"""The layers of a network, built from its description."""

from __future__ import annotations

from functools import partial

from fastmlp.spec import per_layer
from fastmlp.step.counters import Counters

from .activations import parse_activation
from .architecture import Architecture
from .divided.normalization import SynchronizedBatchNormalization
from .ensembles.members import Members
from .ensembles.shared_members import MemberScale
from .initializers import parse_initializer
from .inputs.layers import input_layers
from .layer import Layer
from .layers import ActivationLayer, BatchNormalization, Dense, Dropout
from .learnt_factors import MixedActivation, Scale


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
        layers.append(normalization(width, architecture.batch_norm_decay, counters))
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
            layers.append(normalization(units, architecture.batch_norm_decay, counters))
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


def normalization(width: int, decay: float, counters: Counters) -> BatchNormalization:
    """Return a batch normalisation, by the rows of all ranks where a batch is divided."""
    if counters.divided:
        return SynchronizedBatchNormalization(width, decay, counters)
    return BatchNormalization(width, decay)


def build_shared(
    architecture: Architecture, seed: int, counters: Counters, number: int = 0
) -> list[Layer]:
    """Return the layers of members that share weights: those of ``input_layers`` then, for each
    hidden width, scales r, a dense weight, scales s and biases, f, [dropout]; at last an output
    layer for each.
    """
    members, hidden = architecture.sharing, architecture.hidden
    activations = [
        parse_activation(a) for a in per_layer("activation", architecture.activation, len(hidden))
    ]
    rates = per_layer("dropout", architecture.dropout, len(hidden))
    weights, biases = map(parse_initializer, (architecture.init, architecture.bias_init))
    identity, width = parse_activation("identity"), architecture.encoded.width
    layers = input_layers(
        architecture.inputs,
        architecture.input_columns,
        parse_activation(architecture.input_activation),
        architecture.number_encoding,
        architecture.embedding_width,
    )
    for index, (units, f, rate) in enumerate(zip(hidden, activations, rates, strict=True)):
        layers.append(MemberScale(width, members, signs=index == 0))
        layers.append(Dense(width, units, identity, weights, biases, has_bias=False, feeds=f))
        own = {"bias_initializer": biases, "fans": (width, units), "feeds": f}
        layers.append(MemberScale(units, members, **own))
        if not f.is_identity:
            layers.append(ActivationLayer(units, f))
        if rate:
            mask = number * len(hidden) + index, counters, members
            layers.append(Dropout(units, rate, architecture.dropout_units, seed, *mask))
        width = units
    last = parse_activation(architecture.output_activation)
    heads: list[list[Layer]] = [
        [Dense(width, architecture.outputs, last, weights, biases)] for _ in range(members)
    ]
    layers.append(Members(width, heads))
    for layer in layers if architecture.decay_biases else ():
        for parameter in layer.trained():
            parameter.decays = True
    return layers
