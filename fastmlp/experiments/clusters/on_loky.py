"""joblib's own processes on this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import BrokenProcessPool

from fastmlp.backend.available import available_threads

from .cluster import Answer, Cluster


class LokyCluster(Cluster):
    """Processes that joblib's library loky starts.

    When one dies, loky gives up the whole pool and does not say whose call it was.

    Parameters
    ----------
    jobs
        How many processes; None for one a core.
    """

    names_the_dead = False

    def __init__(self, jobs: int | None):
        self._jobs = jobs or available_threads()
        self._pool: ProcessPoolExecutor | None = None
        self.where = f"loky on this machine ({self._jobs} processes)"

    @property
    def slots(self) -> int:
        """The processes."""
        return self._jobs

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Answer:
        """Have a function called in one of the processes."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(max_workers=self._jobs)
        return self._pool.submit(function, *arguments)

    def share(self, value: Any) -> Any:
        """Return the value: processes on this machine see its files and never ask for it."""
        return value

    def is_death(self, error: BaseException) -> bool:
        """Return whether a process died; the pool is then begun anew."""
        if not isinstance(error, BrokenProcessPool):
            return False
        self.close()
        return True

    def close(self) -> None:
        """End the processes."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, kill_workers=True)
