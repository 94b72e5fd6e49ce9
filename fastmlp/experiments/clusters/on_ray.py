"""A cluster of Ray: one that runs already, or one on this machine."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Callable
from typing import Any

from fastmlp.backend.available import available_threads

from .cluster import Answer, Cluster
from .words import Backend, unanswered

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a library reports to nobody

import ray
from ray import exceptions

DEATHS = (
    exceptions.WorkerCrashedError, exceptions.NodeDiedError, exceptions.OutOfMemoryError,
    exceptions.LocalRayletDiedError, exceptions.ObjectLostError,
)  # fmt: skip
LOST = (exceptions.RaySystemError, exceptions.RpcError, ConnectionError)


class RayCluster(Cluster):
    """Workers of Ray.

    Parameters
    ----------
    backend
        With the address of a cluster; else one is started on this machine.
    jobs
        How many runs at a time one on this machine has cores for; None for all of them.
    threads
        How many cores a run is counted for.

    Raises
    ------
    DeviceError
        If no cluster answers.
    """

    def __init__(self, backend: Backend, jobs: int | None, threads: int):
        self._threads, self._refs = threads, {}
        self._is_guest = ray.is_initialized()  # of a program that has begun Ray itself
        quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        if not backend.address:
            cores = (jobs or max(available_threads() // threads, 1)) * threads
            quiet |= {"num_cpus": cores, "include_dashboard": False}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if not self._is_guest:
                    ray.init(backend.address or "local", **quiet)
        except (OSError, RuntimeError, ValueError, exceptions.RayError) as error:
            raise unanswered(backend, str(error)) from None
        self._call = ray.remote(num_cpus=threads, max_retries=0)(_called)
        nodes = sum(node["Alive"] for node in ray.nodes())
        words = f"{nodes} machine{'' if nodes == 1 else 's'}, {self.slots} runs at a time"
        place = f"at {backend.address}" if backend.address else "on this machine"
        self.where = f"ray cluster {place} ({words})"

    @property
    def slots(self) -> int:
        """How many runs the cores are enough for."""
        return int(ray.cluster_resources().get("CPU", 0)) // self._threads

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Answer:
        """Have a function called by one of the workers."""
        reference = self._call.remote(function, *arguments)
        answer = reference.future()
        self._refs[answer] = reference
        answer.add_done_callback(lambda done: self._refs.pop(done, None))
        return answer

    def share(self, value: Any) -> Any:
        """Put a value into Ray's store, from which each machine fetches it once."""
        return ray.put(value)

    def is_death(self, error: BaseException) -> bool:
        """Return whether a worker or its machine died."""
        return isinstance(error, DEATHS)

    def is_lost(self, error: BaseException) -> bool:
        """Return whether the cluster does not answer any more."""
        return isinstance(error, LOST)

    def close(self) -> None:
        """End what is under way, and the cluster if it is our own."""
        for reference in list(self._refs.values()):
            with contextlib.suppress(exceptions.RayError):
                ray.cancel(reference, force=True)
        if not self._is_guest:
            ray.shutdown()


def _called(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)
