"""Finds out whether this process is one of several that mpiexec has started, and joins them."""

from __future__ import annotations

import multiprocessing
import os
from functools import cache
from importlib.util import find_spec
from typing import Any

from fastmlp.errors import MissingExtraError, UsageError

from .contract import ALONE, Ranks
from .launcher import RANKS_VARIABLE, UNKNOWN, announced_size, stays_alone


@cache
def here() -> Ranks:
    """Return the ranks that this process is one of.

    MPI is imported, and thereby initialised, only where a launcher says that there are several. A
    process that such a process starts is not one of them, though it inherits the launcher's
    variables.

    Raises
    ------
    MissingExtraError
        If there are several and mpi4py is not installed.
    UsageError
        If mpi4py uses another MPI than the launcher's.
    """
    size = announced_size()
    is_child = multiprocessing.current_process().name != "MainProcess"
    if size == 1 or is_child or stays_alone():
        return ALONE
    if find_spec("mpi4py") is None:
        raise MissingExtraError("training on several ranks", "mpi4py", "mpi")
    try:
        from mpi4py import MPI  # pyright: ignore[reportMissingModuleSource]
    except (ImportError, RuntimeError):  # the wheel is there, and no library
        raise MissingExtraError("training on several ranks", "an MPI", "mpi") from None
    if size not in (UNKNOWN, MPI.COMM_WORLD.size):
        raise UsageError(
            f"mpiexec started {size} processes, and mpi4py sees {MPI.COMM_WORLD.size}: it uses "
            f"another MPI ({library_name(MPI)}). Start them by the mpiexec of that one."
        )
    if MPI.COMM_WORLD.size == 1:
        return ALONE
    os.environ[RANKS_VARIABLE] = "0"  # for the processes that this one starts
    from .mpi import MpiRanks

    ranks = MpiRanks(MPI, library_name(MPI))
    ranks.watch.take_uncaught()
    return ranks


def library_name(mpi: Any) -> str:
    """Return whose MPI it is, for people: ``MPICH 5.0.2``."""
    first = mpi.Get_library_version().replace("\0", "").splitlines()[0]
    words = first.replace(":", " ").replace(",", " ").replace("Version", " ").split()
    number = next((word for word in words if word.lstrip("v")[:1].isdigit()), "")
    name = " ".join(words[: words.index(number)]) if number else first
    return f"{name} {number.lstrip('v')}".strip()
