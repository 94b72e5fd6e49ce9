"""From what ``fit`` and ``partial_fit`` are given to trained weights and fitted attributes."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from fastmlp.data.features.scaling import origin_scale_and_shift
from fastmlp.errors import UsageError
from fastmlp.optim.optimizers import Regularization
from fastmlp.ranks.contract import Ranks
from fastmlp.ranks.joining import here
from fastmlp.step.batches import Batches
from fastmlp.training.callbacks import Callback, Record, Training
from fastmlp.training.policies import DrawnOrder, PenalizedLoss, Tolerance, WordRates
from fastmlp.training.recorded import Objective, RecordedStep
from fastmlp.training.trainer import Trainer

from . import lbfgs
from .engine import Blueprint, Engine
from .inputs import (
    Sample,
    check_ranks,
    checked_weights,
    dense,
    evaluation_parts,
    mean_one,
    split,
    validated,
)
from .losses import reported_share
from .scores import Validation, make_score
from .weights import NOT_FINITE, FitState, Weights

# Rows times parameters of an epoch that is over before Python has begun the next.
SMALL_WORK = 1_000_000
STOCHASTIC_ATTRIBUTES = (
    "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_",
    "validation_loss_curve_", "learning_rate_", "converged_", "_no_improvement_count",
)  # fmt: skip


class FittingTrainer(Trainer):
    """The loop over a step by scikit-learn's rules."""

    patience: Tolerance
    rates: WordRates


