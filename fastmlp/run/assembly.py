"""What a training is made of, from settings and data: model, batches, measures, step, trainer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fastmlp.backend import Backend
from fastmlp.errors import UsageError
from fastmlp.model.model import Model
from fastmlp.model.prediction import PREDICTION_BATCH
from fastmlp.nn.architecture import Architecture
from fastmlp.nn.losses import output_width
from fastmlp.nn.network import Network
from fastmlp.optim.schedules import Schedule
from fastmlp.preparation.prepare import Part, PreparedData
from fastmlp.ranks.contract import ALONE, Ranks
from fastmlp.settings.settings import Settings
from fastmlp.step.batches import Batches
from fastmlp.step.counters import Counters
from fastmlp.step.distortions import Distortions
from fastmlp.training.measure import Measure
from fastmlp.training.members import MemberRows, MembersOrder, OutOfFold, held_out_visits
from fastmlp.training.policies import Order, Patience, Rates, SeededOrder
from fastmlp.training.recorded import RecordedStep, bind, check_memory
from fastmlp.training.trainer import Trainer

from .choices import Validated, adjusted, check_choices, choose, picks_threshold, validated
from .inputs import learn_columns, set_edges
from .shuffling import with_shuffle_block


@dataclass
class Assembly:
    """A training that is ready to start.

    Attributes
    ----------
    settings
        With every choice made: no None is left that fastmlp decides.
    backend
        Where it runs.
    data
        The prepared splits.
    model
        The network with its preprocessing; untrained until ``trainer`` has run.
    trainer
        The loop.
    measures
        What measures each split, by its name.
    """

    settings: Settings
    backend: Backend
    data: PreparedData
    model: Model
    trainer: Trainer
    measures: dict[str, Measure]

    def choose(self) -> dict[str, Any]:
        """Let the trained model have what is chosen by the validation rows; return what it is."""
        by = validated(self.model, self.data, self.measures)
        return choose(self.model, by, self.settings, self.data.test)

    def numbers(self, name: str, chosen: dict[str, Any]) -> dict[str, float]:
        """Return what is measured of a split, with what was ``chosen`` after training."""
        measure = self.measures[name]
        numbers = measure.run()
        if chosen:
            numbers |= adjusted(self.model, self._said(name), measure.metric)
        return numbers

    def _said(self, name: str) -> Validated:
        """Return what the model says of a split's rows."""
        if name == "validation":
            said = validated(self.model, self.data, self.measures)
            assert said is not None  # or it had no measure
            return said
        part = self.data.parts[name]
        assert part is not None  # or it had no measure
        return Validated(self.model.logits(part.features), part.targets)


def assemble(data: PreparedData, backend: Backend) -> Assembly:
    """Build and record all that trains on prepared data; kernels are compiled here.

    Raises
    ------
    UsageError
        If settings do not fit the data or each other; nothing was compiled then.
    """
    settings, rows = data.settings, member_rows(data.settings, data)
    described = describe_network(settings, data, backend)
    # By what the first rank measures of its disk: all must draw the same order.
    settings = backend.ranks.decide(partial(with_shuffle_block, settings, data))
    settings = settings.decided(rows.per_epoch, described[0])
    check_choices(settings, data)
    model, epoch = build_model(settings, data, backend, described), rows.per_epoch
    rule = settings.make_optimizer(), settings.make_regularization()
    schedules = settings.make_schedule(epoch), settings.make_shares(epoch)
    distortions = make_distortions(settings, data, backend)
    averaging = settings.make_averaging(epoch)
    batches = make_training_batches(model, data, rows, settings.batch_size, distortions)
    measures = make_measures(model, data, batches, settings)
    if data.folds is not None:
        measures["validation"] = make_out_of_fold(model, data, rows, batches, settings)
    optimizer, regularization = rule
    step = RecordedStep(
        model.network,
        model.loss,
        optimizer,
        batches,
        regularization,
        drop_last=settings.drop_last,
        scheduled=schedules[1],
        averaging=averaging,
    )
    trainer = make_trainer(settings, step, *schedules, measures, rows)
    return Assembly(settings, backend, data, model, trainer, measures)


def make_trainer(
    settings: Settings,
    step: RecordedStep,
    schedule: Schedule,
    shares: dict[str, Schedule],
    measures: dict[str, Measure],
    rows: MemberRows,
) -> Trainer:
    """Return the loop over a recorded step, as the settings have it."""
    assert settings.epochs is not None  # once decided
    block = settings.shuffle_block or 0
    order = SeededOrder(settings.seed, block) if settings.shuffle else Order()
    if rows.members > 1:
        order = MembersOrder(settings.seed, rows, settings.shuffle, block)
    return Trainer(
        step,
        epochs=settings.epochs,
        order=order,
        rates=Rates(schedule, shares=shares),
        patience=Patience(
            settings.early_stopping, settings.watch, settings.make_metric(measures["train"].task)
        ),
        monitor=measures.get("validation", measures.get("test")),
        log_every=settings.log_every,
        time_limit=settings.time_limit,
    )


def describe_network(
    settings: Settings, data: PreparedData, backend: Backend
) -> tuple[Architecture, list[np.ndarray]]:
    """Return the network's description, and the edges of its bins, learnt from the rows."""
    columns, edges = learn_columns(settings, data, backend)
    outputs = output_width(settings.loss_word, data.targets)
    return settings.make_architecture(data.features.output_columns, outputs, columns), edges


