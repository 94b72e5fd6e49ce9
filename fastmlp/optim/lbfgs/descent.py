"""L-BFGS that can be put down after any iteration: SciPy's L-BFGS-B without bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from .line_search import LONGEST_STEP, Trial, search

PAIRS = 10  # the last steps, of which the curvature is known
# a loss that falls by no more than this share of its size has converged; SciPy's ftol
STANDSTILL = 2.220446049250313e-09
EPSILON = np.finfo(np.float64).eps


class Pair(NamedTuple):
    """A step, how much the gradient changed along it, and their product, which is positive."""

    step: np.ndarray
    change: np.ndarray
    product: float


@dataclass
class Descent:
    """Where a minimisation stands; arrays and numbers that can be pickled.

    Attributes
    ----------
    loss, gradient
        At the point reached.
    loss_before
        An iteration ago; None before the first.
    pairs
        What the curvature is estimated from, oldest first.
    """

    loss: float
    gradient: np.ndarray
    loss_before: float | None = None
    pairs: list[Pair] = field(default_factory=list)

    def is_at(self, loss: float, gradient: np.ndarray) -> bool:
        """Tell whether loss and gradient are the same to the bit: else data or weights changed."""
        return self.loss == loss and np.array_equal(self.gradient, gradient)

    def why_converged(self, tolerance: float) -> str:
        """Say why the point is a minimum; empty where it is none."""
        if np.abs(self.gradient).max(initial=0.0) <= tolerance:
            return "CONVERGENCE: NORM OF GRADIENT <= TOL"
        if self.loss_before is not None:
            size = max(abs(self.loss_before), abs(self.loss), 1.0)
            if self.loss_before - self.loss <= STANDSTILL * size:
                return "CONVERGENCE: RELATIVE REDUCTION OF LOSS"
        return ""

    def direction(self) -> np.ndarray:
        """Return −H·gradient, where H is the pairs' estimate of the inverse of the Hessian."""
        result, shares = -self.gradient, []
        for pair in reversed(self.pairs):
            shares.append((pair.step @ result) / pair.product)
            result -= shares[-1] * pair.change
        if self.pairs:
            newest = self.pairs[-1]
            result *= newest.product / (newest.change @ newest.change)
        for pair, share in zip(self.pairs, reversed(shares), strict=True):
            result += (share - (pair.change @ result) / pair.product) * pair.step
        return result

    def moved(
        self, trial: Trial, direction: np.ndarray, slope: float, gradient: np.ndarray
    ) -> Descent:
        """Return where it stands after a step; a pair with rounding for curvature is left out."""
        pairs, product = self.pairs, (trial.slope - slope) * trial.step
        if product > EPSILON * -slope * trial.step:
            pairs = [*pairs, Pair(trial.step * direction, gradient - self.gradient, product)][
                -PAIRS:
            ]
        return Descent(trial.loss, gradient, self.loss, pairs)


class Minimiser:
    """Iterations from a point, on a function that returns (loss, gradient).

    Attributes
    ----------
    point, descent
        Where it stands.
    evaluations
        Calls of the function.
    stop_reason, converged
        Why there are no more iterations, and whether that is as it should be.
    """

    def __init__(
        self,
        function: Callable[[np.ndarray], tuple[float, np.ndarray]],
        point: np.ndarray,
        before: Descent | None,
    ):
        self._function, self.point, self.evaluations = function, point, 0
        loss, gradient = self._evaluate(point)
        self.descent = Descent(loss, gradient)
        if before is not None and before.is_at(loss, gradient):
            self.descent = before
        self.stop_reason, self.converged = "", False

    def run(self, tolerance: float) -> Iterator[None]:
        """Iterate, yielding after every iteration, until there is a reason to end."""
        while True:
            self.stop_reason = self.descent.why_converged(tolerance)
            self.converged = bool(self.stop_reason)
            if self.converged:
                return
            if not self._iterate():
                self.stop_reason = "ABNORMAL: THE LINE SEARCH FOUND NO STEP"
                return
            yield

    def _iterate(self) -> bool:
        """Move on, by the gradient alone where the pairs lead nowhere; return whether it moved."""
        while True:
            found = self._searched()
            if found is not None:
                self.point, self.descent = found
                return True
            if not self.descent.pairs:
                return False
            self.descent = replace(self.descent, pairs=[])

    def _searched(self) -> tuple[np.ndarray, Descent] | None:
        now, gradient = self.descent, self.descent.gradient
        direction = now.direction()
        slope = float(now.gradient @ direction)
        if not slope < 0:
            return None

        def evaluate(step: float) -> tuple[float, float]:
            nonlocal gradient
            loss, gradient = self._evaluate(self.point + step * direction)
            return loss, float(gradient @ direction)

        # Before the first iteration nothing is known of the curvature: a step of length 1.
        first = (
            min(1 / math.sqrt(direction @ direction), LONGEST_STEP)
            if now.loss_before is None
            else 1.0
        )
        trial = search(evaluate, Trial(0.0, now.loss, slope), first)
        if trial is None:
            return None
        return self.point + trial.step * direction, now.moved(trial, direction, slope, gradient)

    def _evaluate(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        self.evaluations += 1
        loss, gradient = self._function(point)
        return float(loss), gradient
