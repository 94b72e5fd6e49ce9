"""Brings data to a device a window at a time: the next one is gathered and copied while the device
works on this one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

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
    """Where the device's memory is the host's: a second array."""

    def __init__(self, array: np.ndarray):
        self._array, self._next = array, np.empty_like(array)

    def prefetch(self, fill: Callable[[np.ndarray], None]) -> None:
        """Fill the second array."""
        fill(self._next)

    def take(self) -> None:
        """Copy it."""
        self._array[...] = self._next
