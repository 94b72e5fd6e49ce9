"""What mpiexec and its kin tell a process of itself, by environment variables: no MPI is needed."""

from __future__ import annotations

import os

from fastmlp.errors import UsageError

# 0: this process trains alone, whatever started it.
RANKS_VARIABLE = "FASTMLP_RANKS"
# By Open MPI; by MPICH, Intel MPI and Slurm's PMI-2; by MVAPICH.
SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")
NUMBERS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "PMIX_RANK")
UNKNOWN = 0


def announced_size() -> int:
    """Return how many processes were started together with this one; 1 without a launcher, UNKNOWN
    where it does not say, as PMIx.
    """
    value = _first_number(SIZES)
    if value:
        return value
    return UNKNOWN if _first_number(NUMBERS) is not None else 1


def announced_rank() -> int:
    """Return which of them this process is; 0 without a launcher, and where each is to be alone."""
    return 0 if stays_alone() else _first_number(NUMBERS) or 0


def stays_alone() -> bool:
    """Return whether this process is to train alone, whatever started it."""
    return os.environ.get(RANKS_VARIABLE) == "0"


def refuse_several(what: str, instead: str) -> None:
    """Refuse a command that mpiexec has started several times, and that trains in one process.

    Raises
    ------
    UsageError
        If there are several.
    """
    if announced_size() != 1 and not stays_alone():
        raise UsageError(f"{what} is not divided among ranks; leave mpiexec out, {instead}.")


def _first_number(names: tuple[str, ...]) -> int | None:
    values = (os.environ.get(name, "") for name in names)
    return next((int(value) for value in values if value.isdecimal()), None)
