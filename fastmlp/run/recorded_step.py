"""What a training step of a run consists of on a device: its operations in order, as recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastmlp.model.model import load
from fastmlp.nn.ensembles.members import named_layers
from fastmlp.nn.layers import Dense
from fastmlp.settings.settings import settings_from
from fastmlp.step.batches import Batches
from fastmlp.step.distortions import Distortions
from fastmlp.training import recorded


@dataclass(frozen=True)
class StepListing:
    """A training step of a run on a device.

    Attributes
    ----------
    device
        ``"cpu"`` or ``"cuda:N"``.
    layers
        Dense layers of the network, those of all members.
    optimizer
        The update rule.
    operations
        Names in order: calls on the CPU, nodes of the graph on CUDA.
    """

    device: str
    layers: int
    optimizer: str
    operations: list[str]


def recorded_step(run: str | Path, device: str = "auto", threads: int | None = None) -> StepListing:
    """Record a training step with a run's network, loss and optimizer on made-up rows; nothing is
    trained.

    Parameters
    ----------
    run
        A run's folder or model file.
    device, threads
        Where it is recorded.

    Raises
    ------
    ModelFileError, DeviceError, UsageError
        With one line that says what is wrong.
    """
    model = load(run, device=device, threads=threads)
    settings, network = settings_from(model.settings), model.network
    rows = network.architecture.members * settings.batch_size
    recorded.bind(network, model.loss, settings.batch_size)
    wide = model.task != "classification"
    encoded = np.zeros(
        (rows, model.targets.output_width) if wide else rows, network.dtype if wide else np.int32
    )
    augmentation, shape = settings.make_augmentation(), model.features.image_shape
    distortions = None
    if augmentation is not None and shape is not None:
        how = shape, settings.seed, network.dtype, rows
        distortions = Distortions(network.backend, augmentation, *how)
    batches = Batches(
        network.backend,
        np.zeros((rows, network.architecture.inputs), network.dtype),
        model.loss.targets_from(model.targets, encoded),
        network.counters,
        dtype=network.dtype,
        batch_size=rows,
        scale=model.features.scale,
        shift=model.features.shift,
        weights=None if settings.class_weight == "none" else np.ones(rows),
        distortions=distortions,
    )
    rule = settings.make_optimizer(), batches, settings.make_regularization()
    averaging = settings.make_averaging(rows)
    step = recorded.RecordedStep(network, model.loss, *rule, averaging=averaging)
    layers = sum(isinstance(layer, Dense) for _, layer in named_layers(network.layers))
    return StepListing(
        network.backend.name, layers, settings.optimizer, step.training_pass.operations
    )
