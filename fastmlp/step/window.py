"""A window of rows on the device, for data that it cannot hold: those of the coming batches."""

from __future__ import annotations

import numpy as np

from fastmlp.backend.contract import Backend

WINDOW_BYTES = 128 << 20  # a copy of this size takes milliseconds, a launch microseconds


class Window:
    """Rows of a matrix in host memory, or in a file, brought to the device in the order of the
    epoch.

    Row ``position`` of the epoch's order stands in row ``position % rows`` of ``array``, so that a
    batch is gathered there as it would be from the whole matrix, only by another order.

    Parameters
    ----------
    backend
        The device.
    features
        (rows, columns) on the host.
    batch_size
        Rows of a full batch.
    size
        Bytes on the device; a batch at least.
    visits
        Length of an epoch's order; default one visit a row.

    Attributes
    ----------
    array
        (rows of the window, columns) on the device.
    slots
        (visits,) int64 on the device: where in ``array`` each position of the epoch's order stands.
    steps
        How many full batches the window holds.
    """

    def __init__(
        self,
        backend: Backend,
        features: np.ndarray,
        batch_size: int,
        size: int = WINDOW_BYTES,
        visits: int | None = None,
    ):
        visits = len(features) if visits is None else visits
        row_bytes = max(features.itemsize * features.shape[1], 1)
        self.steps = max(size // (row_bytes * batch_size), 1)
        rows = self.steps * batch_size
        self.array = backend.empty((rows, features.shape[1]), features.dtype.newbyteorder("="))
        self.slots = backend.from_numpy(np.arange(visits, dtype=np.int64) % rows)
        self._features, self._rows = features, rows
        self._order = np.arange(visits) % max(len(features), 1)
        self._feed = backend.feed(self.array)
        self._next, self._is_prefetched = 0, False

    def set_order(self, order: np.ndarray) -> None:
        """Set the order of the coming epoch."""
        self._order = order

    def start(self, step: int = 0) -> None:
        """Go to where in the order the window lies that holds a step of the epoch."""
        self._next, self._is_prefetched = step // self.steps * self._rows, False

    def take(self) -> None:
        """Bring the next rows into ``array``."""
        self.prefetch()
        self._feed.take()
        self._is_prefetched = False

    def prefetch(self) -> None:
        """Start the copy of the rows after those at hand, unless it was done or there are none."""
        chosen = self._order[self._next : self._next + self._rows]
        if self._is_prefetched or not len(chosen):
            return

        def fill(target: np.ndarray) -> None:
            np.take(
                self._features, chosen, axis=0, out=target[: len(chosen)], mode="clip"
            )  # clip: unbuffered

        self._feed.prefetch(fill)
        self._next += self._rows
        self._is_prefetched = True
