"""When to stop: the loss curve or the validation scores, and how long they have not improved by
``tol``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class Watch:
    """The numbers of every epoch so far, over all fits of a warm start.

    Attributes
    ----------
    tol, patience
        What counts as an improvement, and how many epochs may go without.
    by_score
        Whether validation scores are watched rather than the training loss.
    losses, scores, validation_losses
        One number an epoch.
    best_loss, best_score
        The best so far, whatever ``tol``.
    count
        Epochs in a row without an improvement of ``tol``.
    """

    tol: float
    patience: float
    by_score: bool
    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    best_loss: float = math.inf
    best_score: float = -math.inf
    count: int = 0

    def epoch_ended(self, loss: float, score: float | None, validation_loss: float | None) -> bool:
        """Take an epoch's numbers; return whether the watched one was never better."""
        self.losses.append(loss)
        if score is not None:
            self.scores.append(score)
            self.validation_losses.append(validation_loss)
        # How much better than the best so far: as scikit-learn compares, NaN counts as no
        # standstill.
        value, best, sign = (
            (score, self.best_score, 1) if self.by_score else (loss, self.best_loss, -1)
        )
        stands_still = sign * value < sign * best + self.tol
        self.count = self.count + 1 if stands_still else 0
        is_best = sign * value > sign * best
        self.best_loss = min(self.best_loss, loss)
        if score is not None:
            self.best_score = max(self.best_score, score)
        return is_best

    @property
    def is_exhausted(self) -> bool:
        """Whether patience is at an end."""
        return self.count > self.patience

    @property
    def why(self) -> str:
        """Say what did not improve."""
        what = "Validation score" if self.by_score else "Training loss"
        return f"{what} did not improve more than tol={self.tol:f} for {self.patience} consecutive epochs."
