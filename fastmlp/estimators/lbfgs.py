"""solver="lbfgs": the loss of all rows is minimised by L-BFGS, with the gradients of the network in
float64.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastmlp.training.sweep import record_step

from .descent import Minimiser
from .engine import Engine
from .inputs import Sample
from .losses import reported_share
from .memory import Memory
from .rows import Rows
from .stochastic import make_rows, training_weights
from .weights import hand_over


class Objective:
    """Loss and gradient as functions of the network's flat parameters.

    Parameters
    ----------
    engine
        A network in float64, bound for all rows.
    rows
        One batch of all rows.
    penalty
        alpha over the sum of the rows' weights, the factor of ‖W‖²/2.
    """

    def __init__(self, engine: Engine, rows: Rows, penalty: float):
        self._engine, self._rows, self._penalty = engine, rows, penalty
        store = engine.network.store
        self._decays = np.zeros(store.values.shape[0], bool)
        for segment in store.segments:
            self._decays[segment.stretch] = segment.decays
        self._program = record_step(engine.backend, self._step, rows.rows)

    def _step(self, rows: int) -> None:
        network, loss = self._engine.network, self._engine.loss
        self._rows.begin(rows)
        x, targets, weights = self._rows.load(rows)
        network.backward(loss.backward(network.forward(x, training=True), targets, weights))

    def __call__(self, values: np.ndarray) -> tuple[float, np.ndarray]:
        """Return (loss, gradient) at a point."""
        loss, gradient, decaying = self._at(values)
        return loss + 0.5 * self._penalty * (
            decaying @ decaying
        ), gradient + self._penalty * decaying

    def reported(self, values: np.ndarray) -> float:
        """Return the loss as ``loss_`` reports it: the mean over the outputs where scikit-learn's
        is.
        """
        loss, _, decaying = self._at(values)
        share = reported_share(self._engine.loss, self._engine.network.architecture.outputs)
        return loss * share + 0.5 * self._penalty * (decaying @ decaying)

    def _at(self, values: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        backend, store = self._engine.backend, self._engine.network.store
        backend.assign(store.values, values)
        self._engine.network.counters.start_epoch(0)
        self._engine.loss.take_statistics()
        self._program.replay()
        loss = self._engine.loss.take_statistics().loss
        return loss, backend.to_numpy(store.gradient), np.where(self._decays, values, 0.0)


def solve(
    objective: Objective,
    engine: Engine,
    *,
    memory: Memory,
    tol: float,
    max_iter: int,
    max_fun: int,
    verbose: bool | int,
) -> tuple[float, int]:
    """Minimise from the weights at hand and leave the network at the result; return (loss,
    iterations).

    Where ``memory`` holds the descent that led to these weights on this loss, it goes on as if it
    had never stopped.

    Warns
    -----
    ConvergenceWarning
        If it ended for another reason than convergence.
    """
    start = np.array(engine.backend.to_numpy(engine.network.store.values), np.float64)
    minimiser = Minimiser(objective, start, memory.descent)
    iterations, reason = 0, ""
    for _ in minimiser.run(tol):
        iterations += 1
        if verbose:
            print(f"Iteration {iterations}, loss = {minimiser.descent.loss:.8f}")
        if iterations >= max_iter:
            reason = "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT"
        elif minimiser.evaluations > max_fun:
            reason = "STOP: TOTAL NO. OF EVALUATIONS OF THE LOSS EXCEEDS LIMIT"
        if reason:
            break
    memory.descent = minimiser.descent if reason or minimiser.converged else None
    if not minimiser.converged:
        warnings.warn(
            f"lbfgs failed to converge after {iterations} iteration(s): {reason or minimiser.stop_reason}. "
            "Increase max_iter or max_fun, or scale the data.",
            ConvergenceWarning,
            stacklevel=6,
        )
    return objective.reported(minimiser.point), iterations


def fit_lbfgs(estimator: Any, engine: Engine, worker: Engine, sample: Sample) -> None:
    """Minimise the loss of all rows with a network in float64, and hand the result to the
    estimator's own.
    """
    weights, mean_weight = training_weights(estimator, sample)
    objective = Objective(
        worker,
        make_rows(estimator, worker, sample, weights),
        estimator.alpha / (mean_weight * len(sample)),
    )
    how = {"tol": estimator.tol, "max_iter": estimator.max_iter, "max_fun": estimator.max_fun}
    estimator.loss_, estimator.n_iter_ = solve(
        objective, worker, memory=estimator._memory, **how, verbose=estimator.verbose
    )
    engine.scaling = worker.scaling
    hand_over(estimator, engine, worker)
