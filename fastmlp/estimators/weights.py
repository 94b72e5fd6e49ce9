"""What an estimator keeps: weights as attributes, and all that training goes on from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fastmlp.errors import UsageError
from fastmlp.optim.lbfgs.descent import Descent
from fastmlp.ranks.contract import ALONE, Ranks
from fastmlp.step.batches import InputScaling
from fastmlp.step.parameters import Snapshot
from fastmlp.training.state import TrainingState, is_finite

from .engine import Blueprint, Engine, thread_count
from .inputs import row_blocks, validated
from .parameters import Parameters

KEPT_ON_THE_DEVICE = ("_engine", "_worker", "_recorded")
NOT_FINITE = (  # scikit-learn's words
    "Solver produced non-finite parameter weights. "
    "The input data may contain large values and need to be preprocessed."
)


@dataclass
class FitState:
    """What training goes on from as if it had never stopped; pickled with the estimator.

    Attributes
    ----------
    random
        From where weights, splits and shuffles are drawn, in the state that the last epoch left.
    split
        A copy of it from before the rows for early stopping were drawn: the next fit sets the same
        rows aside.
    dropout_seed
        Of the dropout masks; drawn when dropout is first used.
    solver, training
        The update rule of the last fit, and the state in which it left its Trainer, but for what
        stands elsewhere: the weights, and ``random``.
    descent
        Where lbfgs stands, its estimate of the curvature included.
    last, shown
        The weights with which training goes on, where the attributes show others (the best, or
        rounded ones), and what they show: where the user has changed that, training goes on from
        the change.
    """

    random: np.random.RandomState
    split: np.random.RandomState | None = None
    dropout_seed: int | None = None
    solver: str = ""
    training: TrainingState | None = None
    descent: Descent | None = None
    last: Snapshot | None = None
    shown: Snapshot | None = None

    def keep(self, state: TrainingState, solver: str, with_best: bool) -> None:
        """Keep a Trainer's state."""
        wanted = ("optimizer.", "order.", "best.") if with_best else ("optimizer.", "order.")
        state.arrays = {name: a for name, a in state.arrays.items() if name.startswith(wanted)}
        state.numbers["order"].pop("random")
        self.training, self.solver = state, solver

    def forget_best(self) -> None:
        """Let no earlier weights be the best: the user has set others."""
        if self.training is not None:
            arrays, numbers = self.training.arrays, self.training.numbers
            kept = {name: a for name, a in arrays.items() if not name.startswith("best.")}
            patience = {**numbers["patience"], "best_score": None}
            self.training = TrainingState(kept, {**numbers, "patience": patience})


class Weights(Parameters):
    """The weights of an estimator, as ``coefs_``, ``intercepts_`` and ``batch_norm_``.

    They are shown to the user, and taken back where the user has changed them. The network behind
    them is not pickled: it is built again when it is needed.
    """

    _blueprint: Blueprint
    _fit_state: FitState

    def _new_engine(self, blueprint: Blueprint, rows: int = 0, ranks: Ranks = ALONE) -> Engine:
        """Return a network; it has no weights yet."""
        where = self.device, self.threads, thread_count(self.threads)
        return Engine(blueprint, *where, rows, self._scaling(), ranks)

    def _scaling(self) -> InputScaling:
        """Return what the inputs are scaled by; an older pickle has no origin."""
        found = (getattr(self, f"input_{word}_", None) for word in ("origin", "scale", "shift"))
        origin, scale, shift = found
        return {"origin": origin, "scale": scale, "shift": shift}

    def _ready_engine(self) -> Engine:
        """Return the network with the weights of the attributes."""
        kept: Engine | None = getattr(self, "_engine", None)
        is_new = kept is None or not kept.fits(self._blueprint, self.device, self.threads)
        engine = self._new_engine(self._blueprint) if kept is None or is_new else kept
        with engine.lock:
            self._put_weights(engine)
            if is_new:
                self._engine = engine
                self._show_weights(engine)
        return engine

    def _outputs(self, X) -> np.ndarray:
        """Return the finished outputs (rows, outputs), in float32 where X is, else in float64."""
        check_is_fitted(self)
        X = validated(self, X, reset=False)
        engine = self._ready_engine()
        blocks = [engine.outputs(block) for block in row_blocks(X)]
        outputs = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        return outputs.astype(np.float32 if X.dtype == np.float32 else np.float64, copy=False)

    def _show_weights(self, engine: Engine) -> None:
        """Set the attributes: on the CPU to the network's own arrays, as scikit-learn's are."""
        weights, intercepts, norms = engine.weight_parameters()
        self.coefs_ = [engine.show(parameter) for parameter in weights]
        self.intercepts_ = [engine.show(parameter) for parameter in intercepts]
        vars(self).pop("batch_norm_", None)
        if norms:
            self.batch_norm_ = [
                {name: engine.show(each) for name, each in norm.items()} for norm in norms
            ]

    def _put_weights(self, engine: Engine) -> None:
        """Give the network the weights of the attributes.

        Raises
        ------
        UsageError
            If their shapes are not those that the parameters call for.
        """
        weights, intercepts, norms = engine.weight_parameters()
        shown = getattr(self, "batch_norm_", [])
        for number, (norm, arrays) in enumerate(zip(norms, shown, strict=False)):
            for name, values in arrays.items():
                engine.put(norm[name], values, f"batch_norm_[{number}][{name!r}]")
        for name, parameters in (("coefs_", weights), ("intercepts_", intercepts)):
            given = getattr(self, name)
            if len(given) != len(parameters):
                raise UsageError(
                    f"{name} has {len(given)} layers; the parameters now call for "
                    f"{len(parameters)}. Fit anew."
                )
            for number, (values, parameter) in enumerate(zip(given, parameters, strict=True)):
                engine.put(parameter, values, f"{name}[{number}]")

    def _take_weights(self, engine: Engine, worker: Engine, best: Snapshot | None = None) -> None:
        """Show what was trained, or the best weights, and remember where training goes on.

        Raises
        ------
        ValueError
            If a weight is NaN or infinite.
        """
        fit_state, trained = self._fit_state, worker.network.store.snapshot()
        with np.errstate(over="ignore"):  # what is too large for float32 is told of below
            engine.network.store.restore(trained if best is None else best)
        shown = engine.network.store.snapshot()
        differs = best is not None or worker is not engine
        fit_state.last, fit_state.shown = (trained, shown) if differs else (None, None)
        self._show_weights(engine)
        if not is_finite(shown):
            raise ValueError(NOT_FINITE)

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there are weights; a fit that failed may have left other attributes."""
        return hasattr(self, "coefs_")

    def __getstate__(self) -> dict[str, Any]:
        """Return settings and plain arrays."""
        own: Any = super().__getstate__()
        state = dict(own)
        for name in KEPT_ON_THE_DEVICE:
            state.pop(name, None)
        fit_state = state.get("_fit_state")
        if fit_state is not None and fit_state.descent is not None and not self.warm_start:
            # As large as twenty copies of the weights in float64, and of use to a warm start alone.
            state["_fit_state"] = replace(fit_state, descent=None)
        return state
