"""``fastmlp.from_sklearn``: an MLPClassifier or MLPRegressor of either library, alone or behind
scalers, becomes a model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.errors import UsageError
from fastmlp.model.model import Model
from fastmlp.nn.activations import parse_activation
from fastmlp.nn.plain_layers import Activate, Linear, PlainLayer, Scaling

from .build import Surroundings, assemble, with_origins, with_scaling

ACTIVATIONS = {
    "identity": "identity",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "softmax": "softmax",
}
ACCEPTED = (
    "an MLPClassifier or MLPRegressor, alone or in a Pipeline behind SimpleImputer and scalers"
)


def from_sklearn(estimator: object, *, device: str = "auto", threads: int | None = None) -> Model:
    """Return the model of a fitted MLP of scikit-learn or of fastmlp; it predicts the same.

    Parameters
    ----------
    estimator
        An ``MLPClassifier`` or ``MLPRegressor`` of either library, or a ``Pipeline`` that ends in
        one, behind ``SimpleImputer``, ``StandardScaler``, ``MinMaxScaler`` or ``MaxAbsScaler``.
    device, threads
        As in ``load``.

    Raises
    ------
    UsageError, DeviceError
        If it is not fitted, or has a part that a model does not.
    """
    *before, network = _parts(estimator)
    if not (hasattr(network, "coefs_") and hasattr(network, "out_activation_")):
        raise UsageError(f"{type(network).__name__} cannot be taken over; give {ACCEPTED}, fitted.")
    if hasattr(network, "classes_") and network.loss != "log_loss":
        raise UsageError(
            f"loss {network.loss!r} gives no probabilities, so that it cannot be taken over; "
            "give log_loss."
        )
    medians, scaling = _preparation(before, network)
    layers = _plain_layers(network)
    if scaling is not None:
        layers = with_scaling(layers, scaling)
    task, classes = _task(network)
    names = getattr(estimator, "feature_names_in_", None)
    around = Surroundings(
        "scikit-learn", task, classes, medians, None if names is None else list(names)
    )
    return assemble(layers, around, network.coefs_[0].dtype, device, threads)


def _parts(estimator: object) -> list[Any]:
    """Return the steps of a pipeline, or the estimator alone."""
    steps = getattr(estimator, "steps", ())
    return [part for _, part in steps if part not in (None, "passthrough")] or [estimator]


def _plain_layers(network: Any) -> list[PlainLayer]:
    """Return the layers, the last activation included."""
    if network.out_activation_ not in ACTIVATIONS:
        raise UsageError(
            f"the activation {network.out_activation_!r} cannot be taken over; "
            f"accepted: {', '.join(ACTIVATIONS)}."
        )
    last = Activate(parse_activation(ACTIVATIONS[network.out_activation_]))
    # fastmlp's own has more layers than coefs_ and intercepts_ tell.
    if hasattr(network, "plain_layers"):
        return [*network.plain_layers(), last]
    hidden = Activate(parse_activation(ACTIVATIONS[network.activation]))
    layers: list[PlainLayer] = []
    for weight, bias in zip(network.coefs_, network.intercepts_, strict=True):
        layers += [Linear(weight, bias), hidden]
    return [*layers[:-1], last]


def _task(network: Any) -> tuple[str, np.ndarray | None]:
    if not hasattr(network, "classes_"):
        return "regression", None
    if network.n_outputs_ > 1 and network.out_activation_ == "logistic":
        return "multilabel", None
    return "classification", np.asarray(network.classes_)


def _preparation(parts: list[Any], network: Any) -> tuple[np.ndarray | None, Scaling | None]:
    """Return what stands in for missing values, and what the scalers do together."""
    medians = scaling = None
    for position, part in enumerate(parts):
        kind = type(part).__name__
        if kind == "SimpleImputer" and position == 0:
            medians = _stand_ins(part)
            continue
        if kind not in SCALERS:
            raise UsageError(f"{kind} in the pipeline cannot be taken over; give {ACCEPTED}.")
        scaling = _joined(scaling, SCALERS[kind](part))
    if scaling is not None:
        scaling = with_origins(scaling)
    if getattr(network, "input_scale_", None) is not None:  # fastmlp's own ``normalize``
        own = network.input_scale_, network.input_shift_, getattr(network, "input_origin_", None)
        scaling = _joined(scaling, Scaling(*own))
    return medians, scaling


def _joined(before: Scaling | None, following: Scaling) -> Scaling:
    return following if before is None else before.then(following)


def _stand_ins(imputer: Any) -> np.ndarray:
    plain = not imputer.add_indicator and imputer.missing_values != imputer.missing_values
    try:
        values = np.asarray(imputer.statistics_, np.float64)
    except (TypeError, ValueError):  # texts
        values = np.array([np.nan])
    if not plain or not np.isfinite(values).all():
        raise UsageError(
            "SimpleImputer can be taken over where it puts numbers for NaN "
            "and adds or drops no columns."
        )
    return values


def _standard(scaler: Any) -> Scaling:
    zeros = np.zeros(scaler.n_features_in_)
    factor = 1 / scaler.scale_ if scaler.scale_ is not None else zeros + 1
    return Scaling(factor, zeros, scaler.mean_ if scaler.with_mean else zeros)


def _min_max(scaler: Any) -> Scaling:
    if scaler.clip:
        raise UsageError("MinMaxScaler with clip=True cannot be taken over; fit it without.")
    return Scaling(*(np.asarray(array, np.float64) for array in (scaler.scale_, scaler.min_)))


def _max_abs(scaler: Any) -> Scaling:
    return Scaling(1 / np.asarray(scaler.scale_, np.float64), np.zeros(scaler.n_features_in_))


SCALERS = {"StandardScaler": _standard, "MinMaxScaler": _min_max, "MaxAbsScaler": _max_abs}
