"""From what ``fit`` and ``partial_fit`` are given to a network that is ready to train."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from fastmlp.errors import UsageError
from fastmlp.nn.network import Architecture

from . import parameters, weights
from .engine import Blueprint, Engine
from .inputs import Sample, checked_weights, dense, evaluation_parts, validated
from .lbfgs import fit_lbfgs
from .memory import Memory
from .scaling import scaling_of, set_scaling
from .stochastic import STOCHASTIC_ATTRIBUTES, batch_size, fit_stochastic
from .threads import thread_count

SMALL_WORK = (
    1_000_000  # rows times parameters of an epoch that is over before Python has begun the next
)


def learn(estimator: Any, X, y, sample_weight, eval_set, incremental: bool) -> None:
    """Check everything, build or continue a network, and train it; ``incremental`` is one epoch of
    ``partial_fit``.
    """
    parameters.check(estimator)
    _check_early_stopping(estimator, eval_set, incremental)
    first = not hasattr(estimator, "coefs_") or not (estimator.warm_start or incremental)
    task, sample = _sample(estimator, X, y, sample_weight, first, incremental)
    held_out = None
    if eval_set is not None:
        _, held_out = _sample(estimator, *evaluation_parts(eval_set), first=False, incremental=True)
    if first:
        _forget(estimator)
    engine = _prepared_engine(estimator, task, sample, first)
    worker = _worker(estimator, engine, len(sample), first)
    if estimator.solver == "lbfgs":
        set_scaling(estimator, worker, sample, first)
        fit_lbfgs(estimator, engine, worker, sample)
    else:
        fit_stochastic(estimator, engine, worker, sample, held_out, first, incremental)
    if incremental:
        estimator._worker = worker
    else:
        vars(estimator).pop("_worker", None)


def new_engine(estimator: Any, blueprint: Blueprint, rows: int = 0) -> Engine:
    """Return a network for an estimator; it has no weights yet."""
    where = estimator.device, estimator.threads
    return Engine(blueprint, *where, thread_count(estimator.threads), rows, scaling_of(estimator))


def _check_early_stopping(estimator: Any, eval_set, incremental: bool) -> None:
    if estimator.solver == "lbfgs":
        if eval_set is not None:
            raise UsageError(
                "eval_set cannot be used with solver='lbfgs', which has no epochs to measure after."
            )
    elif incremental and estimator.early_stopping and eval_set is None:
        raise UsageError(
            "partial_fit does not support early_stopping=True without eval_set=(X, y): rows set aside from each call "
            "would not be the same ones."
        )


def _sample(
    estimator: Any, X, y, sample_weight, first: bool, incremental: bool
) -> tuple[str, Sample]:
    X, y = validated(estimator, X, y, reset=first, numeric=estimator._numeric_target)
    task, targets, truth = estimator._encoded(y, first, incremental)
    if targets.ndim == 2:
        targets = np.ascontiguousarray(
            targets, np.float64 if estimator._numeric_target else np.float32
        )
    return task, Sample(dense(X), targets, truth, checked_weights(sample_weight, X))


def _forget(estimator: Any) -> None:
    """Begin anew: nothing of an earlier fit counts."""
    estimator._memory = Memory(check_random_state(estimator.random_state))
    estimator.n_iter_, estimator.t_ = 0, 0
    for name in STOCHASTIC_ATTRIBUTES:
        vars(estimator).pop(name, None)


def _prepared_engine(estimator: Any, task: str, sample: Sample, first: bool) -> Engine:
    """Return the network that is to hold the result, and say on the estimator what it is."""
    if not hasattr(estimator, "_memory"):  # the weights were set by hand
        estimator._memory = Memory(check_random_state(estimator.random_state))
    outputs = sample.targets.shape[1] if sample.targets.ndim == 2 else len(estimator.classes_)
    blueprint = _blueprint(estimator, task, sample.features.shape[1], outputs)
    engine = getattr(estimator, "_engine", None)
    if first or engine is None or not engine.fits(blueprint, estimator.device, estimator.threads):
        engine = new_engine(estimator, blueprint)
    estimator._blueprint, estimator._engine = blueprint, engine
    estimator.n_layers_ = len(blueprint.architecture.hidden) + 2
    estimator.n_outputs_, estimator.out_activation_ = (
        outputs,
        estimator._out_activation(task, outputs),
    )
    return engine


def _worker(estimator: Any, engine: Engine, rows: int, first: bool) -> Engine:
    """Return a network with new weights, or with those that training goes on from.

    It is the one that holds the result, unless float64 is needed, by L-BFGS's line search, or costs
    nothing, on data so small that a float32 epoch would be over no sooner.
    """
    blueprint, memory = engine.blueprint, estimator._memory
    is_small = rows * engine.network.parameter_count() <= SMALL_WORK
    if estimator.solver == "lbfgs" or (is_small and engine.backend.shares_host_memory):
        blueprint = replace(blueprint, dtype="float64")
    size = batch_size(estimator, rows)
    worker = engine if blueprint == engine.blueprint else getattr(estimator, "_worker", None)
    if worker is None or not worker.fits(blueprint, estimator.device, estimator.threads):
        worker = new_engine(estimator, blueprint, size)
    worker.bind(size)
    if first:
        worker.draw(memory.random, parameters.layer_activations(estimator))
        return worker
    weights.put(estimator, engine)
    goes_on = memory.last is not None and engine.has_weights(memory.shown)
    worker.network.store.restore(memory.last if goes_on else engine.network.store.snapshot())
    if (
        memory.shown is not None and not goes_on
    ):  # the user has other weights, of which none is the best yet
        memory.best = None
        vars(estimator).pop("best_validation_score_", None)
    return worker


def _blueprint(estimator: Any, task: str, inputs: int, outputs: int) -> Blueprint:
    dropout, memory = parameters.dropout_rates(estimator), estimator._memory
    if dropout and memory.dropout_seed is None:
        # Drawn from a copy: dropout changes neither the initial weights nor the orders.
        memory.dropout_seed = int(copy.deepcopy(memory.random).randint(np.iinfo(np.int32).max))
    architecture = Architecture(
        inputs=inputs,
        outputs=outputs,
        hidden=parameters.layer_widths(estimator),
        activation=",".join(parameters.layer_activations(estimator)) or "identity",
        dropout=dropout,
        dropout_units=bool(estimator.dropout_units),
        batch_norm=estimator.batch_norm,
    )
    smoothing = float(getattr(estimator, "label_smoothing", 0.0))
    seed = memory.dropout_seed if dropout else 0
    return Blueprint(
        architecture, task, estimator.loss.strip(), smoothing, np.dtype(estimator.dtype).name, seed
    )
