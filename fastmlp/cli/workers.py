"""``--workers N``: the command starts itself again, in N processes that train together."""

from __future__ import annotations

from collections.abc import Sequence

from fastmlp.errors import DeviceError


def start_workers(workers: int, device: str, words: Sequence[str]) -> None:
    """Let the command line of this process go on in several, by mpiexec; it does not return.

    Parameters
    ----------
    workers
        How many.
    device
        As ``--device`` takes it: with CUDA each process has a GPU of its own.
    words
        The command line, without the name of the program.

    Raises
    ------
    UsageError
        If the machine has not so many cores or GPUs, or ranks were started already.
    MissingExtraError
        If there is no MPI.
    """
    from fastmlp.backend.available import available_threads
    from fastmlp.ranks.starting import become, check_workers, command

    count = gpu_count() if device.startswith(("auto", "cuda")) else 0
    check_workers(workers, count or available_threads(), "GPUs" if count else "cores")
    become(command(workers, without_workers(words)))


def gpu_count() -> int:
    """Return how many GPUs can be used; 0 where there are none."""
    from fastmlp.backend.cuda.device import open_device

    try:
        cupy, _ = open_device(0)
    except DeviceError:
        return 0
    return cupy.cuda.runtime.getDeviceCount()


def without_workers(words: Sequence[str]) -> list[str]:
    """Return a command line without ``--workers N`` or ``--workers=N``."""
    kept, rest = [], iter(words)
    for word in rest:
        if word == "--workers":
            next(rest, None)
        elif not word.startswith("--workers="):
            kept.append(word)
    return kept