class Fitting(Weights):
    """How an estimator learns.

    Two networks may be at work: the estimator's own, which holds the result, and the worker, which
    is trained. They are one unless the worker has to be in float64.
    """

    validation_scores_: list[float] | None

    def _learn(self, X, y, sample_weight, eval_set, incremental: bool) -> None:
        """Check everything, build or continue a network, and train it.

        With ``incremental`` that is one epoch of ``partial_fit``.
        """
        ranks = here()
        with ranks.guarded():
            self._learn_with(ranks, X, y, sample_weight, eval_set, incremental)

    def _learn_with(self, ranks: Ranks, X, y, sample_weight, eval_set, incremental: bool) -> None:
        self._check_parameters()
        self._check_early_stopping(eval_set, incremental)
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        task, sample = self._sample(X, y, sample_weight, first, incremental)
        check_ranks(ranks, self, sample)
        held_out = None
        if eval_set is not None:
            _, held_out = self._sample(*evaluation_parts(eval_set), first=False, incremental=True)
        if first:
            self._forget(ranks)
        engine = self._prepared_engine(task, sample, first, ranks)
        worker = self._prepared_worker(engine, len(sample), first)
        if self.solver == "lbfgs":
            self._fit_lbfgs(engine, worker, sample, first)
        else:
            self._fit_stochastic(engine, worker, sample, held_out, first, incremental)
        if incremental:
            self._worker = worker
        else:
            vars(self).pop("_worker", None)

    def _check_early_stopping(self, eval_set, incremental: bool) -> None:
        if self.solver == "lbfgs":
            if eval_set is not None:
                raise UsageError(
                    "eval_set cannot be used with solver='lbfgs', which has no epochs to measure "
                    "after."
                )
        elif incremental and self.early_stopping and eval_set is None:
            raise UsageError(
                "partial_fit does not support early_stopping=True without eval_set=(X, y): rows "
                "set aside from each call would not be the same ones."
            )

    def _sample(self, X, y, sample_weight, first: bool, incremental: bool) -> tuple[str, Sample]:
        X, y = validated(self, X, y, reset=first, numeric=self._numeric_target)
        task, targets, truth = self._encoded(y, first, incremental)
        if targets.ndim == 2:
            kind = np.float64 if self._numeric_target else np.float32
            targets = np.ascontiguousarray(targets, kind)
        return task, Sample(dense(X), targets, truth, checked_weights(sample_weight, X))

    def _forget(self, ranks: Ranks) -> None:
        """Begin anew: nothing of an earlier fit counts."""
        random = check_random_state(self.random_state)
        if not ranks.is_alone:  # all draw what the first draws
            random.set_state(ranks.decide(random.get_state))
        self._fit_state = FitState(random)
        self.n_iter_, self.t_ = 0, 0
        for name in STOCHASTIC_ATTRIBUTES:
            vars(self).pop(name, None)

    def _prepared_engine(self, task: str, sample: Sample, first: bool, ranks: Ranks) -> Engine:
        """Return the network that is to hold the result, and say what it is."""
        if not hasattr(self, "_fit_state"):  # the weights were set by hand
            self._fit_state = FitState(check_random_state(self.random_state))
        outputs = sample.targets.shape[1] if sample.targets.ndim == 2 else len(self.classes_)
        blueprint = self._make_blueprint(task, sample.features.shape[1], outputs)
        engine = getattr(self, "_engine", None)
        if (
            first
            or engine is None
            or engine.backend.ranks is not ranks
            or not engine.fits(blueprint, self.device, self.threads)
        ):
            engine = self._new_engine(blueprint, ranks=ranks)
        self._blueprint, self._engine = blueprint, engine
        self.n_layers_ = len(blueprint.architecture.hidden) + 2
        self.n_outputs_, self.out_activation_ = outputs, self._out_activation(task, outputs)
        return engine

    def _make_blueprint(self, task: str, inputs: int, outputs: int) -> Blueprint:
        dropout, fit_state = self._dropout_rates(), self._fit_state
        if dropout and fit_state.dropout_seed is None:
            # Drawn from a copy: dropout changes neither the initial weights nor the orders.
            drawn = copy.deepcopy(fit_state.random).randint(np.iinfo(np.int32).max)
            fit_state.dropout_seed = int(drawn)
        architecture = self._architecture(inputs, outputs)
        dtype, seed = np.dtype(self.dtype).name, (fit_state.dropout_seed or 0) if dropout else 0
        return Blueprint(architecture, task, self.loss.strip(), self._smoothing(), dtype, seed)

    def _prepared_worker(self, engine: Engine, rows: int, first: bool) -> Engine:
        """Return a network with new weights, or with those that training goes on from.

        It is the one that holds the result, unless float64 is needed, by L-BFGS's line search, or
        costs nothing, on data so small that a float32 epoch would be over no sooner.
        """
        blueprint, fit_state = engine.blueprint, self._fit_state
        is_small = rows * engine.network.parameter_count() <= SMALL_WORK
        if self.solver == "lbfgs" or (is_small and engine.backend.shares_host_memory):
            blueprint = replace(blueprint, dtype="float64")
        size = self._batch_rows(rows)
        worker = engine if blueprint == engine.blueprint else getattr(self, "_worker", None)
        if worker is None or not worker.fits(blueprint, self.device, self.threads):
            worker = self._new_engine(blueprint, size, engine.backend.ranks)
        worker.bind(size)
        if first:
            worker.draw(fit_state.random, self._layer_activations())
            return worker
        self._put_weights(engine)
        last = fit_state.last if engine.has_weights(fit_state.shown) else None
        worker.network.store.restore(engine.network.store.snapshot() if last is None else last)
        if fit_state.shown is not None and last is None:  # the user has set other weights
            fit_state.forget_best()
        return worker

    def _set_scaling(self, engine: Engine, worker: Engine, sample: Sample, first: bool) -> None:
        """Take the statistics of the first training rows; later ones are scaled by these."""
        if first or not hasattr(self, "input_scale_"):
            columns = sample.features.shape[1]
            names = tuple(map(str, getattr(self, "feature_names_in_", range(columns))))
            given = self.normalize, worker.network.dtype, names
            scaling = origin_scale_and_shift(sample.features, *given)
            self.input_origin_, self.input_scale_, self.input_shift_ = scaling
        for each in (engine, worker):
            each.predict_with(self._scaling())

    def _batches(self, worker: Engine, sample: Sample, weights: np.ndarray | None) -> Batches:
        """Return training rows on the network's device, scaled as ``normalize`` asks."""
        return Batches(
            worker.backend,
            sample.features,
            sample.targets,
            worker.network.counters,
            dtype=worker.network.dtype,
            batch_size=self._batch_rows(len(sample)),
            weights=weights,
            ranks=worker.backend.ranks,
            **worker.scaling,
        )

    def _training_weights(self, sample: Sample) -> tuple[np.ndarray | None, float]:
        """Return the rows' weights with mean 1, ``class_weight`` included, and their mean."""
        factors = self._class_factors(sample.truth)
        if factors is None or sample.weights is None:
            return mean_one(sample.weights if factors is None else factors)
        return mean_one(sample.weights * factors)

    def _fit_lbfgs(self, engine: Engine, worker: Engine, sample: Sample, first: bool) -> None:
        """Minimise the loss of all rows with a network in float64."""
        self._set_scaling(engine, worker, sample, first)
        weights, mean_weight = self._training_weights(sample)
        batches = self._batches(worker, sample, weights)
        penalty = self.alpha / (mean_weight * len(sample))
        objective = Objective(worker.network, worker.loss, batches, penalty)
        limits = {"tol": self.tol, "max_iter": self.max_iter, "max_fun": self.max_fun}
        self.loss_, self.n_iter_ = lbfgs.solve(
            objective, worker, fit_state=self._fit_state, **limits, verbose=self.verbose
        )
        self._take_weights(engine, worker)

    def _fit_stochastic(
        self,
        engine: Engine,
        worker: Engine,
        sample: Sample,
        held_out: Sample | None,
        first: bool,
        incremental: bool,
    ) -> None:
        """Train the worker, and set the fitted attributes."""
        if self.early_stopping and held_out is None:
            sample, held_out = self._set_aside(sample)
        if self.batch_size != "auto" and self.batch_size > len(sample):
            warnings.warn(
                "Got `batch_size` larger than sample size. It is going to be clipped.", stacklevel=6
            )
        self._set_scaling(engine, worker, sample, first)
        step = self._step(worker, sample, incremental)
        trainer = self._trainer(step, engine, worker, held_out, incremental)
        self._take_up(trainer)
        trainer.fit()
        if trainer.stop_reason == "interrupted":
            warnings.warn("Training interrupted by user.", stacklevel=6)
        self._note_numbers(trainer)
        by_score = trainer.patience.by_score
        self._fit_state.keep(trainer.state(), self.solver, by_score)
        is_over = not incremental or trainer.stop_reason or trainer.result.diverged
        self._take_weights(engine, worker, trainer.best_snapshot if by_score and is_over else None)
        self._say_how_it_ended(trainer, incremental)

    def _set_aside(self, sample: Sample) -> tuple[Sample, Sample]:
        """Return training and validation rows, in a warm start the same as in the fit before."""
        fit_state = self._fit_state
        if fit_state.split is None:
            fit_state.split, random = copy.deepcopy(fit_state.random), fit_state.random
        else:
            random = copy.deepcopy(fit_state.split)
        labels = None if self.metric is None else self._class_numbers(sample.truth)
        stratify = self._stratify(sample.targets)
        return split(sample, self.validation_fraction, random, stratify, labels)

    def _step(self, worker: Engine, sample: Sample, incremental: bool) -> RecordedStep:
        """Return a recorded step; ``partial_fit`` keeps that of the call before for like rows."""
        weights, mean_weight = self._training_weights(sample)
        size, alpha = self._batch_rows(len(sample)), float(self.alpha) / mean_weight
        rule = self._rule()
        regularization = Regularization(0.0, alpha / size, self._decay(), self.clip_norm)
        key = None
        if incremental:
            rows = sample.features.shape, sample.features.dtype.str, size, weights is None
            key = worker, rows, type(rule), tuple(vars(rule).items()), regularization
            kept_key, kept = getattr(self, "_recorded", (None, None))
            if kept is not None and kept_key == key:
                kept.batches.replace(sample.features, sample.targets, weights)
                return kept
            # Memory of its own, which later calls are written into.
            features = np.array(sample.features, order="C")
            sample = Sample(features, sample.targets.copy(), sample.truth)
        vars(self).pop("_recorded", None)
        network, loss = worker.network, worker.loss
        share = reported_share(loss, network.architecture.outputs)
        reported = PenalizedLoss(network.store, alpha, share)
        batches = self._batches(worker, sample, weights)
        step = RecordedStep(network, loss, rule, batches, regularization, reported=reported)
        if incremental:
            self._recorded = key, step
        return step

    def _trainer(
        self,
        step: RecordedStep,
        engine: Engine,
        worker: Engine,
        held_out: Sample | None,
        incremental: bool,
    ) -> FittingTrainer:
        """Return the loop over a step, with scikit-learn's rules."""
        state, rows = self._fit_state.training, step.batches.rows
        updates = 0 if state is None or incremental else state.updates
        rates = self._rates(updates, step.training_pass.steps, self.t_, rows)
        verbose = self.verbose and worker.backend.ranks.is_first
        patience = Tolerance(
            float(self.tol), self.n_iter_no_change, bool(self.early_stopping), rates, verbose
        )
        return FittingTrainer(
            step,
            epochs=1 if incremental else self.max_iter,
            order=DrawnOrder(self._fit_state.random, self.shuffle),
            rates=rates,
            patience=patience,
            monitor=self._validation(engine, worker, held_out),
            callbacks=[*([Lines()] if self.verbose else []), *(self.callbacks or ())],
            dtype=engine.network.dtype,
        )

    def _take_up(self, trainer: FittingTrainer) -> None:
        """Go on from the fit before, if any; the best weights so far are those at hand."""
        fit_state, optimizer = self._fit_state, trainer.optimizer
        for array in optimizer.state.values():
            optimizer.backend.assign(array, np.zeros(array.shape))
        if fit_state.training is not None:
            trainer.go_on(
                fit_state.training, moments=fit_state.solver == self.solver, policies=True
            )
        if trainer.patience.by_score and trainer.best_snapshot is None:
            trainer.best_snapshot = trainer.network.store.snapshot()

    def _validation(
        self, engine: Engine, worker: Engine, held_out: Sample | None
    ) -> Validation | None:
        if held_out is None:
            return None
        rows, truth, weights = held_out.features, held_out.truth, held_out.weights
        score = make_score(self, self.metric, rows, truth, weights)
        batches = worker.prediction.batches(rows, held_out.targets, mean_one(weights)[0])
        share = reported_share(worker.loss, worker.network.architecture.outputs)
        dtype = engine.network.dtype
        return Validation(worker.network, worker.loss, batches, score, share, dtype)

    def _note_numbers(self, trainer: FittingTrainer) -> None:
        """Set the fitted attributes that are not weights."""
        patience, records = trainer.patience, trainer.result.records
        self.n_iter_ = len(records)
        self.t_ += self.n_iter_ * trainer.batches.rows
        losses = [record.train["loss"] for record in records]
        self.loss_curve_ = [*getattr(self, "loss_curve_", []), *losses]
        self._no_improvement_count = patience.count
        if self.loss_curve_:
            self.loss_ = self.loss_curve_[-1]
        self.best_loss_ = None if patience.by_score else patience.best_loss
        measured = [record.monitor for record in records if record.monitor]
        for name, number in (("validation_scores_", "score"), ("validation_loss_curve_", "loss")):
            before = getattr(self, name, None) or []
            curve = [*before, *(monitor[number] for monitor in measured)]
            setattr(self, name, curve or None)
        self.best_validation_score_ = patience.best_score if self.validation_scores_ else None
        self.learning_rate_ = trainer.rates.current
        self.converged_ = trainer.stop_reason == patience.why

    def _say_how_it_ended(self, trainer: FittingTrainer, incremental: bool) -> None:
        """Warn, as scikit-learn does, of an end by ``max_iter`` or by a loss that is not finite."""
        diverged = f"the loss or a weight is not finite after epoch {self.n_iter_}"
        if trainer.result.diverged and not trainer.patience.by_score:
            raise ValueError(f"{NOT_FINITE} {diverged}; the weights are those of the epoch before.")
        if incremental or (trainer.stop_reason and not trainer.result.diverged):
            return
        what = (
            f"Maximum iterations ({self.max_iter}) reached and the optimization hasn't converged "
            "yet."
        )
        if trainer.result.diverged:
            what = (
                f"{diverged}; the best weights before it are kept. Scale the input, or give a "
                "smaller learning_rate_init."
            )
        if trainer.ranks.is_first:
            warnings.warn(f"Stochastic Optimizer: {what}", ConvergenceWarning, stacklevel=7)


class Lines(Callback):
    """Prints what scikit-learn prints of an epoch."""

    def recorded(self, trainer: Training, record: Record) -> None:
        """Print the loss, and the score if there is one."""
        print(f"Iteration {record.epoch}, loss = {record.train['loss']:.8f}")
        if "score" in record.monitor:
            print(f"Validation score: {record.monitor['score']:f}")
