"""Parameters as views of flat buffers: one array to update, to clip, to save."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from fastmlp.backend.base import Array, Backend

ALIGNMENT = 16  # elements: 64 bytes of float32, so that every view starts on a cache line


@dataclass(eq=False)
class Parameter:
    """One array of numbers that a layer owns.

    Attributes
    ----------
    name
        ``"weight"``, ``"bias"``, ``"gamma"``, ``"running_mean"`` …, unique in its layer.
    shape
        Its shape; a dense weight is (fan_in, fan_out).
    decays
        Whether penalties and weight decay apply: true for dense weights alone, unless the user asks for more.
    values, gradient
        Views of the network's flat buffers, set when it is bound to a backend; a statistic has no gradient.
    folded_update
        Set by an optimizer that folds its update into the product: called with x and dz in place of storing dW = xᵀ·dz.
    """

    name: str
    shape: tuple[int, ...]
    decays: bool = False
    values: Array = field(default=None, repr=False)
    gradient: Array = field(default=None, repr=False)
    folded_update: Callable[[Array, Array], None] | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    def take_product(self, backend: Backend, x: Array, dz: Array) -> None:
        """Set the gradient dW = xᵀ·dz of a dense weight, or let the optimizer's update take it as it is made."""
        if self.folded_update is None:
            backend.matmul("tn", x, dz, self.gradient)
        else:
            self.folded_update(x, dz)


@dataclass(frozen=True)
class Segment:
    """A stretch of the flat buffers whose parameters all decay, or all do not."""

    start: int
    stop: int
    decays: bool


class ParameterStore:
    """The flat buffers of a network: values and gradients of what is trained, and the statistics that are only kept.

    Parameters that decay come first, so that each kind is one segment; every view starts on a cache line, and the padding
    between views stays zero under every update rule.

    Attributes
    ----------
    values, gradient
        Flat arrays of the trained parameters and of their gradients.
    statistics
        Flat array of what is kept but not trained, such as running means.
    segments
        The decaying and the non-decaying stretch; one that is empty is left out.
    """

    def __init__(self, backend: Backend, dtype: np.dtype, trained: list[Parameter], kept: list[Parameter]):
        self.backend = backend
        self.dtype = np.dtype(dtype)
        ordered = sorted(trained, key=lambda parameter: not parameter.decays)
        starts, total = _lay_out(ordered)
        boundary = next((start for start, p in zip(starts, ordered, strict=True) if not p.decays), total)
        self.values = backend.zeros((total,), dtype)
        self.gradient = backend.zeros((total,), dtype)
        for parameter, start in zip(ordered, starts, strict=True):
            parameter.values = _view(self.values, start, parameter)
            parameter.gradient = _view(self.gradient, start, parameter)
        self._starts = dict(zip(ordered, starts, strict=True))
        statistic_starts, statistic_total = _lay_out(kept)
        self.statistics = backend.zeros((statistic_total,), dtype)
        for parameter, start in zip(kept, statistic_starts, strict=True):
            parameter.values = _view(self.statistics, start, parameter)
        stretches = Segment(0, boundary, True), Segment(boundary, total, False)
        self.segments = [segment for segment in stretches if segment.stop > segment.start]

    @property
    def trained(self) -> list[Parameter]:
        """The trained parameters in the order of the flat buffers."""
        return list(self._starts)

    def view(self, flat: Array, parameter: Parameter) -> Array:
        """Return the part of a flat array, such as an optimizer's state, that belongs to a parameter."""
        return _view(flat, self._starts[parameter], parameter)

    def snapshot(self) -> tuple[np.ndarray, np.ndarray]:
        """Return copies of the values and statistics on the host."""
        return self.backend.to_numpy(self.values), self.backend.to_numpy(self.statistics)

    def restore(self, snapshot: tuple[np.ndarray, np.ndarray]) -> None:
        """Write a snapshot back."""
        self.backend.assign(self.values, snapshot[0])
        self.backend.assign(self.statistics, snapshot[1])


def _lay_out(parameters: list[Parameter]) -> tuple[list[int], int]:
    starts, position = [], 0
    for parameter in parameters:
        starts.append(position)
        position += -(-parameter.size // ALIGNMENT) * ALIGNMENT
    return starts, position


def _view(flat: Array, start: int, parameter: Parameter) -> Array:
    return flat[start : start + parameter.size].reshape(parameter.shape)
