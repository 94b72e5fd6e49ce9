"""A cluster of dask.distributed: one that runs already, or one of processes on this machine."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
from distributed import Client, KilledWorker, LocalCluster, get_worker
from distributed.client import FutureCancelledError

from fastmlp.backend.available import available_threads

from .cluster import Answer, Cluster, lost
from .words import ANSWER_SECONDS, Backend, unanswered

# A scheduler of our own gives the run of a worker that died to another one once.
SILENT = logging.CRITICAL + 1
LOUD = "distributed", "tornado"
LOCAL = {"distributed.scheduler.allowed-failures": 1}


def is_unwanted() -> bool:
    """Return whether the call at hand was cancelled, or its client is gone; asked on a worker."""
    worker = get_worker()
    state = worker.state.tasks.get(worker.get_current_task())
    return state is None or state.state in ("cancelled", "released")


class DaskCluster(Cluster):
    """Workers of dask.distributed.

    Parameters
    ----------
    backend
        With the address of a scheduler, or the file that it wrote; else a scheduler and workers are
        started on this machine.
    jobs
        How many workers to start, each with one thread; None for one a core.
    note
        Is told of workers that die.

    Raises
    ------
    DeviceError
        If no scheduler answers.
    """

    is_unwanted = staticmethod(is_unwanted)

    def __init__(self, backend: Backend, jobs: int | None, note: Callable[[str], None]):
        self._quiet = _Quiet()
        self._note, self._closing = note, threading.Event()
        self._own: LocalCluster | None = None
        self._open: list[Any] = []
        try:
            self._client = self._connected(backend, jobs)
        except BaseException:
            self._quiet.end()
            raise
        self._client.subscribe_topic("all", self._heard)
        self.where = self._described()

    def _connected(self, backend: Backend, jobs: int | None) -> Client:
        if not backend.address:
            with dask.config.set(LOCAL):
                self._own = LocalCluster(
                    n_workers=jobs or available_threads(),
                    threads_per_worker=1,
                    dashboard_address=None,
                    silence_logs=SILENT,
                )
            return Client(self._own, set_as_default=False)
        is_file = Path(backend.address).is_file()
        place = {"scheduler_file": backend.address} if is_file else {"address": backend.address}
        try:
            return Client(**place, timeout=ANSWER_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise unanswered(backend, str(error)) from None

    def _described(self) -> str:
        threads = self._client.nthreads()
        count, total = len(threads), sum(threads.values())
        scheduler = self._client.scheduler
        assert scheduler is not None
        words = f"{count} worker{'' if count == 1 else 's'}"
        words += f" with {total} thread{'' if total == 1 else 's'}" if total != count else ""
        return f"dask cluster at {scheduler.address} ({words})"

    @property
    def slots(self) -> int:
        """The threads of the workers that are there now."""
        try:
            return sum(self._client.nthreads().values())
        except OSError as error:
            raise lost(self.where, error) from None

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Answer:
        """Have a function called on one of the workers."""
        answer = self._client.submit(function, *arguments, pure=False)
        self._open = [each for each in self._open if not each.done()] + [answer]
        return answer

    def share(self, value: Any) -> Any:
        """Send a value to one worker, from which others fetch it when they need it."""
        return self._client.scatter([value], hash=False)[0]  # a dict would be taken apart

    def has(self, shared: Any) -> bool:
        """Return whether a worker still holds a value."""
        return shared.status == "finished"

    def is_death(self, error: BaseException) -> bool:
        """Return whether workers died over a call, or with the data that it needed."""
        is_cancelled = isinstance(error, FutureCancelledError)
        return isinstance(error, KilledWorker) or (is_cancelled and not self._is_gone)

    def gave_up(self, error: BaseException) -> bool:
        """Return whether workers died over a call so often that Dask gave it up."""
        return isinstance(error, KilledWorker)

    def is_lost(self, error: BaseException) -> bool:
        """Return whether the scheduler is gone."""
        return isinstance(error, (FutureCancelledError, OSError)) and self._is_gone

    @property
    def _is_gone(self) -> bool:
        return self._client.status != "running"

    def close(self) -> None:
        """Cancel what is under way, on which the workers end it, and let go of the scheduler."""
        self._closing.set()
        try:
            self._client.unsubscribe_topic("all")
            if self._open:
                self._client.cancel(self._open, force=True)
            self._client.close(timeout=ANSWER_SECONDS)
            if self._own is not None:
                self._own.close(timeout=ANSWER_SECONDS)
        finally:
            self._quiet.end()

    def _heard(self, event: tuple[float, Any]) -> None:
        """Pass on that a worker died over a run."""
        _, said = event
        if self._closing.is_set() or not isinstance(said, dict):
            return
        lost = said.get("lost-computed-tasks") or said.get("processing-tasks")
        if said.get("action") == "remove-worker" and lost:
            self._note(f"the worker {said.get('worker')} died; its run is tried again.")


class _Quiet:
    """Keeps Dask's log and its warning of other versions off the screen: what matters is said."""

    def __init__(self):
        names = [name for name in logging.root.manager.loggerDict if name.startswith(LOUD)]
        self._levels = {logging.getLogger(name): logging.getLogger(name).level for name in names}
        for logger in self._levels:
            logger.setLevel(SILENT)
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.filterwarnings("ignore", module="distributed|dask|tornado")

    def end(self) -> None:
        """Let them be seen again."""
        for logger, level in self._levels.items():
            logger.setLevel(level)
        self._warnings.__exit__(None, None, None)
