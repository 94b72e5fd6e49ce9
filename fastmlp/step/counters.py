"""The numbers that move from step to step, in device memory: update, step, place in the order."""

from __future__ import annotations

import numpy as np

from fastmlp.backend.contract import Backend

from .part import WHOLE, Part


class Counters:
    """Four int64 on the device, which ``begin_batch`` and ``begin_update`` advance and other
    operations read.

    ``values`` holds the number of updates made since the network was new; the number of steps made
    in this epoch; where in the epoch's order the present batch starts; and where the next one will.

    ``part`` is which rows of the batch this process has, as of the step that is being launched.

    ``dropout_share`` is what multiplies the rates of dropout in this update, one float64: 1 unless
    scheduled.
    """

    def __init__(self, backend: Backend):
        self._backend = backend
        self.values = backend.zeros((4,), np.int64)
        self.part: Part = WHOLE
        self.dropout_share = backend.zeros((1,), np.float64)
        self.start_epoch(0)

    def start_epoch(self, update: int, step: int = 0, row: int = 0) -> None:
        """Go to an epoch ``step`` steps in, after ``update`` updates, the next batch at ``row``."""
        self._backend.assign(self.values, np.array([update, step, row, row], np.int64))
        self._backend.assign(self.dropout_share, np.ones(1))

    @property
    def divided(self) -> bool:
        """Whether batches are divided among ranks."""
        return not self._backend.ranks.is_alone

    @property
    def update(self) -> int:
        """The number of updates made so far; reading it waits for the device."""
        return int(self._backend.to_numpy(self.values)[0])
