"""Record and replay on the CPU: each operation becomes an entry's address, a row of integers and a
row of reals.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache, partial

import numpy as np

from fastmlp.backend.contract import Program
from fastmlp.kernels.cpu.compiling.compiler import KernelCompiler
from fastmlp.kernels.cpu.compiling.replay import barrier_address, replay_function

from .sections import LINE, Call, estimated_seconds, own_part, sections
from .team import TEAM
from .thread_choice import Chooser

# Seconds of a step: as long as it takes to wake a thread. A first guess where both ways are tried.
WORTH_DIVIDING = 40e-6


class CpuProgram(Program):
    """A list of calls, divided among threads when it first runs.

    Parameters
    ----------
    compiler
        Compiles entries; at recording time, so that a replay never does.
    threads
        How many threads to divide the work among at most.
    tries
        Whether to find out, while running, if one thread is faster: allowed where both give the
        same bits. Otherwise the sizes alone decide: a step that is over before a second thread is
        awake takes one.
    """

    def __init__(self, compiler: KernelCompiler, threads: int = 1, tries: bool = False):
        self.calls: list[Call] = []
        self._compiler = compiler
        self._threads, self._tries = threads, tries
        self._counts: list[int] = []
        self._chooser: Chooser | None = None

    @property
    def threads(self) -> int:
        """How many threads the last replay took; 1 before the first."""
        return 1 if self._chooser is None else self._counts[self._chooser.favourite]

    @property
    def execution(self) -> str:
        """How many threads the last replay took, of how many there are."""
        return f"{self.threads} of {self._threads} thread{'s' * (self._threads > 1)}"

    @property
    def operations(self) -> list[str]:
        """The names of the recorded calls, in order."""
        return [call.operation.name for call in self.calls]

    def __len__(self) -> int:
        return len(self.calls)

    def append(self, call: Call) -> None:
        """Add a call and compile what it needs."""
        self.calls.append(call)
        entry_address(call, self._compiler)
        self._chooser = None

    def replay(self, steps: int = 1) -> None:
        """Run the whole list ``steps`` times without the interpreter and without its lock."""
        if steps < 1:
            return
        chooser = self._chooser or self._choose()
        chooser.run(steps)

    def hold(self, threads: int) -> None:
        """Take so many threads from now on, be it faster or not: what a choice is compared with."""
        self._choose_among([threads], favourite=0)

    def _choose(self) -> Chooser:
        """Begin with what the sizes suggest."""
        divided = self._threads > 1 and estimated_seconds(self.calls) >= WORTH_DIVIDING
        if self._tries and self._threads > 1:
            return self._choose_among([1, self._threads], favourite=int(divided))
        return self._choose_among([self._threads if divided else 1], favourite=0)

    def _choose_among(self, counts: list[int], favourite: int) -> Chooser:
        self._counts = counts
        self._chooser = Chooser([Way(partial(self._divide, count)) for count in counts], favourite)
        return self._chooser

    def _divide(self, threads: int) -> list[Table]:
        """Return one table a thread; with several, a barrier ends every section."""
        rows: list[list] = [[] for _ in range(threads)]
        ordered = sections(self.calls, threads) if threads > 1 else [self.calls]
        line, arrivals = _counter()
        in_a_step = threads * len(ordered)
        for number, section in enumerate(ordered, 1):
            for call in section:
                for thread, span in enumerate(call.spans(threads)):
                    if span is not None:
                        rows[thread].append(packed(call, span, self._compiler))
            if threads > 1:
                waiting = [arrivals, in_a_step, threads * number - in_a_step, _sched_yield()]
                for own in rows:
                    own.append((barrier_address(), waiting, []))
        return [Table(own, keep=(self.calls, line)) for own in rows]


class Way:
    """A Program divided among so many threads, when it first runs that way: most small ones never
    try a second.
    """

    def __init__(self, divide: Callable[[], list[Table]]):
        self._divide = divide
        self._tables: list[Table] | None = None

    def __call__(self, steps: int) -> None:
        """Run the whole list ``steps`` times."""
        if self._tables is None:
            self._tables = self._divide()
        TEAM.run([partial(table.run, steps) for table in self._tables])


class Table:
    """What one thread runs: three arrays that the replay loop walks along."""

    def __init__(self, rows: list[tuple[int, list[int], list[float]]], keep: tuple = ()):
        entries = np.array([entry for entry, _, _ in rows], np.int64)
        integers, integer_rows = _flatten([integers for _, integers, _ in rows], np.int64)
        reals, real_rows = _flatten([reals for _, _, reals in rows], np.float64)
        self._vectors = (
            entries.ctypes.data,
            integer_rows.ctypes.data,
            real_rows.ctypes.data,
            len(rows),
        )
        self._keep = (
            keep,
            entries,
            integers,
            integer_rows,
            reals,
            real_rows,
        )  # all that stands at these addresses
        self._replay = replay_function()

    def run(self, steps: int) -> None:
        """Run the rows in order, ``steps`` times."""
        self._replay(*self._vectors, steps)


def entry_address(call: Call, compiler: KernelCompiler) -> int:
    """Return the address of the compiled entry that fits a call."""
    element_types = tuple(array.dtype for _, array in call.arrays)
    functions = tuple(value for kind, value in call.passed if kind.kind == "function")
    return compiler.address(call.operation, element_types, functions)


def packed(
    call: Call, span: tuple[int, int], compiler: KernelCompiler
) -> tuple[int, list[int], list[float]]:
    """Turn one thread's part of a call into (address of its entry, row of integers, row of reals).

    The rows are in the order of the signature, as entries unpack them (``compiler``).
    """
    integers, reals = [], []
    for kind, value in call.passed:
        match kind.kind:
            case "matrix" | "vector":
                own = own_part(kind, value, span)
                integers += [own.ctypes.data, *own.shape]
            case "integer":
                integers.append(int(value))
            case "real":
                reals.append(float(value))
    for kind in call.operation.arguments.values():
        integers += span[: {"first": 1, "span": 2}.get(kind.kind, 0)]
    return entry_address(call, compiler), integers, reals


def _flatten(rows: list[list], dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Lay rows end to end; return the flat array and the address of each row in it."""
    flat = np.array([value for row in rows for value in row], dtype)
    starts = np.cumsum([0] + [len(row) for row in rows[:-1]]) if rows else np.zeros(0)
    return flat, flat.ctypes.data + starts.astype(np.int64) * flat.itemsize


def _counter() -> tuple[np.ndarray, int]:
    """Return memory and the address of a zero in it that has its cache line, and the one fetched
    beside it, to itself.
    """
    words = np.zeros(4 * LINE // 8, np.int64)
    return words, words.ctypes.data + -words.ctypes.data % (2 * LINE)


@cache
def _sched_yield() -> int:
    """Return the address of the C library's sched_yield."""
    return ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value or 0
