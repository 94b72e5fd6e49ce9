"""Makes a model of a network that was trained elsewhere: it predicts, is saved and is exported like
any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fastmlp.backend import open_backend
from fastmlp.data.features.scaling import far_from_zero
from fastmlp.data.features.targets import TargetEncoder
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.data.splits import TASKS
from fastmlp.errors import UsageError, choose
from fastmlp.model.model import Model
from fastmlp.model.prediction import PREDICTION_BATCH
from fastmlp.nn.network import Network
from fastmlp.nn.plain_layers import Clamp, Linear, PlainLayer, Scaling
from fastmlp.settings.settings import Settings, settings_from
from fastmlp.step.parameters import Parameter
from fastmlp.training.recorded import bind

from .canonical import Arranged, Block, arrange

KINDS_OF_LABELS = (str, int, bool, float)


@dataclass(frozen=True)
class Surroundings:
    """What a network's arrays do not say.

    Attributes
    ----------
    origin
        Where it comes from: ``"PyTorch"``.
    task
        ``"classification"``, ``"multilabel"``, ``"regression"``, or None for classification where
        classes are given.
    classes
        The label of each output, or of the two sides of a single logit; None for 0, 1, …
    medians
        (columns,) what stands in for missing values, or None.
    feature_names
        Of the columns, or None.
    target_name
        What is predicted, or None.
    """

    origin: str
    task: str | None = None
    classes: Sequence[Any] | np.ndarray | None = None
    medians: np.ndarray | None = None
    feature_names: Sequence[str] | None = None
    target_name: str | None = None


def assemble(
    layers: Sequence[PlainLayer],
    around: Surroundings,
    dtype: np.dtype,
    device: str = "auto",
    threads: int | None = None,
) -> Model:
    """Return the model of a network that is given by its layers.

    Parameters
    ----------
    layers
        In their order; the linear layers' widths must fit.
    around
        What the layers do not say.
    dtype
        float32 or float64, in which the model is to compute.
    device, threads
        As in ``load``.

    Raises
    ------
    UsageError, DeviceError
        If the layers are no MLP, a width, label or number does not fit, or the device cannot be
        used.
    """
    _check_layers(layers)
    arranged = arrange(layers)
    blocks = arranged.blocks
    inputs, outputs, task = (
        blocks[0].linear.weight.shape[0],
        blocks[-1].linear.weight.shape[1],
        _task(around),
    )
    loss_word = _loss_word(task, blocks[-1], outputs)
    labels = _labels(around, task, outputs)
    targets = _targets(task, outputs, labels, arranged.target_scaling, arranged.clamp, dtype)
    if task == "classification":
        _sort_classes(blocks[-1], around.classes)
    features = _features(arranged.scaling, inputs, around, dtype)
    settings = _settings(arranged, around.origin, task, loss_word, dtype)
    architecture = settings.make_architecture(inputs, outputs)
    loss = settings.make_loss(task, outputs)
    network = Network(architecture, open_backend(device, threads=threads)[0], dtype, seed=0)
    bind(network, loss, PREDICTION_BATCH)
    named = network.named_parameters().items()
    for (name, parameter), values in zip(named, arranged.arrays(), strict=True):
        _assign(network, name, parameter, values)
    return Model(network, loss, features, targets, settings.to_dict(), around.target_name)


def _check_layers(layers: Sequence[PlainLayer]) -> None:
    """Check that the layers' widths follow each other and that all numbers are finite."""
    width = None
    for layer in layers:
        arrays = [array for array in vars(layer).values() if isinstance(array, np.ndarray)]
        if not arrays:
            continue
        taken = arrays[0].shape[0]
        if width not in (None, taken):
            raise UsageError(
                f"{layer.word} takes {taken:,} columns and the one before gives {width:,}; "
                "an MLP's layers follow each other."
            )
        width = arrays[0].shape[-1]
        if not all(np.isfinite(array).all() for array in arrays):
            raise UsageError(
                f"{layer.word} holds numbers that are not finite; the network cannot predict."
            )