def build_model(
    settings: Settings,
    data: PreparedData,
    backend: Backend,
    described: tuple[Architecture, list[np.ndarray]],
) -> Model:
    """Return the untrained model, bound for the settings' batches and for predictions."""
    architecture, edges = described
    loss = settings.make_loss(data.targets.task, architecture.outputs)
    rows = max(settings.batch_size, PREDICTION_BATCH)
    remedy = "give smaller hidden layers or a smaller batch"
    check_memory(architecture, backend, settings.dtype, rows, remedy)
    network = Network(architecture, backend, np.dtype(settings.dtype), settings.seed)
    bind(network, loss, rows)
    set_edges(network, edges)
    network.initialize(sample(network, data) if network.looks_at_data else None)
    kept = settings.to_dict(), data.target_name, data.rows, data.known_rows
    return Model(network, loss, data.features, data.targets, *kept)


def member_rows(settings: Settings, data: PreparedData) -> MemberRows:
    """Return which of the training rows each member learns from."""
    stacked = data.stacked is not None
    return MemberRows(settings.member_count, len(data.train), data.folds, stacked)


def make_training_batches(
    model: Model,
    data: PreparedData,
    rows: MemberRows,
    batch_size: int,
    distortions: Distortions | None = None,
) -> Batches:
    """Return batches that hold ``batch_size`` training rows for each member."""
    blocks: dict[str, Any] = {"members": rows.members, "visits": rows.visits}
    blocks |= {"distortions": distortions, "ranks": model.network.backend.ranks}
    size = min(batch_size, rows.per_epoch)
    part, weights = data.train, data.weights
    if data.stacked is not None:
        part = data.stacked
        weights = None if weights is None else np.tile(weights, rows.folds)
    return make_batches(model, data, part, size, model.network.counters, weights, **blocks)


def make_out_of_fold(
    model: Model, data: PreparedData, rows: MemberRows, training: Batches, settings: Settings
) -> OutOfFold:
    """Return what measures each training row by the members that do not learn from it."""
    counters, visits = Counters(model.network.backend), held_out_visits(rows)
    size = min(PREDICTION_BATCH, visits // rows.members)
    blocks: dict[str, Any] = {"members": rows.members, "visits": visits}
    blocks |= {"ranks": model.network.backend.ranks}
    part = data.train if data.stacked is None else data.stacked
    batches = make_batches(
        model, data, part, size, counters, shared=training, **blocks, with_targets=False
    )
    threshold = None if picks_threshold(settings) else settings.fixed_threshold or 0.5
    truth = data.targets, data.train.targets, settings.make_metric(model.task), threshold
    return OutOfFold(model.network, model.loss, batches, rows, *truth)


def sample(network: Network, data: PreparedData) -> np.ndarray:
    """Return training rows as the network reads them, as many as it is bound for, in float64."""
    features, scale, shift = data.train.features, data.features.scale, data.features.shift
    count = min(len(features), network.bound_rows)
    chosen = np.sort(np.random.default_rng(network.seed).permutation(len(features))[:count])
    rows = np.asarray(features[chosen], np.float64)
    return rows if scale is None or shift is None else rows * scale + shift


def make_batches(
    model: Model,
    data: PreparedData,
    part: Part,
    batch_size: int,
    counters: Counters,
    weights: np.ndarray | None = None,
    shared: Batches | None = None,
    *,
    members: int = 1,
    visits: int | None = None,
    with_targets: bool = True,
    distortions: Distortions | None = None,
    ranks: Ranks = ALONE,
) -> Batches:
    """Return batches of a split's rows with targets as the model's loss takes them.

    With ``members`` each batch has a block of ``batch_size`` rows for each. With ``ranks`` each
    of them has its part of every batch.
    """
    targets = model.loss.targets_from(data.targets, part.targets) if with_targets else None
    return Batches(
        model.network.backend,
        part.features,
        targets,
        counters,
        dtype=model.network.dtype,
        batch_size=members * min(batch_size, len(part)),
        visits=visits,
        scale=data.features.scale,
        shift=data.features.shift,
        weights=weights,
        shared=shared,
        distortions=distortions,
        ranks=ranks,
        blocks=members,
        memory=data.settings.memory,
    )


def make_distortions(
    settings: Settings, data: PreparedData, backend: Backend
) -> Distortions | None:
    """Return what changes the training pictures, once settings are ``decided``; None for nothing.

    Raises
    ------
    UsageError
        If a word of ``augment`` is not known, or the data are no pictures.
    """
    augmentation = settings.make_augmentation()
    if augmentation is None:
        return None
    if data.input_shape is None:
        raise UsageError(
            f"augment {settings.augment!r} changes pictures, and the rows of {data.name} are none; "
            "leave it out, or say with --image-size HxW that a table's rows are pictures."
        )
    dtype, rows = np.dtype(settings.dtype), min(settings.batch_size, len(data.train))
    blocks = settings.member_count * rows
    return Distortions(backend, augmentation, data.input_shape, settings.seed, dtype, blocks)


def make_measures(
    model: Model, data: PreparedData, training: Batches, settings: Settings
) -> dict[str, Measure]:
    """Return a measure of each split that is there."""
    measures: dict[str, Measure] = {}
    metric = settings.make_metric(model.task)
    for name in ("train", "validation", "test"):
        part = getattr(data, name)
        if part is not None:
            counters = Counters(model.network.backend)
            batches = make_batches(model, data, part, PREDICTION_BATCH, counters, shared=training)
            picks = name == "validation" and picks_threshold(settings)
            threshold = None if picks else settings.fixed_threshold or 0.5
            about = data.targets, part.targets, metric, threshold
            among = model.network.backend.ranks
            measures[name] = Measure(name, model.network, model.loss, batches, *about, among)
    return measures
