"""Brings data to a device a window at a time: the next one is gathered and copied while the device
works on this one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from threading import Thread

import numpy as np


class Feed(ABC):
    """Fills one array on a device again and again.

    ``prefetch`` gathers the next contents on the host and sends them on their way; ``take`` puts
    them into the array, after what was handed to the device before and before what comes after.
    """

    @abstractmethod
    def prefetch(self, fill: Callable[[np.ndarray], None]) -> None:
        """Call ``fill`` with a host array of the device array's shape to write into, and start the
        copy.
        """

    @abstractmethod
    def take(self) -> None:
        """Put what was prefetched last into the device array."""


class HostFeed(Feed):
    """Where the device's memory is the host's: a second array, which a thread fills.

    A replay leaves Python to others while it runs, so that the thread waits for a disk meanwhile.
    """

    def __init__(self, array: np.ndarray):
        self._array, self._next = array, np.empty_like(array)
        self._thread: Thread | None = None
        self._error: BaseException | None = None

    def prefetch(self, fill: Callable[[np.ndarray], None]) -> None:
        """Start to fill the second array, once nothing else does."""

        def work() -> None:
            try:
                fill(self._next)
            except BaseException as error:  # whatever it is, it is raised where it is looked for
                self._error = error

        self._wait()
        self._error = None  # of contents that nobody took
        self._thread = Thread(target=work, name="fastmlp-feed")
        try:
            self._thread.start()
        except RuntimeError:  # no memory for its stack, or no thread is left: it is done here
            self._thread = None
            work()

    def take(self) -> None:
        """Copy it, once it is full."""
        self._wait()
        if self._error is not None:
            raise self._error
        self._array[...] = self._next

    def _wait(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None
