"""A number that may change from update to update, at an address that does not."""

from __future__ import annotations

import numpy as np

from fastmlp.backend.contract import Array, Backend


class Scheduled:
    """A float64 on the device that recorded operations read, as they do the learning rate.

    Parameters
    ----------
    value
        Where it stands, (1,).
    updates
        How many an epoch has: a recording holds the address of its table.
    """

    def __init__(self, backend: Backend, value: Array, updates: int):
        self._backend, self.value = backend, value
        self._table = backend.zeros((updates,), np.float64)
        self.set_table(np.ones(updates))

    def set_table(self, table: np.ndarray) -> None:
        """Set the number of each update of the coming epoch."""
        self._backend.assign(self._table, table)

    def take(self, counters: Array) -> None:
        """Launch the choice of this update's number, once ``counters`` have counted the update."""
        self._backend.ops.take_of_step(self._table, counters, self.value)
