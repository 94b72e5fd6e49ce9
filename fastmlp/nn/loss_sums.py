"""What a loss adds up over the rows that it has seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fastmlp.ranks.contract import Ranks


@dataclass(frozen=True)
class LossSums:
    """Sums over the rows that a loss has seen."""

    loss_sum: float = 0.0
    right: float = 0.0
    rows: int = 0

    def __add__(self, other: LossSums) -> LossSums:
        return LossSums(
            self.loss_sum + other.loss_sum, self.right + other.right, self.rows + other.rows
        )

    def __sub__(self, other: LossSums) -> LossSums:
        return LossSums(
            self.loss_sum - other.loss_sum, self.right - other.right, self.rows - other.rows
        )

    @property
    def loss(self) -> float:
        """Mean loss of a row; NaN where no row was seen."""
        return self.loss_sum / self.rows if self.rows else math.nan

    @property
    def accuracy(self) -> float:
        """Share of rows that were right; NaN where no row was seen."""
        return self.right / self.rows if self.rows else math.nan

    def over(self, ranks: Ranks) -> LossSums:
        """Together: return the sums over the rows of all ranks."""
        if ranks.is_alone:
            return self
        loss_sum, right, rows = ranks.total(np.array([self.loss_sum, self.right, self.rows]))
        return LossSums(float(loss_sum), float(right), round(rows))

    def counted_once(self, ranks: Ranks) -> LossSums:
        """Return what this rank has of sums that all of them know."""
        return self if ranks.is_first else LossSums()
