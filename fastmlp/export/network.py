"""A trained network and what stands before and behind it, as steps for other programs."""

from __future__ import annotations

from fastmlp.data.features.preprocessing import FeaturePreprocessor
from fastmlp.data.features.targets import TargetEncoder
from fastmlp.nn.network import Network
from fastmlp.nn.steps import Drop, Linear, Normalization, Scaling, Step

# What other programs call a step: ONNX's operator, and PyTorch's class of torch.nn.
ONNX_OPERATORS = {Linear: "Gemm", Normalization: "BatchNormalization"}
TORCH_CLASSES = {Linear: "Linear", Normalization: "BatchNorm1d", Drop: "Dropout"}


def network_steps(network: Network) -> list[Step]:
    """Return what a network computes, with copies of its arrays."""
    return [step for layer in network.layers for step in layer.steps()]


def feature_scaling(features: FeaturePreprocessor) -> Scaling | None:
    """Return what normalises the matrix of ``features.transform``, or None."""
    if features.scale is None or features.shift is None:
        return None
    return Scaling(features.scale, features.shift)


def target_scaling(targets: TargetEncoder) -> Scaling | None:
    """Return what brings outputs back to a regression target's own unit, or None."""
    if targets.mean is None or targets.deviation is None:
        return None
    if not (targets.mean.any() or (targets.deviation != 1).any()):
        return None
    return Scaling(targets.deviation, targets.mean)
