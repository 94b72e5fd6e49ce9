"""The main job: from settings to a trained model, a run folder and its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.backend import Backend, open_backend
from fastmlp.data.memory import available_memory, in_units
from fastmlp.errors import UsageError
from fastmlp.files.atomic import write_json, write_text
from fastmlp.model.model import Model, bind
from fastmlp.model.prediction import PREDICTION_BATCH
from fastmlp.nn.losses import output_width
from fastmlp.nn.network import Architecture, Network
from fastmlp.optim.optimizers import Optimizer
from fastmlp.preparation.given import Given
from fastmlp.preparation.prepare import Part, PreparedData, prepare
from fastmlp.settings.config import to_toml
from fastmlp.settings.settings import Settings
from fastmlp.step.batches import Batches
from fastmlp.step.counters import Counters
from fastmlp.training.callbacks import Callback, HistoryWriter, Record
from fastmlp.training.checkpoint import Checkpointer
from fastmlp.training.measure import Measure
from fastmlp.training.trainer import Trainer, TrainingResult

from .folder import CONFIG_FILE, HISTORY_FILE, METRICS_FILE, create_run_folder

COPIES_OF_PARAMETERS = 6  # values, gradient, two of Adam's moments, and two snapshots


@dataclass
class TrainingJob:
    """A run that is ready to start: everything is read, built, compiled and checked.

    Attributes
    ----------
    settings
        With every choice made: no None is left that fastmlp decides.
    backend, device_reason
        Where it runs and why there.
    data
        The prepared splits.
    model
        The network with its preprocessing; untrained until ``run``.
    trainer
        The loop.
    folder
        The run's folder.
    measures
        What measures each split, by its name.
    notes
        What checkpoints say of the run beside the training's state: which data it has, and where it
        was resumed.
    records
        What each epoch brought; empty until ``run``.
    """

    settings: Settings
    backend: Backend
    device_reason: str
    data: PreparedData
    model: Model
    trainer: Trainer
    folder: Path
    measures: dict[str, Measure]
    notes: dict[str, Any] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)

    @property
    def compile_seconds(self) -> float:
        """Seconds spent on compiling and loading kernels."""
        return self.backend.compile_seconds

    def run(self) -> dict[str, Any]:
        """Train, save and measure; return the numbers of metrics.json."""
        result = self.fit()
        self.records = result.records
        self.model.save(self.folder)
        metrics = self._metrics(result)
        write_json(self.folder / METRICS_FILE, metrics)
        return metrics

    def fit(self) -> TrainingResult:
        """Train; return how it went."""
        return self.trainer.fit()

    def _metrics(self, result: TrainingResult) -> dict[str, Any]:
        measured = {}
        for name, measure in self.measures.items():
            measured |= {f"{name}_{number}": value for number, value in measure.run().items()}
        return {
            "run_dir": str(self.folder),
            "device": self.backend.name,
            "epochs": result.epochs,
            "best_epoch": result.best_epoch,
            **measured,
            "train_seconds": result.train_seconds,
            "compile_seconds": self.compile_seconds,
            "samples_per_second": result.samples_per_second,
            "threads": self.trainer.sweep.threads,
            "how": self.trainer.sweep.how,
            "parameters": self.model.network.parameter_count(),
            "task": self.model.task,
            **{f"{name}_rows": count for name, count in self.data.rows.items()},
            "resumes": self.notes.get("resumes", []),
            "stop_reason": result.stop_reason,
            "diverged": result.diverged,
        }


def set_up(
    settings: Settings,
    *,
    out: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    announce: Callable[[str], None] = lambda name: None,
    resumed: Path | None = None,
    given: Given | None = None,
) -> TrainingJob:
    """Read the data, build and compile the network, and make the run's folder.

    Parameters
    ----------
    settings
        What to do.
    out
        The run's folder; default runs/<time>-<name>.
    callbacks
        Told of everything that happens.
    announce
        Called with a kernel's name after each that had to be compiled.
    resumed
        The folder of a run that goes on, in place of a new one; it is left as it is.
    given
        Data in memory that take the place of those that the settings name.

    Raises
    ------
    UsageError, DataError, DeviceError, WriteError
        With one line that says what is wrong.
    """
    backend, reason = open_device(settings, announce)
    data = prepare(settings, given)
    settings = settings.decided(len(data.train))
    model = build_model(settings, data, backend)
    optimizer = build_optimizer(settings, model)
    schedule = settings.make_schedule(len(data.train))
    # Every setting is accepted by now, so that none leaves a folder behind; what follows compiles,
    # which takes seconds.
    folder = resumed
    if folder is None:
        folder = create_run_folder(out, data.name)
        write_text(folder / CONFIG_FILE, to_toml(settings))
    notes: dict[str, Any] = {"data": data.known_rows.order, "resumes": []}
    batches = make_batches(
        model, data, data.train, settings.batch_size, model.network.counters, data.weights
    )
    measures = make_measures(model, data, batches)
    trainer = Trainer(
        model.network,
        model.loss,
        optimizer,
        schedule,
        batches,
        epochs=settings.epochs,
        seed=settings.seed,
        shuffle=settings.shuffle,
        drop_last=settings.drop_last,
        monitor=measures.get("validation", measures.get("test")),
        early_stopping=settings.early_stopping,
        watch=settings.watch,
        log_every=settings.log_every,
        callbacks=[
            HistoryWriter(folder / HISTORY_FILE),
            Checkpointer(folder, settings.checkpoint_every, notes),
            *callbacks,
        ],
    )
    return TrainingJob(settings, backend, reason, data, model, trainer, folder, measures, notes)


def open_device(settings: Settings, announce: Callable[[str], None]) -> tuple[Backend, str]:
    """Return the device that the settings ask for, and why it was taken; ``announce`` hears of each
    compiled kernel.
    """
    return open_backend(
        settings.device,
        threads=settings.thread_count,
        gemm=settings.gemm,
        matmul_precision=settings.matmul_precision,
        announce=announce,
    )


def build_model(settings: Settings, data: PreparedData, backend: Backend) -> Model:
    """Return the untrained model, bound for the settings' batches and for predictions."""
    outputs = output_width(settings.loss, data.targets)
    loss = settings.make_loss(data.targets.task, outputs)
    architecture = settings.make_architecture(data.features.output_columns, outputs)
    _check_memory(architecture, settings, backend)
    network = Network(architecture, backend, settings.dtype, settings.seed)
    bind(network, loss, max(settings.batch_size, PREDICTION_BATCH))
    network.initialize()
    kept = settings.to_dict(), data.target_name, data.rows, data.known_rows
    return Model(network, loss, data.features, data.targets, *kept)


