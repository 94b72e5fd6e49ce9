"""Update rules by the estimators' words, and scikit-learn's ``alpha`` as part of the loss."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from fastmlp.kernels.constants import LOSS_SUM, NORM_BLOCK
from fastmlp.optim.optimizers import Optimizer, Regularization, make_optimizer
from fastmlp.optim.rules import RULES, SKLEARN_NAMES
from fastmlp.step.parameters import ParameterStore
from fastmlp.training.sweep import Sweep

from .engine import Engine
from .rows import Rows


def make_rule(estimator: Any) -> Optimizer:
    """Return the update rule of a ``solver``; scikit-learn's sgd is momentum's, or Nesterov's."""
    solver = estimator.solver
    if solver == "sgd" and estimator.momentum:
        solver = "nesterov" if estimator.nesterovs_momentum else "momentum"
    numbers = {name: getattr(estimator, theirs) for name, theirs in SKLEARN_NAMES.items()}
    return make_optimizer(solver, **numbers)


class Penalty:
    """Adds up ‖W‖² over the batches of an epoch, each time as the weights stand: alpha·‖W‖²/2 is
    part of the loss.
    """

    def __init__(self, store: ParameterStore):
        stop = max((segment.stop for segment in store.segments if segment.decays), default=0)
        self._weights, self._backend = store.values[:stop], store.backend
        self._partial = store.backend.zeros((-(-stop // NORM_BLOCK),), np.float64)
        self._sums = store.backend.zeros((3,), np.float64)

    def launch(self) -> None:
        """Add the norm of the weights at hand."""
        self._backend.ops.squared_norm(self._weights, self._partial)
        self._backend.ops.accumulate_statistics(self._partial, self._partial, self._sums)

    def take(self) -> float:
        """Return the sum since the last call, and start anew."""
        total = float(self._backend.to_numpy(self._sums)[LOSS_SUM])
        self._backend.assign(self._sums, np.zeros(3))
        return total


class Lesson:
    """A recorded pass of training over rows, and the update rule that it moves the weights by.

    The loss of a batch of m rows is Σ wᵢ·ℓᵢ/m + alpha·‖W‖²/(2·m·w̄): what scikit-learn minimises,
    where wᵢ have mean 1 and w̄ is the mean of the weights as they were given.

    Attributes
    ----------
    optimizer, sweep, rows, engine
        The parts.
    """

    def __init__(self, estimator: Any, engine: Engine, rows: Rows, mean_weight: float):
        self.engine, self.rows, self.optimizer = engine, rows, make_rule(estimator)
        self._alpha = float(estimator.alpha) / mean_weight
        self._penalty = Penalty(engine.network.store) if self._alpha else None
        decay = estimator.weight_decay
        if decay is None:
            decay = RULES[estimator.solver].weight_decay
        how = Regularization(0.0, self._alpha / rows.batch_size, float(decay), estimator.clip_norm)
        network = engine.network
        self.optimizer.bind(engine.backend, network.store, network.counters, how)
        # This allocates the table whose address the recorded steps hold.
        self.optimizer.set_learning_rates(np.zeros(-(-rows.rows // rows.batch_size)))
        self.sweep = Sweep(
            engine.backend, rows.rows, rows.batch_size, self._step, window=rows.window
        )

    def _step(self, rows: int) -> None:
        network, loss, optimizer = self.engine.network, self.engine.loss, self.optimizer
        optimizer.regularization = replace(
            optimizer.regularization, l2=self._alpha / rows
        )  # a ragged batch has its own
        optimizer.begin_update(rows)
        x, targets, weights = self.rows.load(rows)
        outputs = network.forward(x, training=True)
        if (
            self._penalty is not None
        ):  # before the weights change, which may be during the backward pass
            self._penalty.launch()
        network.backward(loss.backward(outputs, targets, weights))
        optimizer.update()

    def take_penalty(self) -> float:
        """Return Σ alpha·‖W‖²/2 over the batches since the last call."""
        return 0.0 if self._penalty is None else 0.5 * self._alpha * self._penalty.take()

    def slots(self) -> dict[str, np.ndarray]:
        """Return copies of the rule's state."""
        return {
            name: self.engine.backend.to_numpy(array)
            for name, array in self.optimizer.state.items()
        }

    def restore_slots(self, slots: dict[str, np.ndarray]) -> None:
        """Write a state back, if it is one of this rule on this network; else begin with none."""
        state = self.optimizer.state
        fits = slots.keys() == state.keys() and all(
            slots[name].shape == state[name].shape for name in slots
        )
        for name, array in state.items():
            self.engine.backend.assign(array, slots[name] if fits else np.zeros(array.shape))

    def scale_velocity(self, factor: float) -> None:
        """Multiply the velocity, which scikit-learn keeps multiplied by the rate, when the rate has
        changed.
        """
        if "velocity" in self.optimizer.state:
            velocity = self.optimizer.state["velocity"]
            self.engine.backend.assign(velocity, self.engine.backend.to_numpy(velocity) * factor)
