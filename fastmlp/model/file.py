"""What a model's file holds, checked before it is used: a file may come from a stranger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.backend import Backend
from fastmlp.data import stored
from fastmlp.data.features.targets import TargetEncoder
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.errors import ModelFileError
from fastmlp.files.tensors import ROW_HASHES, take_tensor
from fastmlp.metrics.adjustment import Adjustment
from fastmlp.metrics.calibration import HIGHEST, LOWEST
from fastmlp.nn.losses import Loss, output_width
from fastmlp.nn.network import Architecture, Network
from fastmlp.preparation.known_rows import KnownRows
from fastmlp.settings.settings import settings_from
from fastmlp.training.recorded import bind

from .prediction import PREDICTION_BATCH


def damaged(file: Path, why: str) -> ModelFileError:
    """Return the error for a file that is not what training writes."""
    return ModelFileError(f"the model {file} is damaged: {why}.")


def read_parts(
    file: Path, tensors: dict[str, np.ndarray], description: dict[str, Any], backend: Backend
) -> tuple:
    """Return what Model takes, in its order, with the network's weights on a backend.

    Raises
    ------
    ModelFileError
        If parts of the file do not fit each other; other errors if entries are missing.
    """
    kept = dict(description["architecture"])
    kept["hidden"], kept["dropout"] = tuple(kept["hidden"]), tuple(kept["dropout"])
    architecture = Architecture(**kept)
    hashes = {name: tensors.pop(name) for name in list(tensors) if name.startswith(ROW_HASHES)}
    _check_sizes(file, architecture, tensors)
    features = FeaturePreprocessor.from_dict(description["features"])
    targets = TargetEncoder.from_dict(description["targets"])
    settings = settings_from(description["settings"])
    network = Network(architecture, backend, np.dtype(description["dtype"]), seed=0)
    loss = settings.make_loss(targets.task, architecture.outputs)
    outputs = output_width(settings.loss_word if loss.levels else loss.name, targets)
    if (features.output_columns, outputs) != (architecture.inputs, architecture.outputs):
        raise damaged(file, "its preprocessing does not fit its network")
    codes = () if architecture.columns is None else architecture.columns.codes
    if features.codes != codes:
        raise damaged(file, "its text columns do not fit its embeddings")
    for factor in (features.scale, features.shift):
        if factor is not None and np.abs(factor).max() > np.finfo(network.dtype).max:
            raise damaged(file, f"its scaling does not fit {network.dtype.name}")
    bind(network, loss, PREDICTION_BATCH)
    for name, parameter in network.named_parameters().items():
        backend.assign(parameter.values, take_tensor(file, tensors, name, parameter.shape))
    target_name, rows = description["target_name"], description["rows"]
    if not isinstance(target_name, (str, type(None))) or not all(
        type(count) is int for count in rows.values()
    ):
        raise damaged(file, "what it says of its training data cannot be read")
    known = description.get("known_rows")  # models of old have none
    known = None if known is None else KnownRows.from_dict(known, hashes, rows)
    adjustment = _adjustment(description, loss, targets)
    about = settings.to_dict(), target_name, rows, known, adjustment
    return network, loss, features, targets, *about


def _adjustment(description: dict[str, Any], loss: Loss, targets: TargetEncoder) -> Adjustment:
    """Return what is done to answers; models of old have nothing of the kind."""
    kept = description.get("adjustment")
    if kept is None:
        return Adjustment()
    temperature, threshold = (stored.number(kept, name) for name in ("temperature", "threshold"))
    if not LOWEST <= temperature <= HIGHEST or (temperature != 1 and not loss.kind.from_logits):
        raise stored.damaged("temperature", f"from {LOWEST:g} to {HIGHEST:g}", temperature)
    if not 0 <= threshold <= 1 or (threshold != 0.5 and len(targets.classes or ()) != 2):
        raise stored.damaged("threshold", "from 0 to 1, for two classes", threshold)
    moves = kept.get("widening") or []
    if moves and (len(loss.levels) < 2 or targets.task != "regression"):
        raise stored.damaged("widening", "of quantiles", moves)
    widening = stored.vector(kept, "widening", len(loss.levels)) if moves else None
    return Adjustment(temperature, threshold, () if widening is None else tuple(widening.tolist()))


def _check_sizes(file: Path, architecture: Architecture, tensors: dict[str, np.ndarray]) -> None:
    """Check that the file holds the numbers of the network it describes, before memory is taken."""
    if architecture.parameters > sum(array.size for array in tensors.values()):
        raise damaged(file, "it describes a larger network than it holds")