def _assign(network: Network, name: str, parameter: Parameter, values: np.ndarray) -> None:
    if parameter.shape != values.shape:
        raise UsageError(
            f"{name} would have shape {values.shape}, not {parameter.shape}; the layers do not fit."
        )
    with np.errstate(over="ignore"):
        narrowed = values.astype(network.dtype)
    if not np.isfinite(narrowed).all():
        raise UsageError(f"{name} holds numbers too large for {network.dtype.name}.")
    network.backend.assign(parameter.values, narrowed)


def _task(around: Surroundings) -> str:
    if around.task is not None:
        return choose("task", around.task, TASKS)
    if around.classes is None:
        raise UsageError(
            "a network does not say what it is for; "
            f"give task, one of {', '.join(TASKS)}, or classes."
        )
    return "classification"


def _loss_word(task: str, last: Block, outputs: int) -> str:
    """Return the loss whose probabilities are what the last activation gives, and leave that
    activation to it.
    """
    word = last.activation_word
    if task == "regression":
        return "squared_error"
    single = task == "multilabel" or outputs == 1
    accepted = ("identity", "sigmoid") if single else ("identity", "softmax")
    if word not in accepted:
        if task == "classification" and outputs == 1:
            raise UsageError(
                f"a single output tells two classes apart by identity or sigmoid, not by {word}."
            )
        return "squared_error"  # which takes the outputs as they are
    last.activation = None
    return "log_loss" if single else "softmax_cross_entropy"


def _labels(around: Surroundings, task: str, outputs: int) -> list | None:
    """Return the classes in the order that was given."""
    if task != "classification":
        if around.classes is not None:
            raise UsageError(f"classes go with classification, not with {task}; leave them out.")
        return None
    count = max(outputs, 2)
    labels = list(range(count)) if around.classes is None else np.asarray(around.classes).tolist()
    if len(labels) != count or len(set(labels)) != count:
        raise UsageError(
            f"the network tells {count:,} classes apart; "
            f"give as many different labels, not {len(labels):,}."
        )
    if len({type(label) for label in labels}) != 1 or type(labels[0]) not in KINDS_OF_LABELS:
        raise UsageError(
            "classes must be all texts, all whole numbers, all truth values or all numbers."
        )
    return labels


def _sort_classes(last: Block, classes: Sequence[Any] | np.ndarray | None) -> None:
    """Bring the outputs into the order in which a model keeps its classes, which is ascending."""
    if classes is None:
        return
    order = np.argsort(np.asarray(classes), kind="stable")
    if (order == np.arange(len(order))).all():
        return
    weight, bias = last.linear.weight, last.linear.bias
    if weight.shape[1] == 1:  # the logit of the second class: that of the first is its negative
        last.linear = Linear(-weight, None if bias is None else -bias)
    else:
        last.linear = Linear(weight[:, order], None if bias is None else bias[order])


def _targets(
    task: str,
    outputs: int,
    labels: list | None,
    scaling: Scaling | None,
    clamp: Clamp | None,
    dtype: np.dtype,
) -> TargetEncoder:
    if clamp is not None and task != "regression":
        raise UsageError(f"the outputs are clamped, which goes with regression, not with {task}.")
    if scaling is not None and task != "regression":
        raise UsageError(f"the outputs are scaled, which goes with regression and not with {task}.")
    kept: dict[str, Any] = {"task": task, "dtype": np.dtype(dtype).name, "output_width": outputs}
    if labels is not None:  # of a classification; how many rows each class had is not known
        kept |= {
            "classes": sorted(labels),
            "class_counts": [1] * len(labels),
            "output_width": len(labels),
        }
    elif task == "regression":
        scaling = scaling or Scaling(np.ones(outputs), np.zeros(outputs))
        _check_scaling("the target's", scaling, outputs)
        kept |= {"mean": scaling.shift.tolist(), "deviation": scaling.scale.tolist()}
        if clamp is not None:
            kept["limits"] = [clamp.low.tolist(), clamp.high.tolist()]
    return TargetEncoder.from_dict(kept)


