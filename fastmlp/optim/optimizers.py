"""Optimizers: what happens to the flat gradient, and how it moves the flat parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.backend.sink import Move, Sink
from fastmlp.errors import choose
from fastmlp.kernels.constants import NORM_BLOCK
from fastmlp.spec import NOT_NEGATIVE, POSITIVE
from fastmlp.step.counters import Counters
from fastmlp.step.parameters import Parameter, Segment
from fastmlp.step.scheduled import Scheduled

from .rules import NUMBERS, OPTIMIZERS, RULES


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
            NOT_NEGATIVE.check(name, getattr(self, name))
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None:
                POSITIVE.check(name, getattr(self, name))


class Optimizer(ABC):
    """An update rule.

    ``bind`` gives it the buffers; ``begin_update`` goes to the next batch and takes the learning
    rate of its update from the epoch's table; ``update`` applies the rule. The last two only launch
    operations, so they can be recorded.

    SGD and momentum fold: the operation that would store a gradient adds it to the parameter, or to
    the velocity, at once, which spares writing and reading the gradient. That is done with the
    parameters that allow it (Parameter.folds) unless something needs the whole gradient first, such
    as clipping; both ways give the same numbers to rounding.

    A parameter may have a factor of its own for the learning rate (Parameter.rate_factor). Each
    such factor has its rate in memory, set from that of the update; its parameters do not fold.

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
        decay_share: Scheduled | None = None,
    ) -> None:
        """Allocate the state for the buffers of ``store``, and fold where possible.

        ``decay_share`` is what multiplies weight decay in an update, where that is scheduled: an
        operation of its own then shrinks what decays, before a rule without decay moves it.
        """
        self.backend, self.store, self.counters = backend, store, counters
        self.regularization, self.decay_share = regularization, decay_share
        self.state = {name: backend.zeros(store.values.shape, store.dtype) for name in self.slots}
        self.learning_rate = backend.zeros((1,), np.float64)
        factors = {segment.rate_factor for segment in store.segments} - {1.0}
        self._scaled_rates = {each: backend.zeros((1,), np.float64) for each in sorted(factors)}
        blocks = -(-store.values.shape[0] // NORM_BLOCK)
        self._partial_norms = backend.zeros((blocks,), np.float64)
        self._table = backend.zeros((0,), np.float64)
        self.folds = fold and self._can_fold()
        # All parameters: an optimizer that was bound before may have left sinks of its own.
        for parameter in store.trained:
            plain = Sink(store.one, store.zero, parameter.gradient)
            parameter.sink = self._folded_sink(parameter) if self._is_folded(parameter) else plain

    def _can_fold(self) -> bool:
        """Return whether the rule folds and nothing looks at the gradient before it."""
        return False

    def _is_folded(self, part: Parameter | Segment) -> bool:
        """Return whether a parameter's sum over the batch, or a segment's, is its update."""
        shrinks = part.decays and self.decay_share is not None
        return self.folds and part.folds and part.rate_factor == 1 and not shrinks

    def _gradient_is_free(self) -> bool:
        """Return whether no penalty or clipping has to see the gradient."""
        regularization = self.regularization
        return (
            not regularization.l1
            and regularization.clip_norm is None
            and regularization.clip_value is None
        )

    def _folded_sink(self, parameter) -> Sink:
        """Return where a parameter's sum over the batch goes so that it is the update itself."""
        raise NotImplementedError

    def _finish_folded(self, segments: list) -> None:  # noqa: B027  SGD has nothing left to do
        """Launch what is left to do for segments of folding parameters after their sums."""

    def set_learning_rates(self, table: np.ndarray) -> None:
        """Set the rate of each update of the coming epoch; equal lengths share their memory."""
        if self._table.shape != table.shape:
            self._table = self.backend.zeros(table.shape, np.float64)
        self.backend.assign(self._table, table)

    def begin_update(self, rows: int) -> None:
        """Go to the next batch, of ``rows`` rows; count its update and take the learning rate."""
        self._take_rate(rows)
        for factor, scaled in self._scaled_rates.items():
            self.backend.ops.scale_rate(self.learning_rate, factor, scaled)

    def _take_rate(self, rows: int) -> None:
        self.backend.ops.begin_update(self.counters.values, rows, self._table, self.learning_rate)

    def update(self) -> None:
        """Penalise, clip, and move the parameters by the rule."""
        ops, regularization, gradient = self.backend.ops, self.regularization, self.store.gradient
        left = [segment for segment in self.store.segments if not self._is_folded(segment)]
        for segment in left:
            if segment.decays and (regularization.l1 or regularization.l2):
                ops.add_penalty(
                    gradient[segment.stretch],
                    self.store.values[segment.stretch],
                    regularization.l1,
                    regularization.l2,
                )
        if regularization.clip_value is not None:
            ops.clip_by_value(gradient, regularization.clip_value)
        if regularization.clip_norm is not None:
            ops.squared_norm(gradient, self._partial_norms)
            ops.clip_by_norm(gradient, self._partial_norms, regularization.clip_norm)
        self._finish_folded([segment for segment in self.store.segments if segment not in left])
        for stretch, factor, decay in self._stretches(left):
            slots = [self.state[name][stretch] for name in self.slots]
            rate = self._scaled_rates.get(factor, self.learning_rate)
            if self.decay_share is not None and decay:
                ops.shrink(self.store.values[stretch], rate, self.decay_share.value, decay)
                decay = 0.0
            self._rule(self.store.values[stretch], gradient[stretch], slots, rate, decay)

    def _stretches(self, segments: list[Segment]) -> list[tuple[slice, float, float]]:
        """Return stretches of the flat buffers with their rate's factor and their weight decay,
        neighbours joined.
        """
        joined: list[tuple[slice, float, float]] = []
        for segment in segments:
            stretch, factor = segment.stretch, segment.rate_factor
            decay = self.regularization.weight_decay if segment.decays else 0.0
            if joined and joined[-1][0].stop == stretch.start and joined[-1][1:] == (factor, decay):
                stretch = slice(joined.pop()[0].start, stretch.stop)
            joined.append((stretch, factor, decay))
        return joined

    @abstractmethod
    def _rule(
        self, values: Array, gradient: Array, slots: list[Array], rate: Array, decay: float
    ) -> None:
        """Launch the rule's operation on one stretch, with its learning rate in memory."""


class SGD(Optimizer):
    """w ← w − lr·g."""

    def bind(self, backend, store, counters, regularization, fold=True, decay_share=None) -> None:
        """Also allocate the two factors of a folded update."""
        self._scale, self._keep = backend.zeros((1,), store.dtype), backend.zeros((1,), store.dtype)
        super().bind(backend, store, counters, regularization, fold, decay_share)

    def _take_rate(self, rows: int) -> None:
        """Also set the factors of w ← −lr·sum + (1 − lr·decay)·w."""
        if not self.folds:
            return super()._take_rate(rows)
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

    def _rule(self, values, gradient, slots, rate, decay) -> None:
        self.backend.ops.sgd(values, gradient, rate, decay)


class Momentum(Optimizer):
    """Gradient descent with a velocity: v ← μ·v + g, w ← w − lr·v."""

    slots = ("velocity",)

    def __init__(self, momentum: float):
        self.momentum = momentum

    def bind(self, backend, store, counters, regularization, fold=True, decay_share=None) -> None:
        """Also allocate the factor of v ← 1·sum + μ·v."""
        self._mu = backend.zeros((1,), store.dtype)
        backend.assign(self._mu, np.full(1, self.momentum))
        super().bind(backend, store, counters, regularization, fold, decay_share)

    def _can_fold(self) -> bool:
        return not self.regularization.l2 and self._gradient_is_free()

    def _folded_sink(self, parameter) -> Sink:
        velocity = self.store.view(self.state["velocity"], parameter)
        decay = self.regularization.weight_decay if parameter.decays else 0.0
        is_moved = self.backend.moves_weights and len(parameter.shape) == 2
        move = Move(parameter.values, self.learning_rate, decay) if is_moved else None
        return Sink(self.store.one, self._mu, velocity, move)

    def _finish_folded(self, segments) -> None:
        moved = self.backend.moves_weights
        left = [segment for segment in segments if not (moved and segment.is_matrix)]
        for stretch, _, decay in self._stretches(left):
            velocity = self.state["velocity"][stretch]
            self.backend.ops.momentum_step(
                self.store.values[stretch], velocity, self.learning_rate, decay
            )

    def _rule(self, values, gradient, slots, rate, decay) -> None:
        [velocity] = slots
        self.backend.ops.momentum(values, gradient, velocity, rate, self.momentum, decay)


class Nesterov(Momentum):
    """Momentum that looks ahead by one step: w ← w − lr·(g + μ·v)."""

    def _can_fold(self) -> bool:
        return False

    def _rule(self, values, gradient, slots, rate, decay) -> None:
        [velocity] = slots
        self.backend.ops.nesterov(values, gradient, velocity, rate, self.momentum, decay)


class RMSProp(Optimizer):
    """Each step divided by the root of a running mean of squares."""

    slots = ("mean_square",)

    def __init__(self, rho: float, epsilon: float):
        self.rho, self.epsilon = rho, epsilon

    def _rule(self, values, gradient, slots, rate, decay) -> None:
        [mean_square] = slots
        self.backend.ops.rmsprop(values, gradient, mean_square, rate, self.rho, self.epsilon, decay)


class Adagrad(Optimizer):
    """Each step divided by the root of the sum of squares so far."""

    slots = ("square_sum",)

    def __init__(self, epsilon: float):
        self.epsilon = epsilon

    def _rule(self, values, gradient, slots, rate, decay) -> None:
        [square_sum] = slots
        self.backend.ops.adagrad(values, gradient, square_sum, rate, self.epsilon, decay)


class Adam(Optimizer):
    """Running means of the gradient and of its square, both corrected for their start at zero."""

    slots = ("first_moment", "second_moment")

    def __init__(self, beta1: float, beta2: float, epsilon: float):
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def _rule(self, values, gradient, slots, rate, decay) -> None:
        first, second = slots
        numbers = self.beta1, self.beta2, self.epsilon, decay
        self.backend.ops.adam(values, gradient, first, second, self.counters.values, rate, *numbers)


def make_optimizer(name: str, **numbers: float | None) -> Optimizer:
    """Return the optimizer of a rule.

    Parameters
    ----------
    name
        One of RULES.
    **numbers
        Any of NUMBERS; None or nothing for the rule's default. Those that the rule does not take
        are ignored.

    Raises
    ------
    UsageError
        For an unknown name, or a number that the rule takes and that is out of range.
    """
    rule = RULES[choose("optimizer", name, OPTIMIZERS)]
    for number in numbers:
        choose("number of an optimizer", number, NUMBERS)
    taken = {}
    for number in rule.numbers:
        given, default = numbers.get(number), NUMBERS[number].default
        if given is None:
            given = getattr(rule, number) if default is None else default
        taken[number] = NUMBERS[number].range.check(number, given)
    return globals()[rule.kind](**taken)
