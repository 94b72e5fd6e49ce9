"""Brings the layers of somebody else's network into the order that ours has, by folding what has no
place of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fastmlp.errors import UsageError
from fastmlp.nn.activations import parse_activation
from fastmlp.nn.plain_layers import (
    Activate,
    Clamp,
    Drop,
    Linear,
    MixedActivate,
    Normalization,
    PlainLayer,
    Scaling,
)

IDENTITY = parse_activation("identity")
EPSILON = 1e-5  # of our batch normalisation


@dataclass(eq=False)
class Block:
    """A linear layer, the normalisation of its output, and the activation behind both."""

    linear: Linear
    normalization: Normalization | None = None
    activation: Activate | MixedActivate | None = None

    @property
    def activation_word(self) -> str:
        """The activation as an architecture names it, with every digit of its argument."""
        return (IDENTITY if self.activation is None else self.activation.activation).word

    @property
    def mix(self) -> np.ndarray | None:
        """The share of the activation for each unit, None where there is nothing to mix."""
        if self.activation is None:
            return None
        pure = np.ones(self.linear.weight.shape[1])
        return self.activation.mix if isinstance(self.activation, MixedActivate) else pure


@dataclass(eq=False)
class Arranged:
    """A network as an architecture can describe it.

    Attributes
    ----------
    scaling, target_scaling
        Of the features and of regression outputs, float64; None where there is none.
    clamp
        Of regression outputs in their own unit, or None.
    factors
        Of the network's own scaling of its inputs, of any sign, or None.
    input_normalization
        Batch normalisation of the features.
    blocks
        At least one. Either all of them but the last are normalised, or none is.
    """

    scaling: Scaling | None
    target_scaling: Scaling | None
    clamp: Clamp | None
    factors: np.ndarray | None
    input_normalization: Normalization | None
    blocks: list[Block]

    @property
    def normalized(self) -> str:
        """Where the architecture has batch normalisation."""
        words = {
            (False, False): "none",
            (True, False): "input",
            (False, True): "hidden",
            (True, True): "all",
        }
        return words[self.input_normalization is not None, self.blocks[0].normalization is not None]

    @property
    def mixes(self) -> bool:
        """Whether a hidden activation is mixed with what enters it."""
        return any(isinstance(block.activation, MixedActivate) for block in self.blocks[:-1])

    def arrays(self) -> Iterator[np.ndarray]:
        """Yield the arrays in the order of ``Network.named_parameters``."""
        if self.factors is not None:
            yield self.factors
        if self.input_normalization is not None:
            yield from self.input_normalization.arrays
        for block in self.blocks:
            yield block.linear.weight
            if block.normalization is not None:
                yield from block.normalization.arrays
            elif block.linear.bias is None:
                yield np.zeros(block.linear.weight.shape[1])
            else:
                yield block.linear.bias
            if self.mixes and block is not self.blocks[-1] and block.mix is not None:
                yield block.mix


def arrange(layers: Sequence[PlainLayer]) -> Arranged:
    """Return layers as [scaling] [factors] [normalisation] (linear [normalisation] activation)…
    [scaling] [clamp].

    Dropout is left out. A batch normalisation stays one where all hidden layers have theirs between
    the linear layer and the activation; anywhere else it becomes part of the linear layer beside
    it, which then computes the same.

    Raises
    ------
    UsageError
        If the layers are not those of a multilayer perceptron.
    """
    layers = [layer for layer in layers if not (isinstance(layer, Drop) or is_identity(layer))]
    clamp = next((layer for layer in layers[-1:] if isinstance(layer, Clamp)), None)
    layers = layers if clamp is None else layers[:-1]
    rest = next((i for i, each in enumerate(layers) if not isinstance(each, Scaling)), len(layers))
    scalings = [layer for layer in layers[:rest] if isinstance(layer, Scaling)]
    layers = layers[rest:]
    scaling, factors = _features_and_factors(scalings)
    target_scaling = next((layer for layer in layers[-1:] if isinstance(layer, Scaling)), None)
    layers = layers if target_scaling is None else layers[:-1]
    first = next((index for index, layer in enumerate(layers) if isinstance(layer, Linear)), None)
    if first is None:
        raise UsageError("there is no linear layer; an MLP has at least one.")
    before = [layer for layer in layers[:first] if isinstance(layer, Normalization)]
    if len(before) < first or first > 1:
        raise UsageError(
            "before the first linear layer an MLP has one scaling "
            "and one batch normalisation at most."
        )
    blocks = _blocks(layers[first:])
    _settle_normalizations(blocks)
    return Arranged(
        scaling,
        target_scaling,
        clamp,
        factors,
        before[0].with_epsilon(EPSILON) if before else None,
        blocks,
    )


def _features_and_factors(scalings: list[Scaling]) -> tuple[Scaling | None, np.ndarray | None]:
    """Return the scaling of the features, whose factors are over 0, and the factors that follow
    without a shift, of any sign.
    """
    scaling, factors = None, None
    for each in scalings:
        shifts = each.shift.any() or each.origin is not None
        if factors is None and (shifts or scaling is None) and (each.scale > 0).all():
            scaling = each if scaling is None else scaling.then(each)
        elif not shifts:
            factors = each.scale if factors is None else factors * each.scale
        else:
            raise UsageError(
                "a scaling with a shift and with factors not over 0, or behind learnt factors, "
                "has no place in an MLP; make it part of the first linear layer."
            )
    return scaling, factors


def is_identity(layer: PlainLayer) -> bool:
    """Tell whether a layer is the activation that changes nothing."""
    return isinstance(layer, Activate) and layer.activation.is_identity


def _blocks(layers: Sequence[PlainLayer]) -> list[Block]:
    """Return the layers, of which the first is linear, by linear layers."""
    blocks: list[Block] = []
    # A normalisation behind an activation, which joins the linear layer that follows.
    waiting: Normalization | None = None
    for layer in layers:
        if isinstance(layer, Linear):
            blocks.append(Block(layer if waiting is None else _behind(waiting, layer)))
            waiting = None
            continue
        last = blocks[-1]
        if isinstance(layer, Normalization) and last.activation and not waiting:
            waiting = layer
        elif isinstance(layer, Normalization) and not (waiting or last.normalization):
            last.normalization = layer
        elif isinstance(layer, (Activate, MixedActivate)) and not (waiting or last.activation):
            last.activation = layer
        else:
            raise UsageError(
                f"{layer.word} follows linear layer {len(blocks)} where an MLP has none; "
                "one of each is accepted."
            )
    if isinstance(blocks[-1].activation, MixedActivate):
        raise UsageError(
            "the last layer has a mixed activation; an MLP mixes those of its hidden layers."
        )
    if waiting is not None:
        raise UsageError(
            "the last activation is followed by a batch normalisation; an MLP ends before it."
        )
    return blocks


def _settle_normalizations(blocks: list[Block]) -> None:
    """Keep normalisations where every hidden layer has one; fold all others away."""
    *hidden, last = blocks
    kept = bool(hidden) and all(block.normalization for block in hidden)
    for block in hidden if kept else ():
        normalization, bias = block.normalization, block.linear.bias
        assert normalization is not None  # as in all of them where they are kept
        if bias is not None:  # y − mean with y = x·W + b is x·W − (mean − b)
            normalization = replace(
                normalization, mean=normalization.mean.astype(np.float64) - bias
            )
        block.normalization = normalization.with_epsilon(EPSILON)
        block.linear = replace(block.linear, bias=None)
    for block in [last] if kept else blocks:
        if block.normalization is not None:
            block.linear, block.normalization = _before(block.linear, block.normalization), None


def _before(linear: Linear, normalization: Normalization) -> Linear:
    """Return, in float64, the linear layer for ``linear`` and then ``normalization``."""
    factor, bias = normalization.factor, 0 if linear.bias is None else linear.bias
    return Linear(
        linear.weight * factor,
        (bias - normalization.mean.astype(np.float64)) * factor + normalization.beta,
    )


def _behind(normalization: Normalization, linear: Linear) -> Linear:
    """Return, in float64, the linear layer for ``normalization`` and then ``linear``."""
    factor = normalization.factor
    shift = normalization.beta - normalization.mean.astype(np.float64) * factor
    return Linear(
        linear.weight * factor[:, None],
        (0 if linear.bias is None else linear.bias) + shift @ linear.weight,
    )
