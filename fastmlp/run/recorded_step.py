"""What one training step of a run consists of on a device: every operation in order, as it is
recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastmlp.model.model import bind, load
from fastmlp.settings.settings import settings_from
from fastmlp.step.batches import Batches
from fastmlp.training.passes import training_sweep

from .train import build_optimizer


@dataclass(frozen=True)
class RecordedStep:
    """A training step of a run on a device.

    Attributes
    ----------
    device
        ``"cpu"`` or ``"cuda:N"``.
    layers
        Dense layers of the network.
    optimizer
        The update rule.
    operations
        Names in order: calls on the CPU, nodes of the graph on CUDA.
    """

    device: str
    layers: int
    optimizer: str
    operations: list[str]


def recorded_step(
    run: str | Path, device: str = "auto", threads: int | None = None
) -> RecordedStep:
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
    rows = settings.batch_size
    bind(network, model.loss, rows)
    wide = model.task != "classification"
    encoded = np.zeros(
        (rows, model.targets.output_width) if wide else rows, network.dtype if wide else np.int32
    )
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
    )
    optimizer = build_optimizer(settings, model)
    optimizer.set_learning_rates(np.zeros(1))
    sweep = training_sweep(network, model.loss, optimizer, batches)
    layers = len(network.architecture.hidden) + 1
    return RecordedStep(network.backend.name, layers, settings.optimizer, sweep.operations)
