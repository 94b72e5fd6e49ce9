"""A run in phases: the loss, rates, dropout, batches or rows change; parameters go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.errors import UsageError, did_you_mean
from fastmlp.files.atomic import write_json, write_text
from fastmlp.model.model import Model
from fastmlp.nn.layers import Dropout
from fastmlp.nn.losses import output_width
from fastmlp.nn.network import Network
from fastmlp.preparation.given import Given
from fastmlp.preparation.prepare import PreparedData, prepare
from fastmlp.settings.config import to_toml
from fastmlp.settings.description import Role
from fastmlp.settings.settings import Settings, names_of, settings_from
from fastmlp.spec import per_layer
from fastmlp.training.callbacks import (
    Callback,
    HistoryWriter,
    Record,
    RunFacts,
    Training,
    TrainingResult,
)
from fastmlp.training.members import MemberRows
from fastmlp.training.recorded import RecordedStep, bind
from fastmlp.training.trainer import Trainer

from .assembly import (
    build_model,
    describe_network,
    make_batches,
    make_distortions,
    make_measures,
    make_trainer,
)
from .choices import check_choices
from .folder import CONFIG_FILE, HISTORY_FILE, create_run_folder
from .shuffling import with_shuffle_block
from .train import TrainingJob, open_device

PHASES_FILE = "phases.json"
OWN_KEYS = ("rows_share", "loss_threshold")
MOST_PHASES = 1000


@dataclass(frozen=True)
class Phase:
    """One stretch of a run.

    Attributes
    ----------
    settings
        The run's settings with this phase's changes; those of another phase do not count here.
    rows_share
        Each epoch visits so large a share of the training rows, others each time; 1 for all.
    loss_threshold
        Only batches whose mean loss exceeds it are trained on; None for all.
    """

    settings: Settings
    rows_share: float = 1.0
    loss_threshold: float | None = None


def parse_phases(settings: Settings, tables: Sequence[dict[str, Any]]) -> list[Phase]:
    """Return the phases that tables of changes describe.

    Parameters
    ----------
    settings
        Of the run.
    tables
        One a phase: settings of the role PHASE, ``rows_share`` and ``loss_threshold``. ``epochs``
        must be there, in the table or in ``settings``.

    Raises
    ------
    UsageError
        For a key that a phase cannot change, or a value that does not fit.
    """
    if not 1 <= len(tables) <= MOST_PHASES:
        raise UsageError(f"a run has 1 to {MOST_PHASES:,} phases; got {len(tables):,}.")
    if settings.checkpoint_every is not None:
        raise UsageError(
            "checkpoint_every does not go with phases: "
            "a run in phases that was cut off starts anew."
        )
    if settings.member_count > 1:
        raise UsageError("members and folds do not go with phases; give one of them.")
    if settings.average_weights != "none":
        raise UsageError("average_weights does not go with phases; leave one of them out.")
    return [_parse_phase(settings, number, table) for number, table in enumerate(tables, 1)]


def _parse_phase(settings: Settings, number: int, table: dict[str, Any]) -> Phase:
    given = {key.replace("-", "_"): value for key, value in table.items()}
    accepted = (*names_of(Role.PHASE), *OWN_KEYS)
    for key in given:
        if key not in accepted:
            raise UsageError(
                f"phase {number}: {key!r} cannot change in mid-run{did_you_mean(key, accepted)}"
            )
    share, threshold = given.pop("rows_share", 1.0), given.pop("loss_threshold", None)
    if not _is_number(share) or not 0 < share <= 1:
        raise UsageError(
            f"phase {number}: rows_share must be more than 0 and at most 1; got {share!r}."
        )
    if threshold is not None and (not _is_number(threshold) or not np.isfinite(threshold)):
        raise UsageError(
            f"phase {number}: loss_threshold must be a finite number; got {threshold!r}."
        )
    try:
        changed = settings_from(settings.to_dict(), given)
    except UsageError as error:
        raise UsageError(f"phase {number}: {error}") from None
    if changed.epochs is None:
        raise UsageError(f"phase {number} has no epochs; say how many.")
    return Phase(changed, float(share), threshold)


@dataclass(frozen=True)
class PhaseRecord(Record):
    """A record that also says in which phase it was made, from 1."""

    phase: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return one flat dict: as Record's, with the phase."""
        return super().to_dict() | {"phase": self.phase}


