"""``--workers``: a command starts itself again as several ranks on this machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from fastmlp.errors import MissingExtraError, UsageError

from .launcher import announced_size

# Open MPI alone asks before it starts anything as root, and before several ranks share a core.
OPEN_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}


def launcher() -> str:
    """Return the path of mpiexec: that of this Python's environment before that of the path.

    Raises
    ------
    MissingExtraError
        If mpi4py or an MPI is not installed.
    """
    if find_spec("mpi4py") is None:
        raise MissingExtraError("--workers", "mpi4py", "mpi")
    own = Path(sys.executable).parent / "mpiexec"
    found = str(own) if own.exists() else shutil.which("mpiexec")
    if found is None:
        raise MissingExtraError("--workers", "mpiexec", "mpi")
    return found


def check_workers(workers: int, most: int, of: str) -> None:
    """Check a number of ranks for this machine.

    Parameters
    ----------
    workers
        How many are asked for.
    most
        How many the machine has room for.
    of
        What it has: ``"cores"`` or ``"GPUs"``.

    Raises
    ------
    UsageError
        If there are too many or too few, or ranks were started already.
    """
    if announced_size() != 1:
        raise UsageError(
            "--workers starts ranks on one machine, and mpiexec has started this one; leave one "
            "of them out."
        )
    if not 1 <= workers <= most:
        raise UsageError(
            f"--workers must be from 1 to {most}, the {of} here, since ranks that wait for each "
            f"other keep theirs busy; got {workers}."
        )


def command(workers: int, arguments: Sequence[str]) -> list[str]:
    """Return the command line that runs ``fastmlp`` with these arguments on so many ranks."""
    own = [sys.executable, "-m", "fastmlp", *arguments]
    return [launcher(), "-n", str(workers), *own]


def become(words: list[str]) -> None:
    """Let this process go on as another command; signals then reach that one directly."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(words[0], words, OPEN_MPI | dict(os.environ))