def _check_memory(architecture: Architecture, settings: Settings, backend: Backend) -> None:
    """Refuse a network for which there is no memory before any of it is taken: the system would end
    the process.
    """
    parameters = architecture.parameters
    buffers = 2 * max(settings.batch_size, PREDICTION_BATCH) * sum(architecture.widths)
    wanted = (COPIES_OF_PARAMETERS * parameters + buffers) * np.dtype(settings.dtype).itemsize
    on_device = backend.free_memory()
    available = available_memory() if on_device is None else on_device
    if wanted > available:
        raise UsageError(
            f"the network of {parameters:,} parameters needs {in_units(wanted)} of memory to train and "
            f"{in_units(available)} are available on {backend.name}; give smaller hidden layers or a smaller batch."
        )


def make_batches(
    model: Model,
    data: PreparedData,
    part: Part,
    batch_size: int,
    counters: Counters,
    weights: np.ndarray | None = None,
    shared: Batches | None = None,
) -> Batches:
    """Return batches of a split's rows with the targets that the model's loss takes; see Batches."""
    return Batches(
        model.network.backend,
        part.features,
        model.loss.targets_from(data.targets, part.targets),
        counters,
        dtype=model.network.dtype,
        batch_size=min(batch_size, len(part)),
        scale=data.features.scale,
        shift=data.features.shift,
        weights=weights,
        shared=shared,
    )


def make_measures(model: Model, data: PreparedData, training: Batches) -> dict[str, Measure]:
    """Return a measure of each split that is there."""
    measures = {}
    for name in ("train", "validation", "test"):
        part = getattr(data, name)
        if part is not None:
            counters = Counters(model.network.backend)
            batches = make_batches(model, data, part, PREDICTION_BATCH, counters, shared=training)
            where = data.targets.mean, data.targets.deviation
            measures[name] = Measure(name, model.network, model.loss, batches, model.task, *where)
    return measures


def build_optimizer(settings: Settings, model: Model) -> Optimizer:
    """Return the optimizer, bound to the model's network."""
    optimizer = settings.make_optimizer()
    network = model.network
    optimizer.bind(network.backend, network.store, network.counters, settings.make_regularization())
    return optimizer
