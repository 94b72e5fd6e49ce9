"""How many threads this process may use."""

from __future__ import annotations

import os


def available_threads() -> int:
    """Return the number of processors that this process may run on: all of them where the system
    does not say, as on macOS.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
