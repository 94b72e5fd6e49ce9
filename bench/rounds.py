"""Measures contenders in turn, in rounds; the best median of its variants stands for each."""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from fastmlp.machine.throughput import Shape

from .contenders import Contender, Variant
from .workers import Worker, WorkerError

TRIALS = 3  # of each variant, before the rounds; the shortest counts
PROMISING = (
    1.5  # times the shortest trial: slower variants of the same contender do not enter the rounds
)
# Threads of OpenMP and OpenBLAS spin for a while after their work in case there is more; the next
# one is not to feel it.
SETTLING_SECONDS = 0.05


@dataclass
class Measurement:
    """How long a contender takes for a unit of work.

    Attributes
    ----------
    contender, variant
        Who, and in which way.
    is_peer
        Whether it is another library.
    seconds
        Of a unit, one number a round.
    compile_seconds
        Spent on compiling, before.
    peak_bytes, device_bytes
        The most memory its process has held; what its library has taken of a GPU's memory, 0 on the
        CPU.
    notices
        Lines of its own about how it ran.
    """

    contender: str
    variant: str
    is_peer: bool
    compile_seconds: float
    seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    device_bytes: int = 0
    notices: list[str] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median over the rounds."""
        return statistics.median(self.seconds)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it, the median and the spread too."""
        spread = {"median": self.median, "min": min(self.seconds), "max": max(self.seconds)}
        return {**asdict(self), **spread}


@dataclass(frozen=True)
class Protocol:
    """How to measure.

    Attributes
    ----------
    rounds
        How often each contender's turn comes.
    seconds
        Least time of a turn.
    """

    rounds: int
    seconds: float


@dataclass(frozen=True)
class Work:
    """What is measured: an activity of the contenders' modules, on a shape, with its keywords."""

    activity: str
    shape: Shape | None
    options: dict[str, Any] = field(default_factory=dict)

    def start(self, contender: Contender, variant: Variant) -> Worker:
        """Start a process for it."""
        return Worker(contender, variant, self.activity, self.shape, **self.options)


@dataclass
class _Entry:
    """A contender at the start: its worker, and how many units fill a turn."""

    worker: Worker
    measurement: Measurement
    count: int


def measure(
    contenders: Sequence[Contender],
    work: Work,
    protocol: Protocol,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[list[Measurement], list[str]]:
    """Measure each contender.

    Parameters
    ----------
    contenders
        Who takes part.
    work
        What they do.
    protocol
        How often and how long.
    tell
        Called with a line about what happens.

    Returns
    -------
    measurements : list
        One a contender that could be measured, in the order given.
    failures : list
        A line for each variant that could not be built or run.
    """
    failures: list[str] = []
    with contextlib.ExitStack() as stack:
        entries: list[_Entry] = []
        for contender in contenders:
            promising = _promising_variants(contender, work, protocol, failures)
            for entry in promising:
                stack.enter_context(entry.worker)
            entries += promising
            tell(
                f"{contender.name}: warmed up with"
                f" {'; '.join(entry.measurement.variant for entry in promising) or '-'}"
            )
        for number in range(protocol.rounds):
            tell(f"round {number + 1} of {protocol.rounds}")
            entries = [entry for entry in entries if _took_turn(entry, failures)]
    fastest: dict[str, Measurement] = {}
    for entry in sorted(entries, key=lambda entry: entry.measurement.median):
        fastest.setdefault(entry.measurement.contender, entry.measurement)
    return [
        fastest[contender.name] for contender in contenders if contender.name in fastest
    ], failures


def _took_turn(entry: _Entry, failures: list[str]) -> bool:
    """Run a contender's turn; return whether it went well."""
    time.sleep(SETTLING_SECONDS)
    try:
        seconds, _ = entry.worker.run(entry.count)
    except WorkerError as error:
        failures.append(str(error))
        return False
    entry.measurement.seconds.append(seconds / entry.count)
    entry.measurement.peak_bytes, entry.measurement.device_bytes = (
        entry.worker.peak_bytes,
        entry.worker.device_bytes,
    )
    entry.measurement.notices = entry.worker.notices
    return True


def _promising_variants(
    contender: Contender, work: Work, protocol: Protocol, failures: list[str]
) -> list[_Entry]:
    """Try every variant alone, one after the other; return those that may be the fastest."""
    tried: list[tuple[float, _Entry]] = []
    for variant in contender.variants:
        try:
            entry, seconds = _warmed_up(contender, variant, work, protocol)
        except WorkerError as error:
            failures.append(str(error))
            continue
        tried.append((seconds, entry))
    fastest = min((seconds for seconds, _ in tried), default=0.0)
    for seconds, entry in tried:
        if seconds > PROMISING * fastest:
            entry.worker.close()
    return [entry for seconds, entry in tried if seconds <= PROMISING * fastest]


def _warmed_up(
    contender: Contender, variant: Variant, work: Work, protocol: Protocol
) -> tuple[_Entry, float]:
    """Start a variant and warm it up; return it with the shortest time of a unit."""
    worker = work.start(contender, variant)
    try:
        first, _ = worker.run(1)
        shortest, _ = worker.run(1)
        if shortest < protocol.seconds:  # else once was long enough
            count = _units(shortest, protocol.seconds / TRIALS)
            shortest = min(worker.run(count)[0] / count for _ in range(TRIALS))
    except BaseException:
        worker.close()
        raise
    compile_seconds = worker.compile_seconds
    if variant.options.get("compiled"):
        compile_seconds += max(first - shortest, 0.0)  # it compiles when it first runs
    measurement = Measurement(contender.name, str(variant), contender.is_peer, compile_seconds)
    return _Entry(worker, measurement, _units(shortest, protocol.seconds)), shortest


def _units(seconds_per_unit: float, seconds: float) -> int:
    """Return how many units fill a time."""
    return max(1, math.ceil(seconds / max(seconds_per_unit, 1e-9)))
