"""An average of the weights over the updates of training, which stands for them when they are
measured and saved.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.errors import ModelFileError
from fastmlp.spec import Argument, Range, parse_with_argument
from fastmlp.step.counters import Counters
from fastmlp.step.parameters import ParameterStore, Snapshot

# Updates from one that is averaged in to the next: each costs three passes over the weights, and
# weights of neighbouring updates hardly differ.
EVERY = 8


class Averaging:
    """No average: what is measured and saved are the weights themselves."""

    def bind(self, backend: Backend, store: ParameterStore, counters: Counters, steps: int) -> None:
        """Allocate what the recorded step of an epoch of so many steps needs."""

    def start_epoch(self, update: int) -> None:
        """Go to an epoch before which there were so many updates."""

    def launch(self) -> None:
        """Launch what follows on an update."""

    def show(self, averages: bool) -> None:
        """Let the network hold the averages, or the weights that are trained."""

    def snapshot(self) -> Snapshot | None:
        """Return the averages as the store gives its values and statistics; None for none."""
        return None

    def state(self) -> dict[str, Any]:
        """Return what training goes on from: arrays by name."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from it."""


class WeightAverage(Averaging, ABC):
    """An average of the weights of every EVERY-th update, and of running statistics alike.

    It is average ← (1 − r)·average + r·w, with rates r that depend on the number of the update
    alone, so that a resumed run has the same bits. The statistics of batch normalisation are
    averaged by the same rates.
    """

    def bind(self, backend: Backend, store: ParameterStore, counters: Counters, steps: int) -> None:
        """Allocate the averages and an epoch's table of rates."""
        self._backend, self._counters = backend, counters
        self._pairs = [
            (backend.zeros(array.shape, store.dtype), array)
            for array in (store.values, store.statistics)
        ]
        self._rates = backend.zeros((steps,), np.float64)
        self._shown = False

    @property
    @abstractmethod
    def first(self) -> int:
        """The first update, from 1, that is averaged in."""

    @abstractmethod
    def rate(self, count: np.ndarray) -> np.ndarray:
        """Return the rates of the first, second, … weights that are averaged in; 1 of the first."""

    def start_epoch(self, update: int) -> None:
        """Set the rates of the epoch's updates: 0 for those that are left out."""
        since = update + 1 + np.arange(self._rates.shape[0]) - self.first
        taken = (since >= 0) & (since % EVERY == 0)
        rates = np.where(taken, self.rate(np.maximum(since, 0) // EVERY + 1), 0.0)
        self._backend.assign(self._rates, rates)

    def launch(self) -> None:
        """Launch the averaging in of the weights and statistics, if it is their turn."""
        for average, trained in self._pairs:
            if trained.shape[0]:
                self._backend.ops.average_in(average, trained, self._rates, self._counters.values)

    def show(self, averages: bool) -> None:
        """Exchange averages and weights where the network does not hold those that it should."""
        averages = averages and self._has_begun()
        if averages != self._shown:
            for average, trained in self._pairs:
                if trained.shape[0]:
                    self._backend.ops.exchange_vectors(average, trained)
            self._shown = averages

    def snapshot(self) -> Snapshot | None:
        """Return copies of the averages on the host; None before the first."""
        if not self._has_begun():
            return None
        values, statistics = (self._backend.to_numpy(average) for average, _ in self._pairs)
        return values, statistics

    def _has_begun(self) -> bool:
        return self._counters.update >= self.first

    def state(self) -> dict[str, Any]:
        """Return the averages, for a training that goes on from here."""
        assert not self._shown  # states are taken while training
        names = "values", "statistics"
        arrays = (self._backend.to_numpy(average) for average, _ in self._pairs)
        return dict(zip(names, arrays, strict=True))

    def load(self, state: dict[str, Any]) -> None:
        """Go on with the averages of a state.

        Raises
        ------
        ModelFileError
            If one is missing, has another size or is not finite.
        """
        for name, (average, _) in zip(("values", "statistics"), self._pairs, strict=True):
            given = state.get(name)
            if not isinstance(given, np.ndarray) or not _fits(given, average):
                raise ModelFileError(
                    f"the checkpoint does not fit: averaging.{name} should be finite "
                    f"{average.dtype} {tuple(average.shape)}. Train anew, or resume with the "
                    "average_weights that the run was begun with."
                )
            self._backend.assign(average, given)


def _fits(given: np.ndarray, average: Array) -> bool:
    alike = given.shape == tuple(average.shape) and given.dtype == average.dtype
    return alike and bool(np.isfinite(given).all())


class ExponentialAverage(WeightAverage):
    """The share of old weights shrinks by ``decay`` an update.

    Divided by what the rates of the weights so far add up to, it is a weighted mean from the first
    update on.
    """

    def __init__(self, decay: float):
        self._decay = decay**EVERY

    @property
    def first(self) -> int:
        """The first update of all."""
        return 1

    def rate(self, count: np.ndarray) -> np.ndarray:
        """(1 − d)/(1 − dⁿ) for the n-th weights."""
        return (1 - self._decay) / (1 - self._decay**count)


class MeanOfLast(WeightAverage):
    """The mean over the last share of a run's updates (Izmailov et al. 2018)."""

    def __init__(self, share: float, updates: int):
        self._first = updates - max(round(share * updates), 1) + 1

    @property
    def first(self) -> int:
        """The first update of that share."""
        return self._first

    def rate(self, count: np.ndarray) -> np.ndarray:
        """1/n for the n-th weights."""
        return 1 / count


class _Word:
    """A word of ``average_weights`` with the number that it takes."""

    def __init__(self, argument: Argument | None):
        self.argument = argument


WORDS = {
    "none": _Word(None),
    "ema": _Word(Argument("the decay", 0.999, Range(above=0, below=1))),
    "mean": _Word(Argument("the share", 0.25, Range(above=0, high=1))),
}


def parse_averaging(text: str, updates: int) -> Averaging:
    """Return what ``none``, ``ema(decay)`` or ``mean(share)`` says of a run of so many updates.

    Raises
    ------
    UsageError
        For another word, or a number out of range.
    """
    name, number = parse_with_argument("average_weights", text, WORDS)
    if name == "none":
        return Averaging()
    return ExponentialAverage(number) if name == "ema" else MeanOfLast(number, updates)