def _features(
    scaling: Scaling | None, columns: int, around: Surroundings, dtype: np.dtype
) -> FeaturePreprocessor:
    names = None if around.feature_names is None else [str(name) for name in around.feature_names]
    if names is not None and (len(names) != columns or len(set(names)) != columns):
        raise UsageError(
            f"the network reads {columns:,} columns; give as many different feature_names."
        )
    if scaling is not None:
        _check_scaling("the features'", scaling, columns)
    medians = None if around.medians is None else np.asarray(around.medians, np.float64).tolist()
    origins = None if scaling is None or scaling.origin is None else scaling.origin.tolist()
    plan = {
        "kind": "matrix",
        "columns": columns,
        "names": names,
        "medians": medians,
        "origins": origins,
    }
    return FeaturePreprocessor.from_dict(
        {
            "features": plan,
            "normalize": "none" if scaling is None else "standard",
            "dtype": np.dtype(dtype).name,
            "image_shape": None,
            "scale": None if scaling is None else scaling.scale.tolist(),
            "shift": None if scaling is None else scaling.shift.tolist(),
        }
    )


def _check_scaling(whose: str, scaling: Scaling, columns: int) -> None:
    arrays = [
        array for array in (scaling.scale, scaling.shift, scaling.origin) if array is not None
    ]
    if any(array.shape != (columns,) for array in arrays):
        raise UsageError(f"{whose} scaling must have a number for each of {columns:,} columns.")
    if not (np.isfinite(arrays).all() and (scaling.scale > 0).all()):
        raise UsageError(f"{whose} scaling must be finite, with a factor over 0.")


def _settings(network: Arranged, origin: str, task: str, loss: str, dtype: np.dtype) -> Settings:
    *hidden, last = network.blocks
    words = [block.activation_word for block in hidden]
    return settings_from(
        {
            "dataset": f"unknown: the network comes from {origin}",
            "task": task,
            "hidden": ",".join(str(block.linear.weight.shape[1]) for block in hidden) or "none",
            "activation": words[0] if len(set(words)) == 1 else ",".join(words) or "identity",
            "output_activation": last.activation_word,
            "batch_norm": network.normalized,
            "activation_mix": network.mixes,
            "input_scale": network.factors is not None,
            "loss": loss,
            "normalize": "none" if network.scaling is None else "standard",
            "dtype": np.dtype(dtype).name,
        }
    )


def with_scaling(layers: Sequence[PlainLayer], scaling: Scaling) -> list[PlainLayer]:
    """Return the layers behind a scaling; single numbers serve all columns.

    Raises
    ------
    UsageError
        If they are not as many as the network has columns.
    """
    first = next((layer for layer in layers if isinstance(layer, Linear)), None)
    columns = scaling.scale.size if first is None else first.weight.shape[0]
    wide = partial(np.broadcast_to, shape=(columns,))
    try:
        origin = None if scaling.origin is None else wide(scaling.origin)
        return [Scaling(wide(scaling.scale), wide(scaling.shift), origin), *layers]
    except ValueError:
        raise UsageError(
            f"the features' scaling must have a number for each of {columns:,} columns."
        ) from None


def with_origins(scaling: Scaling) -> Scaling:
    """Return the same scaling with an origin for columns that lie far from zero, and in its shift
    that of the others.
    """
    start = 0.0 if scaling.origin is None else scaling.origin
    with np.errstate(all="ignore"):  # what is not finite is refused later
        zero = start - scaling.shift / scaling.scale
        far = far_from_zero(zero, zero, 1 / scaling.scale)
        shift = np.where(far, 0.0, scaling.shift - start * scaling.scale)
    return Scaling(scaling.scale, shift, np.where(far, zero, 0.0) if far.any() else None)
