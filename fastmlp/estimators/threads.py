"""How many threads ``threads="auto"`` takes: one inside joblib's workers, unless joblib leaves a
worker more.
"""

from __future__ import annotations

import os

from fastmlp.backend.available import available_threads

LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)  # joblib sets them in its worker processes


def thread_count(threads: int | str) -> int | None:
    """Return the number of CPU threads, None for all that this process may use.

    Parameters
    ----------
    threads
        A number, which is taken as it is, or ``"auto"``: what the usual environment variables allow
        (joblib sets them in its processes, to ``inner_max_num_threads`` or to a fair share), and
        one thread in a worker that has no such limit, as those of joblib's threading backend.
    """
    if threads != "auto":
        return int(threads)
    limit = _environment_limit()
    if limit is None and _inside_joblib():
        return 1
    return limit if limit is None else min(limit, available_threads())


def _environment_limit() -> int | None:
    for name in LIMITS:
        value = os.environ.get(name, "")
        if value.isdecimal() and int(value) > 0:
            return int(value)
    return None


def _inside_joblib() -> bool:
    from joblib.parallel import get_active_backend

    return (get_active_backend()[0].nesting_level or 0) > 0
