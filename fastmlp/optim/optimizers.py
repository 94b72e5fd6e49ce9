"""Optimizers: what happens to the flat gradient, and how it moves the flat parameters. They own no
parameters.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.backend.sink import Move, Sink
from fastmlp.errors import UsageError, choose
from fastmlp.kernels.constants import NORM_BLOCK
from fastmlp.step.counters import Counters


@dataclass(frozen=True)
class Regularization:
    """What is added to the gradient or taken from it before the update.

    Attributes
    ----------
    l1, l2
        Gradient of l1·|w| + l2·w²/2, on decaying parameters.
    weight_decay
        Decoupled: w shrinks by lr·weight_decay an update, on decaying parameters.
    clip_norm, clip_value
        Largest Euclidean norm of the whole gradient, and largest size of one element; None for no
        limit.
    """

    l1: float = 0.0
    l2: float = 0.0
    weight_decay: float = 0.0
    clip_norm: float | None = None
    clip_value: float | None = None

    def __post_init__(self):
        for name in ("l1", "l2", "weight_decay"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(f"{name} must be a finite number of at least 0; got {value:g}.")
        for name in ("clip_norm", "clip_value"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise UsageError(f"{name} must be a finite number greater than 0; got {value:g}.")


class Optimizer(ABC):
    """An update rule.

    ``bind`` gives it the buffers; ``begin_update`` goes to the next batch and takes the learning
    rate of its update from the epoch's table; ``update`` applies the rule. The last two only launch
    operations, so they can be recorded.

    SGD and momentum fold: the operation that would store a gradient adds it to the parameter, or to
    the velocity, at once, which spares writing and reading the gradient. That is done with the
    parameters that allow it (Parameter.folds) unless something needs the whole gradient first, such
    as clipping; both ways give the same numbers to rounding.

    Attributes
    ----------
    slots
        Names of the flat arrays of state that the rule keeps, each as long as the parameters.
    state
        Those arrays by name, once bound.
    """

    slots: tuple[str, ...] = ()

    def bind(
        self,
        backend: Backend,
        store,
        counters: Counters,
        regularization: Regularization,
        fold: bool = True,
    ) -> None:
        """Allocate the state for the buffers of ``store`` (values, gradient, segments), and fold
        where possible.
        """
        self.backend, self.store, self.counters, self.regularization = (
            backend,
            store,
            counters,
            regularization,
        )
        self.state = {name: backend.zeros(store.values.shape, store.dtype) for name in self.slots}
        self.learning_rate = backend.zeros((1,), np.float64)
        blocks = -(-store.values.shape[0] // NORM_BLOCK)
        self._partial_norms = backend.zeros((blocks,), np.float64)
        self._table = backend.zeros((0,), np.float64)
        self.folds = fold and self._can_fold()
        for (
            parameter
        ) in store.trained:  # all of them: an optimizer that was bound before may have left its own
            folds = self.folds and parameter.folds
            parameter.sink = (
                self._folded_sink(parameter)
                if folds
                else Sink(store.one, store.zero, parameter.gradient)
            )

    def _can_fold(self) -> bool:
        """Return whether the rule folds and nothing looks at the gradient before it."""
        return False

    def _gradient_is_free(self) -> bool:
        """Return whether no penalty or clipping has to see the gradient."""
        how = self.regularization
        return not how.l1 and how.clip_norm is None and how.clip_value is None

    def _folded_sink(self, parameter) -> Sink:
        """Return where a parameter's sum over the batch goes so that it is the update, or the
        velocity's.
        """
        raise NotImplementedError

    def _finish_folded(self, segments: list) -> None:  # noqa: B027  SGD has nothing left to do
        """Launch what is left to do for segments of folding parameters after their sums."""

    def set_learning_rates(self, table: np.ndarray) -> None:
        """Set the learning rate of each update of the coming epoch; the table keeps its memory
        while its length stays.
        """
        if self._table.shape != table.shape:
            self._table = self.backend.zeros(table.shape, np.float64)
        self.backend.assign(self._table, table)

    def begin_update(self, rows: int) -> None:
        """Go to the next batch, of ``rows`` rows; count its update and take the learning rate."""
        self.backend.ops.begin_update(self.counters.values, rows, self._table, self.learning_rate)

    def update(self) -> None:
        """Penalise, clip, and move the parameters by the rule."""
        ops, how, gradient = self.backend.ops, self.regularization, self.store.gradient
        left = [segment for segment in self.store.segments if not (self.folds and segment.folds)]
        for segment in left:
            if segment.decays and (how.l1 or how.l2):
                ops.add_penalty(
                    gradient[segment.stretch], self.store.values[segment.stretch], how.l1, how.l2
                )
        if how.clip_value is not None:
            ops.clip_by_value(gradient, how.clip_value)
        if how.clip_norm is not None:
            ops.squared_norm(gradient, self._partial_norms)
            ops.clip_by_norm(gradient, self._partial_norms, how.clip_norm)
        self._finish_folded([segment for segment in self.store.segments if segment not in left])
        for stretch, decay in self._stretches(left):
            slots = [self.state[name][stretch] for name in self.slots]
            self._rule(self.store.values[stretch], gradient[stretch], slots, decay)

    def _stretches(self, segments: list) -> list[tuple[slice, float]]:
        """Return stretches of the flat buffers with their weight decay; neighbours that share it
        are one launch.
        """
        joined: list[tuple[slice, float]] = []
        for segment in segments:
            stretch, decay = (
                segment.stretch,
                self.regularization.weight_decay if segment.decays else 0.0,
            )
            if joined and joined[-1][0].stop == stretch.start and joined[-1][1] == decay:
                stretch = slice(joined.pop()[0].start, stretch.stop)
            joined.append((stretch, decay))
        return joined

    @abstractmethod
    def _rule(self, values: Array, gradient: Array, slots: list[Array], decay: float) -> None:
        """Launch the rule's operation on one segment."""


