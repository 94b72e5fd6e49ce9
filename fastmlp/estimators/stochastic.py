"""One fit or partial_fit by a stochastic solver: rows, recorded pass, epochs, fitted attributes."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np

from fastmlp.optim.rules import SKLEARN_NAMES

from .engine import Engine
from .fitting import Fitting, warn_of
from .inputs import Sample, split
from .losses import reported_share
from .rates import make_rates
from .rows import Rows, mean_one
from .scaling import set_scaling
from .solvers import Lesson
from .validation import Validation, make_score
from .watch import Watch
from .weights import NOT_FINITE, hand_over

LARGEST_AUTO_BATCH = 200
STOCHASTIC_ATTRIBUTES = (
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
    "validation_loss_curve_",
    "learning_rate_",
    "converged_",
    "_no_improvement_count",
)
# What recorded steps hold as constants: a pass may be used again while these stay.
RECORDED = (
    *("solver", "alpha", "nesterovs_momentum", "weight_decay", "clip_norm"),
    *SKLEARN_NAMES.values(),
)


def batch_size(estimator: Any, rows: int) -> int:
    """Return the rows of a batch: all of them for lbfgs."""
    if estimator.solver == "lbfgs":
        return rows
    return min(
        LARGEST_AUTO_BATCH if estimator.batch_size == "auto" else int(estimator.batch_size), rows
    )


def make_rows(estimator: Any, engine: Engine, sample: Sample, weights: np.ndarray | None) -> Rows:
    """Return rows on the network's device, scaled as ``normalize`` asks."""
    return Rows(
        engine.backend,
        sample.features,
        sample.targets,
        engine.network.counters,
        dtype=engine.network.dtype,
        batch_size=batch_size(estimator, len(sample)),
        weights=weights,
        **engine.scaling,
    )


def training_weights(estimator: Any, sample: Sample) -> tuple[np.ndarray | None, float]:
    """Return the rows' weights with mean 1, ``class_weight`` included, and the mean they had."""
    factors = estimator._class_factors(sample.truth)
    if factors is None or sample.weights is None:
        return mean_one(sample.weights if factors is None else factors)
    return mean_one(sample.weights * factors)


def fit_stochastic(
    estimator: Any,
    engine: Engine,
    worker: Engine,
    sample: Sample,
    held_out: Sample | None,
    first: bool,
    incremental: bool,
) -> None:
    """Train the worker, hand the result to the estimator's own network, and set the fitted
    attributes.
    """
    if estimator.early_stopping and held_out is None:
        sample, held_out = _set_aside(estimator, sample)
    if estimator.batch_size != "auto" and estimator.batch_size > len(sample):
        warnings.warn(
            "Got `batch_size` larger than sample size. It is going to be clipped.", stacklevel=5
        )
    set_scaling(estimator, worker, sample, first)
    engine.scaling = worker.scaling
    lesson = _lesson(estimator, worker, sample, incremental)
    memory, watch = estimator._memory, _watch(estimator)
    lesson.restore_slots(memory.slots if memory.solver == estimator.solver else {})
    memory.solver = estimator.solver
    rates = make_rates(estimator, memory.rate, memory.updates, lesson.sweep.steps, incremental)
    fitting = Fitting(
        lesson,
        memory,
        watch,
        rates,
        epochs=1 if incremental else estimator.max_iter,
        rows_seen=estimator.t_,
        shuffle=estimator.shuffle,
        validation=_validation(estimator, worker, held_out),
        callbacks=estimator.callbacks or (),
        verbose=estimator.verbose,
        dtype=engine.network.dtype,
    )
    fitting.run()
    _note_numbers(estimator, fitting, watch)
    is_over = watch.by_score and (not incremental or fitting.stop_reason)
    hand_over(estimator, engine, worker, memory.best if is_over else None)
    if fitting.diverged and not watch.by_score:
        raise ValueError(
            f"{NOT_FINITE} {fitting.stop_reason}; the weights are those of the epoch before."
        )
    if not incremental:
        warn_of(fitting, estimator.max_iter)


def _set_aside(estimator: Any, sample: Sample) -> tuple[Sample, Sample]:
    """Return training and validation rows, in a warm start the same ones as in the fit before."""
    memory = estimator._memory
    if memory.split is None:
        memory.split, random = copy.deepcopy(memory.random), memory.random
    else:
        random = copy.deepcopy(memory.split)
    labels = None if estimator.metric is None else estimator._class_numbers(sample.truth)
    return split(
        sample, estimator.validation_fraction, random, estimator._stratify(sample.targets), labels
    )


def _lesson(estimator: Any, engine: Engine, sample: Sample, incremental: bool) -> Lesson:
    """Return a recorded pass; ``partial_fit`` with as many rows as the call before uses that one's
    again.
    """
    weights, mean_weight = training_weights(estimator, sample)
    if not incremental:
        vars(estimator).pop("_lesson", None)
        return Lesson(estimator, engine, make_rows(estimator, engine, sample, weights), mean_weight)
    size = batch_size(estimator, len(sample))
    like = sample.features.shape, sample.features.dtype.str, size, weights is None, mean_weight
    key = engine, like, tuple(getattr(estimator, name) for name in RECORDED)
    kept = getattr(estimator, "_lesson", None)
    if kept is not None and kept[0] == key:
        kept[1].rows.replace(sample.features, sample.targets, weights)
        return kept[1]
    # Memory of its own, which later calls are written into.
    own = Sample(np.array(sample.features, order="C"), sample.targets.copy(), sample.truth)
    lesson = Lesson(estimator, engine, make_rows(estimator, engine, own, weights), mean_weight)
    estimator._lesson = key, lesson
    return lesson


def _validation(estimator: Any, engine: Engine, held_out: Sample | None) -> Validation | None:
    if held_out is None:
        return None
    score = make_score(
        estimator, estimator.metric, held_out.features, held_out.truth, held_out.weights
    )
    share = reported_share(engine.loss, engine.network.architecture.outputs)
    return Validation(engine, held_out.features, held_out.targets, held_out.weights, score, share)


def _watch(estimator: Any) -> Watch:
    """Return the numbers of the epochs so far."""
    best_loss = getattr(estimator, "best_loss_", None)
    best_score = getattr(estimator, "best_validation_score_", None)
    return Watch(
        float(estimator.tol),
        estimator.n_iter_no_change,
        bool(estimator.early_stopping),
        losses=list(getattr(estimator, "loss_curve_", [])),
        scores=list(getattr(estimator, "validation_scores_", None) or []),
        validation_losses=list(getattr(estimator, "validation_loss_curve_", None) or []),
        best_loss=np.inf if best_loss is None else best_loss,
        best_score=-np.inf if best_score is None else best_score,
        count=getattr(estimator, "_no_improvement_count", 0),
    )


def _note_numbers(estimator: Any, fitting: Fitting, watch: Watch) -> None:
    """Set the fitted attributes that are not weights."""
    measured = bool(watch.scores)
    estimator.n_iter_, estimator.t_ = fitting.epoch, fitting.rows_seen
    estimator.loss_curve_, estimator._no_improvement_count = watch.losses, watch.count
    if watch.losses:
        estimator.loss_ = watch.losses[-1]
    estimator.best_loss_ = None if watch.by_score else watch.best_loss
    estimator.validation_scores_ = watch.scores if measured else None
    estimator.validation_loss_curve_ = watch.validation_losses if measured else None
    estimator.best_validation_score_ = watch.best_score if measured else None
    estimator.learning_rate_ = fitting.rate
    estimator.converged_ = fitting.converged
