"""The cluster that a word of ``--backend`` means, opened."""

from __future__ import annotations

from collections.abc import Callable

from .cluster import Cluster
from .words import Backend


def open_cluster(
    backend: Backend, jobs: int | None, threads: int, note: Callable[[str], None]
) -> Cluster:
    """Connect to a cluster, or start one on this machine.

    Parameters
    ----------
    backend
        Which.
    jobs
        How many workers one on this machine has; None for one a core.
    threads
        How many cores a call is counted for, where the cluster counts.
    note
        Is told what the user should know, in a sentence.

    Raises
    ------
    DeviceError
        If it cannot be reached.
    """
    if backend.kind == "dask":
        from .on_dask import DaskCluster

        return DaskCluster(backend, jobs, note)
    if backend.kind == "ray":
        from .on_ray import RayCluster

        return RayCluster(backend, jobs, threads)
    from .on_loky import LokyCluster

    return LokyCluster(jobs)
