"""Reads the layers of a PyTorch nn.Sequential, activations and all, without importing torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.errors import UsageError
from fastmlp.export.activations import BY_TORCH_CLASS, ELSEWHERE
from fastmlp.export.torch.module import DROPOUT, LINEAR, NORMALIZATION, OWN_LAYERS
from fastmlp.nn.activations import Activation, parse_activation
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

# The logarithm of what a prediction reports: as good as softmax, at the end.
LOG_SOFTMAX = "LogSoftmax"
ENSEMBLE = (
    "is an ensemble, which can be exported but not read again; load the run's folder or its model "
    "file with fastmlp.load"
)
ACCEPTED = (LINEAR, NORMALIZATION, DROPOUT, "Flatten", *BY_TORCH_CLASS)


def is_sequential(source: Any) -> bool:
    """Tell whether an object is an ``nn.Sequential`` that runs its layers one after the other, and
    does nothing else.
    """
    own = type(source)
    return any(
        kind.__name__ == "Sequential" and _is_of_torch(kind) and own.forward is kind.forward
        for kind in own.__mro__
    )


def sequential_layers(module: Any) -> list[PlainLayer]:
    """Return the layers of an ``nn.Sequential`` and of those inside it.

    Raises
    ------
    UsageError
        For a layer that an MLP does not have.
    """
    # A layer may stand in several places, as an activation often does.
    found = list(module.named_modules(remove_duplicate=False))
    mixed = tuple(f"{name}." for name, layer in found if _kind(layer) == "Mixed")
    layers = [
        entry for entry in found if not (is_sequential(entry[1]) or entry[0].startswith(mixed))
    ]
    for name, layer in layers:
        if _kind(layer) == "Ensemble":
            raise UsageError(f"layer {name!r} {ENSEMBLE}.")
    plain = []
    for position, (name, layer) in enumerate(layers, 1):
        if _kind(layer) != "Flatten":  # which leaves a matrix as it is
            plain.append(_plain_layer(name, layer, is_last=position == len(layers)))
    return plain


def _is_of_torch(kind: type) -> bool:
    return kind.__module__.startswith("torch.nn")


def _kind(layer: Any) -> str:
    """Return the name of a layer's class; none for somebody's own class, which may be called like
    one of torch's.
    """
    kind = type(layer)
    return kind.__name__ if _is_of_torch(kind) or kind.__name__ in OWN_LAYERS else ""


def _plain_layer(name: str, layer: Any, is_last: bool) -> PlainLayer:
    def array(attribute: str) -> np.ndarray:
        return to_array(f"{name}.{attribute}", getattr(layer, attribute))

    def array_if_any(attribute: str) -> np.ndarray | None:
        return None if getattr(layer, attribute) is None else array(attribute)

    kind = _kind(layer)
    if kind == LINEAR:
        return Linear(array("weight").T, array_if_any("bias"))
    if kind in (DROPOUT, "AlphaDropout"):
        return Drop(layer.p)
    if kind == "Scale":
        return Scaling(array("scale").astype(np.float64), array("shift").astype(np.float64))
    if kind == "Clamp":
        return Clamp(array("low").astype(np.float64), array("high").astype(np.float64))
    if kind == "Mixed":
        inner = _activation(f"{name}.activation", layer.activation, _kind(layer.activation))
        return MixedActivate(inner, array("mix"))
    if kind == NORMALIZATION:
        if layer.running_mean is None:
            raise UsageError(
                f"layer {name!r} keeps no running statistics; its predictions depend on the batch."
            )
        mean, gamma, beta = array("running_mean"), array_if_any("weight"), array_if_any("bias")
        gamma = np.ones_like(mean) if gamma is None else gamma
        beta = np.zeros_like(mean) if beta is None else beta
        return Normalization(gamma, beta, mean, array("running_var"), layer.eps)
    return Activate(
        _activation(name, layer, "Softmax" if is_last and kind == LOG_SOFTMAX else kind)
    )


def _activation(name: str, layer: Any, kind: str) -> Activation:
    if kind not in BY_TORCH_CLASS:
        what = type(layer).__name__
        raise UsageError(
            f"layer {name!r} is {what}, which an MLP does not have there; "
            f"accepted: {', '.join(ACCEPTED)}."
        )
    word = BY_TORCH_CLASS[kind]
    row = ELSEWHERE[word]
    for attribute, values in row.taken.items():
        if getattr(layer, attribute) not in values:
            raise UsageError(
                f"layer {name!r} is {layer}; only {attribute}={values[-1]!r} can be taken over."
            )
    return parse_activation(f"{word}({getattr(layer, row.argument)!r})" if row.argument else word)


def to_array(name: str, value: Any) -> np.ndarray:
    """Return a tensor or an array in float32 or float64; counts of batches as they are."""
    if hasattr(value, "detach"):  # a tensor, wherever it lies; halves are not known to NumPy
        value = value.detach().cpu()
        value = (
            value.float() if value.is_floating_point() and value.element_size() < 4 else value
        ).numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise UsageError(f"{name} holds {array.dtype}; the arrays of a state_dict are numbers.")
    return (
        array if array.dtype.kind != "f" or array.dtype == np.float64 else array.astype(np.float32)
    )
