"""Ranks by MPI: decisions as messages, sums by MPI_Allreduce, the end of all if one of them fails.

mpi4py is one wheel for MPICH, Intel MPI and Open MPI. Their handles are 4-byte integers or
pointers; as 64-bit integers both travel in the same registers, so compiled code calls
MPI_Allreduce by its address in the same way.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastmlp.errors import FastMLPError, UsageError

from .contract import Place, Ranks, Reduction, Value
from .failure import FailureWatch


class MpiRanks(Ranks):
    """The processes that mpiexec has started.

    Parameters
    ----------
    mpi
        The module ``mpi4py.MPI``, initialised.
    library
        Whose MPI it is.
    """

    def __init__(self, mpi: Any, library: str):
        world = mpi.COMM_WORLD
        # Each kind of message has a communicator of its own: none meets another's.
        self._decisions, self._sums, failures = (self._own(mpi, world) for _ in range(3))
        self.place = _place(mpi, world, library)
        self.reduction = _reduction(mpi, self._sums)
        self.watch = FailureWatch(failures, self.place)

    @staticmethod
    def _own(mpi: Any, world: Any) -> Any:
        """Return a duplicate whose errors end the job: a rank that went on alone would hang it."""
        own = world.Dup()
        own.Set_errhandler(mpi.ERRORS_ARE_FATAL)
        return own

    def decide(self, choose: Callable[[], Value]) -> Value:
        """Return what the first rank's ``choose`` returns; raise what it raises."""
        answer, error = None, None
        if self.is_first:
            try:
                answer = choose()
            except Exception as raised:
                error = raised
        answer, told = self._decisions.bcast((answer, _told(error)))
        if error is not None:
            raise error
        if told is not None:
            raise _raised_elsewhere(*told)
        return answer

    def total(self, numbers: np.ndarray) -> np.ndarray:
        """Return the sum over the ranks."""
        own = np.ascontiguousarray(numbers, np.float64)
        summed = np.empty_like(own)
        self._decisions.Allreduce(own, summed)
        return summed

    def check_alike(self, what: str, value: str) -> None:
        """Raise a UsageError on every rank if one has another value than the first."""
        values = self._decisions.allgather(value)
        other = next((rank for rank, each in enumerate(values) if each != values[0]), None)
        if other is not None:
            raise UsageError(
                f"ranks do not agree on {what}: rank 0 has {values[0]}, rank {other} has "
                f"{values[other]}. Give all of them the same."
            )

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Let an error that not every rank has end all of them."""
        try:
            yield
        except BaseException as error:
            self.watch.end_together(error)
            raise


def _told(error: Exception | None) -> tuple[str, str, int] | None:
    """Return an error as words that every rank can read."""
    if error is None:
        return None
    return type(error).__name__, str(error), getattr(error, "exit_code", 1)


def _raised_elsewhere(kind: str, message: str, code: int) -> Exception:
    """Return the error that the first rank raised, as one of fastmlp's with its exit code."""
    error = FastMLPError(message or kind)
    error.exit_code = code
    return error


def _place(mpi: Any, world: Any, library: str) -> Place:
    node = world.Split_type(mpi.COMM_TYPE_SHARED)
    node.Set_errhandler(mpi.ERRORS_ARE_FATAL)
    machines = world.allreduce(int(node.rank == 0))
    mine = sorted(_processors())
    masks = node.allgather(mine)
    threads = fair_share(mine, masks)
    return Place(world.rank, world.size, node.rank, node.size, machines, threads, library)


def fair_share(mine: list[int], masks: list[list[int]]) -> int:
    """Return how many threads are a rank's share, given the processors of all on its machine.

    A launcher may have bound ranks to processors of their own, or let all of them run anywhere:
    each processor is shared by those ranks that may run on it.
    """
    share = sum(1 / sum(processor in mask for mask in masks) for processor in mine)
    return max(1, int(share + 1e-6))


def _processors() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _reduction(mpi: Any, communicator: Any) -> Reduction:
    """Return MPI_Allreduce's address and the handles that it takes."""
    # The extension module depends on the MPI library, in which the name is found.
    library = ctypes.CDLL(mpi.__file__)
    routine = ctypes.cast(library.MPI_Allreduce, ctypes.c_void_p).value or 0
    elements = {np.dtype(np.float32): mpi.FLOAT, np.dtype(np.float64): mpi.DOUBLE}
    return Reduction(
        routine,
        signed(int(mpi.IN_PLACE)),
        signed(mpi.SUM.handle),
        signed(communicator.handle),
        {dtype: signed(element.handle) for dtype, element in elements.items()},
    )


def signed(handle: int) -> int:
    """Return the int64 of the same bits: handles may be above 2⁶³."""
    return ctypes.c_int64(handle).value