class SGD(Optimizer):
    """w ← w − lr·g."""

    def bind(self, backend, store, counters, regularization, fold=True) -> None:
        """Also allocate the two factors of a folded update."""
        self._scale, self._keep = backend.zeros((1,), store.dtype), backend.zeros((1,), store.dtype)
        super().bind(backend, store, counters, regularization, fold)

    def begin_update(self, rows: int) -> None:
        """Also set the factors of w ← −lr·sum + (1 − lr·decay)·w."""
        if not self.folds:
            return super().begin_update(rows)
        decay = self.regularization.l2 + self.regularization.weight_decay
        table = self.counters.values, rows, self._table
        return self.backend.ops.begin_folded_update(
            *table, decay, self.learning_rate, self._scale, self._keep
        )

    def _can_fold(self) -> bool:
        return self._gradient_is_free()

    def _folded_sink(self, parameter) -> Sink:
        return Sink(
            self._scale, self._keep if parameter.decays else self.store.one, parameter.values
        )

    def _rule(self, values, gradient, slots, decay) -> None:
        self.backend.ops.sgd(values, gradient, self.learning_rate, decay)


class Momentum(Optimizer):
    """Gradient descent with a velocity v ← μ·v + g; with ``nesterov`` it looks ahead by one step."""

    slots = ("velocity",)

    def __init__(self, momentum: float = 0.9, nesterov: bool = False):
        self.momentum = _fraction("momentum", momentum)
        self.nesterov = nesterov

    def bind(self, backend, store, counters, regularization, fold=True) -> None:
        """Also allocate the factor of v ← 1·sum + μ·v."""
        self._mu = backend.zeros((1,), store.dtype)
        backend.assign(self._mu, np.full(1, self.momentum))
        super().bind(backend, store, counters, regularization, fold)

    def _can_fold(self) -> bool:
        return not self.nesterov and not self.regularization.l2 and self._gradient_is_free()

    def _folded_sink(self, parameter) -> Sink:
        velocity = self.store.view(self.state["velocity"], parameter)
        decay = self.regularization.weight_decay if parameter.decays else 0.0
        is_moved = self.backend.moves_weights and len(parameter.shape) == 2
        move = Move(parameter.values, self.learning_rate, decay) if is_moved else None
        return Sink(self.store.one, self._mu, velocity, move)

    def _finish_folded(self, segments) -> None:
        left = [
            segment
            for segment in segments
            if not (self.backend.moves_weights and segment.is_matrix)
        ]
        for stretch, decay in self._stretches(left):
            velocity = self.state["velocity"][stretch]
            self.backend.ops.momentum_step(
                self.store.values[stretch], velocity, self.learning_rate, decay
            )

    def _rule(self, values, gradient, slots, decay) -> None:
        operation = self.backend.ops.nesterov if self.nesterov else self.backend.ops.momentum
        operation(values, gradient, *slots, self.learning_rate, self.momentum, decay)


