"""A window of rows on the device, for data that it cannot hold: those of the coming batches."""

from __future__ import annotations

import numpy as np

from fastmlp.backend.contract import Backend
from fastmlp.data.mapped.rows import MappedRows, Matrix

WINDOW_BYTES = 128 << 20  # a copy of this size takes milliseconds, a launch microseconds
# Of the memory that the data may take: a run has a window for training and one for each split that
# it measures, twice each, since the next one is filled meanwhile.
SHARE = 16


def window_bytes(features: Matrix) -> int:
    """Return how large a window is where nobody says it."""
    if isinstance(features, MappedRows):
        return min(WINDOW_BYTES, features.memory // SHARE)
    return WINDOW_BYTES


class Window:
    """Rows of a matrix in host memory, or in a file, brought to the device in the order of the
    epoch.

    Row ``position`` of the epoch's order stands in row ``position % rows`` of ``array``, so that a
    batch is gathered there as it would be from the whole matrix, only by another order.

    Rows of a file are read in the file's order, whatever the epoch's is, and those of the window
    after the next are announced: random reads that a disk knows beforehand are nearly as fast as
    reading in a row.

    Parameters
    ----------
    backend
        The device.
    features
        (rows, columns) on the host, or in a file.
    batch_size
        Rows of a full batch.
    size
        Bytes on the device; a batch at least. Default as ``window_bytes``.
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
        features: Matrix,
        batch_size: int,
        size: int | None = None,
        visits: int | None = None,
    ):
        size = window_bytes(features) if size is None else size
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
        self._announced = -1  # where in the order the last rows begin that the disk knows of

    def set_order(self, order: np.ndarray) -> None:
        """Set the order of the coming epoch."""
        self._order = order

    def start(self, step: int = 0) -> None:
        """Go to where in the order the window lies that holds a step of the epoch."""
        self._next, self._is_prefetched = step // self.steps * self._rows, False
        self._announced = -1

    def take(self) -> None:
        """Bring the next rows into ``array``."""
        self.prefetch()
        self._feed.take()
        self._is_prefetched = False

    def prefetch(self) -> None:
        """Start the copy of the rows after those at hand, unless it was done or there are none."""
        position = self._next
        chosen = self._order[position : position + self._rows]
        if self._is_prefetched or not len(chosen):
            return

        def fill(target: np.ndarray) -> None:
            if isinstance(self._features, MappedRows):
                self._announce(position)
                self._features.take(chosen, target[: len(chosen)])
                self._announce(position + self._rows)
            else:
                out = target[: len(chosen)]
                np.take(self._features, chosen, axis=0, out=out, mode="clip")  # clip: unbuffered

        self._feed.prefetch(fill)
        self._next += self._rows
        self._is_prefetched = True

    def _announce(self, position: int) -> None:
        """Let the disk know the rows of the window that begins there, once."""
        assert isinstance(self._features, MappedRows)
        if position > self._announced:
            self._features.announce(self._order[position : position + self._rows])
            self._announced = position
