"""Batch normalisation of a batch that is divided among ranks: its sums are those of all of them."""

from __future__ import annotations

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.nn.layers import BatchNormalization
from fastmlp.step.counters import Counters


class SynchronizedBatchNormalization(BatchNormalization):
    """What BatchNormalization computes, of all rows of the batch, of which a part is here.

    Ranks add up twice forward, the sums that make the mean and then the squares about it, and once
    backward. A rank without rows takes part in all three.

    Parameters
    ----------
    width, decay
        As BatchNormalization takes them.
    counters
        Where it says how many rows the batch has.
    """

    def __init__(self, width: int, decay: float, counters: Counters):
        super().__init__(width, decay)
        self.counters = counters

    def bind(self, backend: Backend, dtype: np.dtype, rows: int) -> None:
        """Also allocate what is added up over the ranks."""
        super().bind(backend, dtype, rows)
        self._x_sums, self._squares = (backend.empty((self.width,), dtype) for _ in range(2))
        self._gradient_sums = backend.empty((2 * self.width,), dtype)

    def forward(self, x: Array, training: bool) -> Array:
        """Return y, from the statistics of the whole batch while training."""
        if not training:
            return super().forward(x, training)
        ops, m = self.backend.ops, self.counters.part.of
        y, gamma, beta = self._y[: len(x)], self.gamma.values, self.beta.values
        running = self.running_mean.values, self.running_variance.values
        ops.batch_sums(x, self._x_sums)
        self.backend.allreduce(self._x_sums)
        ops.batch_squares(x, self._x_sums, m, self._mean, self._squares)
        self.backend.allreduce(self._squares)
        numbers = self.decay, self.epsilon, m
        statistics = self._mean, self._squares, self._inverse_deviation
        results = self._normalized[: len(x)], y
        ops.batch_normalization_from_sums(x, gamma, beta, *running, *numbers, *statistics, *results)
        return y

    def backward(self, upstream: Array) -> Array | None:
        """Set this rank's share of dγ and dβ; dx comes from those of all ranks."""
        ops, rows = self.backend.ops, len(upstream)
        normalized, sums = self._normalized[:rows], self._gradient_sums
        of_all = sums[: self.width], sums[self.width :]
        # Twice: the gradients are added up over the ranks with all others, before the update.
        ops.batch_gradient_sums(
            upstream, normalized, self.gamma.gradient, self.beta.gradient, *of_all
        )
        self.backend.allreduce(sums)
        if not self.needs_input_gradient:
            return None
        dx, factors = self._dx[:rows], (self.gamma.values, self._inverse_deviation)
        ops.batch_input_gradient(upstream, normalized, *factors, *of_all, self.counters.part.of, dx)
        return dx