class PhaseMarker(Callback):
    """Passes records on to another callback as those of a phase."""

    def __init__(self, phase: int, listener: Callback):
        self.phase, self.listener = phase, listener

    def run_started(self, run: RunFacts) -> None:
        """Pass it on."""
        self.listener.run_started(run)

    def run_ended(self, run: RunFacts) -> None:
        """Pass it on."""
        self.listener.run_ended(run)

    def run_failed(self, run: RunFacts, error: BaseException) -> None:
        """Pass it on."""
        self.listener.run_failed(run, error)

    def training_started(self, trainer: Training) -> None:
        """Pass it on."""
        self.listener.training_started(trainer)

    def progressed(self, trainer: Training, progress) -> None:
        """Pass it on."""
        self.listener.progressed(trainer, progress)

    def recorded(self, trainer: Training, record: Record) -> None:
        """Pass it on with the phase's number."""
        self.listener.recorded(trainer, PhaseRecord(**vars(record), phase=self.phase))

    def epoch_ended(self, trainer: Training, result: TrainingResult) -> None:
        """Pass it on."""
        self.listener.epoch_ended(trainer, result)

    def interrupted(self, trainer: Training, result: TrainingResult) -> None:
        """Pass it on."""
        self.listener.interrupted(trainer, result)

    def training_ended(self, trainer: Training, result: TrainingResult) -> None:
        """Pass it on."""
        self.listener.training_ended(trainer, result)


@dataclass
class Stage:
    """A phase that is ready to run: its model, of which all share the network, and its trainer."""

    model: Model
    measures: dict
    trainer: Trainer


@dataclass(kw_only=True)
class PhasedJob(TrainingJob):
    """A run in phases that is ready to start.

    ``model``, ``trainer`` and ``measures`` are those of the phase at hand, after the run of the
    last.
    """

    stages: list[Stage] = field(default_factory=list)

    def fit(self) -> TrainingResult:
        """Train phase after phase; an early stop ends its phase, Ctrl-C or divergence the run."""
        total, before = TrainingResult(), None
        for number, stage in enumerate(self.stages, 1):
            self.model, self.measures, self.trainer = stage.model, stage.measures, stage.trainer
            if before is not None:
                stage.trainer.go_on(before.trainer.state(), total.epochs)
            result = stage.trainer.fit()
            total = _joined(total, result, number)
            if result.diverged or result.stop_reason == "interrupted":
                break
            before = stage
        return total


def set_up_phases(
    settings: Settings,
    tables: Sequence[dict[str, Any]],
    *,
    out: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    announce: Callable[[str], None] = lambda name: None,
    given: Given | None = None,
) -> PhasedJob:
    """Read the data, build the network, compile every phase, and make the run's folder.

    Parameters
    ----------
    settings, out, callbacks, announce, given
        As for ``set_up``.
    tables
        The phases, see ``parse_phases``; also written to phases.json.

    Raises
    ------
    UsageError, DataError, DeviceError, WriteError
        With one line that says what is wrong.
    """
    if settings.preset not in ("auto", "plain"):
        raise UsageError(
            f"preset {settings.preset} does not go with phases; leave one of them out."
        )
    settings = settings_from(settings.to_dict(), {"preset": "plain"})
    phases = parse_phases(settings, tables)
    backend, reason = open_device(settings, announce)
    data = prepare(settings, given)
    rows = len(data.train)
    phases = [
        replace(phase, settings=with_shuffle_block(phase.settings, data).decided(rows))
        for phase in phases
    ]
    whole = _whole_run(phases)
    _check_outputs(phases, data)
    for phase in phases:
        check_choices(phase.settings, data)
    model = build_model(whole, data, backend, describe_network(whole, data, backend))
    stages: list[Stage] = []
    for phase in phases:
        stages.append(_stage(phase, whole, model, data, stages[0] if stages else None))
    # Everything is accepted by now, so that nothing that is refused leaves a folder behind.
    folder = backend.ranks.decide(lambda: _make_folder(out, data.name, whole, tables))
    for number, stage in enumerate(stages, 1):
        listeners = [HistoryWriter(folder / HISTORY_FILE), *callbacks]
        stage.trainer.callbacks += [PhaseMarker(number, listener) for listener in listeners]
    first = stages[0]
    return PhasedJob(
        settings=whole,
        backend=backend,
        device_reason=reason,
        data=data,
        model=first.model,
        trainer=first.trainer,
        folder=folder,
        measures=first.measures,
        stages=stages,
    )


