"""``fastmlp.from_torch``: a PyTorch network, as its module or as the arrays of its state_dict,
becomes a model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.errors import ModelFileError, UsageError
from fastmlp.export.torch.module import LINEAR, NORMALIZATION
from fastmlp.model.model import Model
from fastmlp.nn.activations import parse_activation
from fastmlp.nn.plain_layers import (
    Activate,
    Clamp,
    Linear,
    MixedActivate,
    Normalization,
    PlainLayer,
    Scaling,
)
from fastmlp.spec import per_layer

from .build import Surroundings, assemble, with_origins, with_scaling
from .canonical import IDENTITY
from .torch_sequential import ENSEMBLE, is_sequential, sequential_layers, to_array

OF_LINEAR = {"weight", "bias"}
OF_NORMALIZATION = {*OF_LINEAR, "running_mean", "running_var"}
UNUSED = "num_batches_tracked"
OF_MEMBER = re.compile(r"\d+\.members\.\d+\.")  # as an ensemble's export has them


def from_torch(
    source: Any,
    *,
    task: str | None = None,
    classes: Sequence[Any] | None = None,
    activation: str | None = None,
    output_activation: str = "identity",
    mean: Any = None,
    deviation: Any = None,
    feature_names: Sequence[str] | None = None,
    target_name: str | None = None,
    epsilon: float = 1e-5,
    device: str = "auto",
    threads: int | None = None,
) -> Model:
    """Return the model of a network that PyTorch trained; it predicts the same.

    Parameters
    ----------
    source
        An ``nn.Sequential``, of which the layers are read; any other module or a state_dict, whose
        layers are recognised by names and shapes, in their order; or the path of a safetensors file
        with a state_dict. Arrays may be tensors or NumPy's. A ``.pt`` file is not read, since it
        may hold code.
    task
        ``"classification"``, ``"multilabel"`` or ``"regression"``; classification if classes are
        given.
    classes
        The label of each output, in their order, or of the two sides of a single logit; default 0,
        1, …
    activation
        Of the hidden layers, one for all or one a layer: ``"relu"``, ``"relu,leaky_relu(0.2)"``. An
        ``nn.Sequential`` brings its own.
    output_activation
        Of the last layer; for classes softmax or sigmoid follow in any case.
    mean, deviation
        What the inputs were normalised with, (x − mean)/deviation: numbers for all columns, or one
        a column.
    feature_names, target_name
        What columns and target are called.
    epsilon
        Of batch normalisation, where a state_dict does not say.
    device, threads
        As in ``load``.

    Raises
    ------
    UsageError, ModelFileError, DeviceError
        With one line that says why the network is not an MLP, or what is missing.
    """
    if is_sequential(source):
        if activation is not None or output_activation != "identity":
            raise UsageError(
                "an nn.Sequential brings its own activations; "
                "leave activation and output_activation out."
            )
        layers = sequential_layers(source)
    else:
        arrays = _arrays(source)
        layers = _with_activations(_recognised(arrays, epsilon), activation, output_activation)
    if mean is not None or deviation is not None:
        layers = with_scaling(layers, _normalization(mean, deviation))
    doubles = any(
        isinstance(layer, Linear) and layer.weight.dtype == np.float64 for layer in layers
    )
    around = Surroundings("PyTorch", task, classes, None, feature_names, target_name)
    return assemble(
        layers, around, np.dtype(np.float64 if doubles else np.float32), device, threads
    )


def _normalization(mean: Any, deviation: Any) -> Scaling:
    try:
        mean = np.asarray(0.0 if mean is None else mean, np.float64)
        deviation = np.asarray(1.0 if deviation is None else deviation, np.float64)
    except (TypeError, ValueError):
        raise UsageError("mean and deviation must be numbers, or one a column.") from None
    if not (deviation > 0).all():
        raise UsageError("deviation must be greater than 0 in every column.")
    try:
        return with_origins(Scaling(*np.broadcast_arrays(1 / deviation, -mean / deviation)))
    except ValueError:
        raise UsageError(
            f"mean has shape {mean.shape} and deviation {deviation.shape}; they do not fit."
        ) from None


def _arrays(source: Any) -> dict[str, np.ndarray]:
    """Return the arrays of a state_dict by name, in the order of the layers."""
    if isinstance(source, (str, Path)):
        return _file_arrays(Path(source))
    if hasattr(source, "state_dict"):
        source = source.state_dict()
    if not isinstance(source, Mapping) or not source:
        raise UsageError(
            "from_torch takes an nn.Sequential, a state_dict or a safetensors file; "
            f"got {type(source).__name__}."
        )
    return {str(name): to_array(str(name), value) for name, value in source.items()}


def _file_arrays(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: to_array(name, file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118  not a dict
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise ModelFileError(
            f"cannot read {path} as safetensors: {error}. "
            "Load another format with PyTorch and give its state_dict."
        ) from None
    return dict(sorted(arrays.items(), key=lambda entry: _natural(entry[0])))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts ``layers.2`` before ``layers.10``, as a file does not."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", name)
    ]


def _recognised(arrays: dict[str, np.ndarray], epsilon: float) -> list[PlainLayer]:
    """Return the layers by the names and shapes of their arrays."""
    layers: dict[str, dict[str, np.ndarray]] = {}
    member = next((name for name in arrays if OF_MEMBER.match(name)), None)
    if member is not None:
        raise UsageError(f"{member!r} says that the network {ENSEMBLE}.")
    for name, array in arrays.items():
        layer, _, kind = name.rpartition(".")
        if kind != UNUSED:
            layers.setdefault(layer, {})[kind] = array
    return [_layer(name, kept, epsilon) for name, kept in layers.items()]


def _layer(name: str, kept: dict[str, np.ndarray], epsilon: float) -> PlainLayer:
    where, kinds = f"layer {name!r}", set(kept)
    shapes = {kind: array.shape for kind, array in kept.items()}
    weight = kept.get("weight")
    if kinds == {"scale", "shift"} and kept["scale"].ndim == 1:
        return Scaling(kept["scale"].astype(np.float64), kept["shift"].astype(np.float64))
    if kinds == {"low", "high"} and kept["low"].ndim == 1:
        return Clamp(kept["low"].astype(np.float64), kept["high"].astype(np.float64))
    if kinds == {"mix"} and kept["mix"].ndim == 1:
        return MixedActivate(IDENTITY, kept["mix"])  # of what, the user says
    if kinds <= OF_LINEAR and weight is not None and weight.ndim == 2:
        if shapes.get("bias", weight.shape[:1]) != weight.shape[:1]:
            raise UsageError(
                f"{where} has a bias of shape {shapes['bias']} for a weight of {weight.shape}."
            )
        return Linear(weight.T, kept.get("bias"))
    if kinds in (OF_NORMALIZATION, {"running_mean", "running_var"}):
        mean, variance = kept["running_mean"], kept["running_var"]
        gamma, beta = kept.get("weight", np.ones_like(mean)), kept.get("bias", np.zeros_like(mean))
        if (
            not mean.ndim == 1 == len({gamma.shape, beta.shape, mean.shape, variance.shape})
            or (variance < 0).any()
        ):
            raise UsageError(
                f"{where} is no batch normalisation that can be used: "
                f"its arrays have shapes {shapes}."
            )
        return Normalization(gamma, beta, mean, variance, epsilon)
    raise UsageError(
        f"{where} {_what_it_is(kinds, shapes)}; an MLP has {LINEAR} and {NORMALIZATION} layers."
    )


def _what_it_is(kinds: set[str], shapes: dict[str, tuple[int, ...]]) -> str:
    dimensions = len(shapes.get("weight", ()))
    if dimensions > 2:
        return f"is a convolution, of shape {shapes['weight']}"
    if any(re.match(r"weight_[ih]h", kind) for kind in kinds):
        return "is recurrent"
    if "in_proj_weight" in kinds:
        return "is attention"
    if dimensions == 1 and kinds == OF_LINEAR:
        return "is a LayerNorm, or a batch normalisation without running statistics"
    if dimensions == 1 and kinds == {"weight"}:
        return "is a PReLU or another layer with one array"
    return f"has arrays {', '.join(sorted(kinds))}"


def _with_activations(
    layers: list[PlainLayer], activation: str | None, output_activation: str
) -> list[PlainLayer]:
    """Put activations behind all linear layers, or the batch normalisations that follow them."""
    linear = [index for index, layer in enumerate(layers) if isinstance(layer, Linear)]
    if len(linear) > 1 and activation is None:
        raise UsageError(
            "a state_dict does not say which activations there are; "
            "give activation, such as 'relu'."
        )
    words = per_layer("activation", activation or "identity", len(linear) - 1) if linear else []
    result = []
    for index, layer in enumerate(layers):
        if not isinstance(layer, MixedActivate):  # which was added with its activation
            result.append(layer)
        following = layers[index + 1] if index + 1 < len(layers) else None
        ends = isinstance(layer, (Linear, Normalization)) and not isinstance(
            following, Normalization
        )
        before = sum(at <= index for at in linear)
        if ends and before:
            word = words[before - 1] if before < len(linear) else output_activation
            own = parse_activation(word)
            mixed = isinstance(following, MixedActivate)
            result.append(MixedActivate(own, following.mix) if mixed else Activate(own))
    return result
