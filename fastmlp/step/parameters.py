"""Parameters as views of flat buffers: one array to update, to clip, to save."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.backend.sink import Sink

Snapshot = tuple[np.ndarray, np.ndarray]  # flat values and statistics, on the host
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
        Whether penalties and weight decay apply: true for dense weights alone, unless the user asks
        for more.
    values, gradient
        Views of the network's flat buffers, set when it is bound to a backend; a statistic has no
        gradient.
    folds
        Whether one operation makes its whole gradient and takes a sink: so for the weights and
        biases of dense layers.
    rate_factor
        What multiplies the learning rate, and with it decoupled weight decay, for this parameter.
    sink
        Where that operation puts it; set when a trained parameter is bound.
    """

    name: str
    shape: tuple[int, ...]
    decays: bool = False
    folds: bool = False
    rate_factor: float = 1.0
    values: Array = field(default=None, repr=False)
    gradient: Array = field(default=None, repr=False)
    sink: Sink = field(init=False, repr=False)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True)
class Segment:
    """A stretch of the flat buffers whose parameters are alike in what may be done with them."""

    start: int
    stop: int
    decays: bool
    folds: bool
    is_matrix: bool
    rate_factor: float

    @property
    def stretch(self) -> slice:
        """The slice of a flat buffer that it is."""
        return slice(self.start, self.stop)


class ParameterStore:
    """The flat buffers of a network: values and gradients of what is trained, and the statistics
    that are only kept.

    Parameters that decay come first, among them those that fold, and so on, so that each kind is
    one segment; every view starts on a cache line, and the padding between views stays zero under
    every update rule.

    Attributes
    ----------
    values, gradient
        Flat arrays of the trained parameters and of their gradients.
    statistics
        Flat array of what is kept but not trained, such as running means.
    one, zero
        One-element arrays of the parameters' type.
    segments
        A stretch for each kind of parameter that there is.
    """

    def __init__(
        self, backend: Backend, dtype: np.dtype, trained: list[Parameter], kept: list[Parameter]
    ):
        self.backend = backend
        self.dtype = np.dtype(dtype)
        ordered = sorted(trained, key=_kind, reverse=True)
        starts, total = _lay_out(ordered)
        self.values = backend.zeros((total,), dtype)
        self.gradient = backend.zeros((total,), dtype)
        self.one, self.zero = backend.zeros((1,), dtype), backend.zeros((1,), dtype)
        backend.assign(self.one, np.ones(1))
        for parameter, start in zip(ordered, starts, strict=True):
            parameter.values = _view(self.values, start, parameter)
            parameter.gradient = _view(self.gradient, start, parameter)
            parameter.sink = Sink(self.one, self.zero, parameter.gradient)
        self._starts = dict(zip(ordered, starts, strict=True))
        statistic_starts, statistic_total = _lay_out(kept)
        self.statistics = backend.zeros((statistic_total,), dtype)
        for parameter, start in zip(kept, statistic_starts, strict=True):
            parameter.values = _view(self.statistics, start, parameter)
        self.segments = _segments(ordered, [*starts, total])

    @property
    def trained(self) -> list[Parameter]:
        """The trained parameters in the order of the flat buffers."""
        return list(self._starts)

    def view(self, flat: Array, parameter: Parameter) -> Array:
        """Return the part of a flat array, such as an optimizer's state, that belongs to a
        parameter.
        """
        return _view(flat, self._starts[parameter], parameter)

    def snapshot(self) -> Snapshot:
        """Return copies of the values and statistics on the host."""
        return self.backend.to_numpy(self.values), self.backend.to_numpy(self.statistics)

    def restore(self, snapshot: Snapshot) -> None:
        """Write a snapshot back."""
        self.backend.assign(self.values, snapshot[0])
        self.backend.assign(self.statistics, snapshot[1])


def _lay_out(parameters: list[Parameter]) -> tuple[list[int], int]:
    starts, position = [], 0
    for parameter in parameters:
        starts.append(position)
        position += -(-parameter.size // ALIGNMENT) * ALIGNMENT
    return starts, position


def _kind(parameter: Parameter) -> tuple[bool, bool, bool, float]:
    """Return whether a parameter decays, whether it folds, whether it is a matrix, and its rate's
    factor.
    """
    is_matrix = len(parameter.shape) == 2
    return parameter.decays, parameter.folds, is_matrix, parameter.rate_factor


def _segments(ordered: list[Parameter], bounds: list[int]) -> list[Segment]:
    """Return a segment for each run of parameters of one kind; ``bounds`` are their starts, and the
    end of the last.
    """
    segments, first = [], 0
    for kind, run in groupby(ordered, key=_kind):
        last = first + len(list(run))
        segments.append(Segment(bounds[first], bounds[last], *kind))
        first = last
    return segments


def _view(flat: Array, start: int, parameter: Parameter) -> Array:
    return flat[start : start + parameter.size].reshape(parameter.shape)
