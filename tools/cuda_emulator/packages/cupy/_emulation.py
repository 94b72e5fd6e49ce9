"""The control of the emulated device: what it looks like, in which order streams run, and how it
fails on demand.

In a process of its own, such as the command line, environment variables do the same:
FASTMLP_EMULATION_FAIL holds words of FAILURES (``no-driver``, or ``capture,memory=1000000``);
FASTMLP_EMULATION_ORDER and the like hold a field of Settings each.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace

PREFIX = "FASTMLP_EMULATION_"
# What can go wrong, and the number that may be given with it and what it is if none is.
FAILURES = {
    "import": ("importing cupy raises ImportError", 0),
    "no-driver": ("there is no driver: version 0, and every call fails with status 35", 0),
    "old-driver": ("the driver is for an older CUDA: every call fails with status 35", 0),
    "no-device": ("the driver finds no device: every call fails with status 100", 0),
    "memory": ("the device has only so many bytes", 0),
    "cublas": ("cuda.pathfinder does not find libcublas", 0),
    "cublas-create": ("cublasCreate_v2 returns this status", 3),
    "gemm": ("cublasGemmEx returns this status", 13),
    "nccl": ("a communicator of NCCL's cannot be made: this status", 2),
    "compile": ("no RawModule compiles", 0),
    "launch": ("a kernel that runs ends the context with this status, seen at the next call", 719),
    "begin-capture": ("Stream.begin_capture fails with this status", 900),
    "capture": (
        "the first operation of a capture is refused with this status, which spoils the capture",
        900,
    ),
    "end-capture": ("Stream.end_capture fails with this status", 901),
    "replay": ("a graph leaves out its last operation", 0),
    "graph-launch": ("Graph.launch fails with this status", 999),
}


@dataclass
class Settings:
    """What a test may choose.

    Attributes
    ----------
    devices
        How many devices there are.
    capability
        Their compute capability, ``"9.0"``.
    multiprocessors
        How many each has; few, so that grids stay small.
    memory
        Bytes of each device.
    order
        How streams run against each other: ``"eager"``: all at once; ``"lazy"``: nothing before
        somebody waits for it; a number: the seed of a scheduler that lets some streams run ahead
        while others lag.
    failures
        Words of FAILURES with their numbers.
    """

    devices: int = 1
    capability: str = "9.0"
    multiprocessors: int = 4
    memory: int = 8 << 30
    order: str = "0"
    failures: dict[str, int] = field(default_factory=dict)

    def failure(self, word: str) -> int | None:
        """Return the number of a failure that is asked for, None if it is not."""
        if word not in FAILURES:
            raise KeyError(word)
        return self.failures.get(word)

    def fails(self, word: str) -> bool:
        """Return whether a failure is asked for."""
        return self.failure(word) is not None


def from_environment() -> Settings:
    """Return the settings that the environment asks for."""
    found = Settings()
    for known in fields(Settings):
        given = os.environ.get(PREFIX + known.name.upper())
        if known.name != "failures" and given is not None:
            setattr(found, known.name, type(getattr(found, known.name))(given))
    for part in os.environ.get(PREFIX + "FAIL", "").split(","):
        word, _, number = part.strip().partition("=")
        if word:
            found.failures[word] = _number(word, int(number) if number else None)
    return found


@contextmanager
def failing(word: str, number: int | None = None, *, status: int | None = None) -> Iterator[None]:
    """Let the device fail for a with-block; afterwards it works again, also where a real process
    would have lost it.

    Parameters
    ----------
    word
        One of FAILURES.
    number, status
        What goes with it, by either name.
    """
    number = status if number is None else number
    try:
        with changed(failures={**settings.failures, word: _number(word, number)}):
            yield
    finally:
        recover()


def recover() -> None:
    """Make the devices usable again after a fault, which a real process would not survive."""
    from . import _device

    _device.present().recover()


@contextmanager
def changed(**changes: object) -> Iterator[Settings]:
    """Change settings for a with-block, on the devices that are there."""
    before = replace(settings)
    _set(replace(settings, **changes))
    try:
        yield settings
    finally:
        _set(before)


@contextmanager
def fresh(**changes: object) -> Iterator[Settings]:
    """Change settings for a with-block that has devices of its own."""
    from . import _device

    with changed(**changes), _device.replaced():
        yield settings


def _set(chosen: Settings) -> None:
    for known in fields(Settings):
        setattr(settings, known.name, getattr(chosen, known.name))


def _number(word: str, number: int | None) -> int:
    if word not in FAILURES:
        raise KeyError(f"unknown failure {word!r}; known: {', '.join(FAILURES)}")
    return FAILURES[word][1] if number is None else number


settings = from_environment()
