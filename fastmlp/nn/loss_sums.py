"""What a loss adds up over the rows that it has seen."""

from __future__ import annotations

import math
from dataclasses import dataclass


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