class RMSProp(Optimizer):
    """Each step divided by the root of a running mean of squares."""

    slots = ("mean_square",)

    def __init__(self, rho: float = 0.9, epsilon: float = 1e-8):
        self.rho, self.epsilon = _fraction("rho", rho), _positive("epsilon", epsilon)

    def _rule(self, values, gradient, slots, decay) -> None:
        self.backend.ops.rmsprop(
            values, gradient, *slots, self.learning_rate, self.rho, self.epsilon, decay
        )


class Adagrad(Optimizer):
    """Each step divided by the root of the sum of squares so far."""

    slots = ("square_sum",)

    def __init__(self, epsilon: float = 1e-10):
        self.epsilon = _positive("epsilon", epsilon)

    def _rule(self, values, gradient, slots, decay) -> None:
        self.backend.ops.adagrad(values, gradient, *slots, self.learning_rate, self.epsilon, decay)


class Adam(Optimizer):
    """Running means of the gradient and of its square, both corrected for their start at zero."""

    slots = ("first_moment", "second_moment")

    def __init__(self, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8):
        self.beta1, self.beta2 = _fraction("beta1", beta1), _fraction("beta2", beta2)
        self.epsilon = _positive("epsilon", epsilon)

    def _rule(self, values, gradient, slots, decay) -> None:
        how = self.beta1, self.beta2, self.epsilon, decay
        self.backend.ops.adam(
            values, gradient, *slots, self.counters.values, self.learning_rate, *how
        )


OPTIMIZERS = ("sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw")
DEFAULT_LEARNING_RATES = {
    "sgd": 0.1,
    "momentum": 0.01,
    "nesterov": 0.01,
    "rmsprop": 0.001,
    "adagrad": 0.01,
    "adam": 0.001,
    "adamw": 0.001,
}
ADAMW_WEIGHT_DECAY = 0.01
SMALLEST_EPSILON = (
    1e-30  # well inside float32, where a smaller one would become 0 and divide it by 0
)


def make_optimizer(
    name: str,
    *,
    momentum: float = 0.9,
    beta1: float = 0.9,
    beta2: float = 0.999,
    rho: float = 0.9,
    epsilon: float | None = None,
) -> Optimizer:
    """Return the optimizer that ``name`` names; numbers that its rule does not use are ignored.

    ``adamw`` is Adam; what sets it apart is a weight decay of 0.01 unless another is given
    (Regularization.weight_decay).

    Raises
    ------
    UsageError
        For an unknown name or a number out of range.
    """
    choose("optimizer", name, OPTIMIZERS)
    if name == "sgd":
        return SGD()
    if name in ("momentum", "nesterov"):
        return Momentum(momentum, nesterov=name == "nesterov")
    if name == "rmsprop":
        return RMSProp(rho, 1e-8 if epsilon is None else epsilon)
    if name == "adagrad":
        return Adagrad(1e-10 if epsilon is None else epsilon)
    return Adam(beta1, beta2, 1e-8 if epsilon is None else epsilon)


def _fraction(name: str, value: float) -> float:
    if not 0 <= value < 1:
        raise UsageError(f"{name} must be at least 0 and less than 1; got {value:g}.")
    return value


def _positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value >= SMALLEST_EPSILON):
        raise UsageError(
            f"{name} must be a finite number of at least {SMALLEST_EPSILON:g}; got {value:g}."
        )
    return value
