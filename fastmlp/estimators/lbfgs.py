"""solver="lbfgs": iterations of L-BFGS, with scikit-learn's limits and warnings."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastmlp.optim.lbfgs.descent import Minimiser
from fastmlp.training.recorded import Objective

from .engine import Engine
from .losses import reported_share
from .weights import FitState


def solve(
    objective: Objective,
    engine: Engine,
    *,
    fit_state: FitState,
    tol: float,
    max_iter: int,
    max_fun: int,
    verbose: bool | int,
) -> tuple[float, int]:
    """Minimise from the weights at hand, leave the network there; return (loss, iterations).

    Where ``fit_state`` holds the descent that led to these weights on this loss, it goes on as if
    it had never stopped.

    Warns
    -----
    ConvergenceWarning
        If it ended for another reason than convergence.
    """
    start = np.array(engine.backend.to_numpy(engine.network.store.values), np.float64)
    minimiser = Minimiser(objective, start, fit_state.descent)
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
    fit_state.descent = minimiser.descent if reason or minimiser.converged else None
    if not minimiser.converged:
        warnings.warn(
            f"lbfgs failed to converge after {iterations} iteration(s): "
            f"{reason or minimiser.stop_reason}. Increase max_iter or max_fun, or scale the data.",
            ConvergenceWarning,
            stacklevel=7,
        )
    share = reported_share(engine.loss, engine.network.architecture.outputs)
    return objective.reported(minimiser.point, share), iterations