def _make_folder(
    out: str | Path | None, name: str, whole: Settings, tables: Sequence[dict[str, Any]]
) -> Path:
    """Return the run's new folder, with its settings and phases."""
    folder = create_run_folder(out, name)
    heading = f"# {PHASES_FILE} beside this file tells what changed in mid-run."
    write_text(folder / CONFIG_FILE, f"{heading}\n{to_toml(whole)}")
    write_json(folder / PHASES_FILE, list(tables))
    return folder


def _whole_run(phases: list[Phase]) -> Settings:
    """Return the run's settings: the last phase's, all epochs, room for each batch and dropout."""
    layers = len(phases[0].settings.hidden_widths)
    rates = [per_layer("dropout", phase.settings.dropout_rates, layers) for phase in phases]
    highest = [max(column) for column in zip(*rates, strict=True)]
    return replace(
        phases[-1].settings,
        epochs=sum(phase.settings.epochs or 0 for phase in phases),
        batch_size=max(phase.settings.batch_size for phase in phases),
        dropout=",".join(f"{rate!r}" for rate in highest) if any(highest) else "0",
    )


def _check_outputs(phases: list[Phase], data: PreparedData) -> None:
    """Refuse losses that want different numbers of outputs: one logit, or one a class."""
    widths = {output_width(phase.settings.loss_word, data.targets) for phase in phases}
    if len(widths) > 1:
        raise UsageError(
            "log_loss on two classes has one output and the other losses have two; "
            "a run cannot change between them."
        )


def _stage(
    phase: Phase, whole: Settings, built: Model, data: PreparedData, first: Stage | None
) -> Stage:
    """Record a phase: its loss, optimizer and dropout are bound to the network meanwhile."""
    settings, network = phase.settings, built.network
    loss = settings.make_loss(built.task, network.architecture.outputs)
    bind(network, loss, network.bound_rows)
    of_model = whole.with_loss_of(settings)
    kept = of_model.to_dict(), data.target_name, data.rows, data.known_rows
    model = Model(network, loss, data.features, data.targets, *kept)
    _set_dropout(network, settings)
    shared = first and first.trainer.batches
    batches = make_batches(
        model,
        data,
        data.train,
        settings.batch_size,
        network.counters,
        data.weights,
        shared,
        distortions=make_distortions(settings, data, network.backend),
        ranks=network.backend.ranks,
    )
    measures = make_measures(model, data, batches, settings)
    rows = max(1, round(phase.rows_share * batches.rows))
    selection = {"drop_last": settings.drop_last, "threshold": phase.loss_threshold}
    rule = settings.make_optimizer(), batches, settings.make_regularization()
    schedules = settings.make_schedule(rows), settings.make_shares(rows)
    step = RecordedStep(network, loss, *rule, rows=rows, scheduled=schedules[1], **selection)
    everyone = MemberRows(1, len(data.train))
    trainer = make_trainer(settings, step, *schedules, measures, everyone)
    return Stage(model, measures, trainer)


def _set_dropout(network: Network, settings: Settings) -> None:
    """Set the rate of each dropout layer; one that drops nothing keeps every unit."""
    rates = per_layer("dropout", settings.dropout_rates, len(settings.hidden_widths))
    for layer in network.layers:
        if isinstance(layer, Dropout):
            layer.rate = rates[layer.index]


def _joined(total: TrainingResult, result: TrainingResult, phase: int) -> TrainingResult:
    seconds = total.train_seconds + result.train_seconds
    visited = (
        total.samples_per_second * total.train_seconds
        + result.samples_per_second * result.train_seconds
    )
    return replace(
        result,
        records=[
            *total.records,
            *(PhaseRecord(**vars(record), phase=phase) for record in result.records),
        ],
        train_seconds=seconds,
        samples_per_second=visited / max(seconds, 1e-9),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
