"""A trained network and what stands before and behind it, as layers for other programs."""

from __future__ import annotations

import numpy as np

from fastmlp.data.features.targets import TargetEncoder
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.nn.ensembles import members
from fastmlp.nn.network import Network
from fastmlp.nn.plain_layers import Clamp, Drop, Linear, Normalization, PlainLayer, Scaling

from .trained import TrainedModel

# What other programs call a layer: ONNX's operator, and PyTorch's class of torch.nn.
ONNX_OPERATORS = {Linear: "Gemm", Normalization: "BatchNormalization"}
TORCH_CLASSES = {Linear: "Linear", Normalization: "BatchNorm1d", Drop: "Dropout"}


def plain_layers(network: Network) -> list[PlainLayer]:
    """Return what a network computes, with copies of its arrays."""
    return members.plain_layers(network.layers)


def feature_scaling(features: FeaturePreprocessor) -> Scaling | None:
    """Return what normalises the matrix of ``features.transform``, or None."""
    if features.scale is None or features.shift is None:
        return None
    return Scaling(features.scale, features.shift)


def logit_scaling(temperature: float, outputs: int) -> Scaling | None:
    """Return what divides logits by the temperature of a calibrated model, or None."""
    if temperature == 1:
        return None
    return Scaling(np.full(outputs, 1 / temperature), np.zeros(outputs))


def target_scaling(targets: TargetEncoder) -> Scaling | None:
    """Return what brings outputs back to a regression target's own unit, or None."""
    if targets.mean is None or targets.deviation is None:
        return None
    if not (targets.mean.any() or (targets.deviation != 1).any()):
        return None
    return Scaling(targets.deviation, targets.mean)


def target_clamp(model: TrainedModel) -> Clamp | None:
    """Return what keeps outputs in the training target's range, or None; of logarithms where the
    loss is of counts, whose exponential comes behind.
    """
    limits = model.targets.limits
    if limits is None:
        return None
    if model.loss.kind.link != "exponential":
        return Clamp(*limits)
    with np.errstate(divide="ignore"):  # of a count of 0
        return Clamp(*(np.log(limit) for limit in limits))
