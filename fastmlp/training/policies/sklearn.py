"""What training does as scikit-learn's estimators do it: their orders, rates, patience and loss."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from fastmlp.kernels.constants import LOSS_SUM, NORM_BLOCK
from fastmlp.nn.loss_sums import LossSums
from fastmlp.optim.optimizers import Optimizer
from fastmlp.optim.schedules import Schedule
from fastmlp.step.batches import Batches
from fastmlp.step.parameters import ParameterStore
from fastmlp.training.state import finite_or_none, or_infinity

from .base import Order, Patience, Rates, Reported, State

SMALLEST_ADAPTIVE_RATE = 1e-6
ADAPTIVE_DIVISOR = 5.0


class DrawnOrder(Order):
    """Each epoch shuffles the order of the one before, by the draws that scikit-learn makes.

    Attributes
    ----------
    rows
        The order at hand; None before the first epoch.
    """

    def __init__(self, random: np.random.RandomState, shuffle: bool):
        self._random, self._shuffle = random, shuffle
        self.rows: np.ndarray | None = None

    def start_epoch(self, batches: Batches, epoch: int, step: int) -> None:
        """Shuffle, unless the epoch has begun."""
        if not self._shuffle:
            return
        if not step:
            count = batches.rows
            if self.rows is None or len(self.rows) != count:
                self.rows = np.arange(count, dtype=_kind(count))
            permutation = np.arange(count)
            self._random.shuffle(permutation)
            self.rows = self.rows[permutation]
        assert self.rows is not None  # as of every epoch that has begun
        batches.set_order(self.rows)

    def state(self) -> State:
        """Return the order, and from where the next is drawn."""
        drawn = self._random.get_state(legacy=False)
        return {"random": drawn} | ({} if self.rows is None else {"rows": self.rows})

    def load(self, state: State) -> None:
        """Go on with both; a state may leave out from where is drawn."""
        rows = state.get("rows")
        self.rows = None if rows is None else rows.astype(_kind(len(rows)))
        if "random" in state:
            self._random.set_state(state["random"])


def _kind(rows: int) -> type:
    """Return a small type of row numbers: they are pickled."""
    return np.uint32 if rows < 1 << 32 else np.int64


class WordRates(Rates):
    """Learning rates by the estimators' words: scikit-learn's, or a schedule of fastmlp.

    Attributes
    ----------
    current
        The rate of the last update, or the one that it was lowered to.
    """

    def __init__(
        self, word: str, schedule: Schedule, first_update: int, power: float, seen: int, rows: int
    ):
        super().__init__(schedule, first_update)
        self._word, self._power, self._seen, self._rows = word, power, seen, rows
        self._drops, self._previous = 0, None
        self.current = schedule.base_rate

    def start_epoch(self, optimizer: Optimizer, epoch: int, update: int, steps: int) -> np.ndarray:
        """Return the rates; velocities, which scikit-learn keeps multiplied by them, follow."""
        rates = super().start_epoch(optimizer, epoch, update, steps)
        if self._word in ("invscaling", "adaptive"):
            rates[:] = self._rate(epoch)
            if self._previous not in (None, rates[0]) and "velocity" in optimizer.state:
                velocity, backend = optimizer.state["velocity"], optimizer.backend
                factor = self._previous / rates[0]
                backend.assign(velocity, backend.to_numpy(velocity) * factor)
        self._previous = self.current = float(rates[-1])
        return rates

    def _rate(self, epoch: int) -> float:
        initial = self.schedule.base_rate
        if self._word == "adaptive":
            return initial / ADAPTIVE_DIVISOR**self._drops
        return initial / (self._seen + (epoch - 1) * self._rows + 1) ** self._power

    def lower(self) -> str:
        """Take a fifth of an adaptive rate that is not small yet; say so, else return nothing."""
        if self._word != "adaptive" or self._rate(1) <= SMALLEST_ADAPTIVE_RATE:
            return ""
        self._drops += 1
        self.current = self._rate(1)
        return f"Setting learning rate to {self.current:f}"

    def state(self) -> State:
        """Return how often the rate was lowered, and the last epoch's rate."""
        return {"drops": self._drops, "previous": self._previous}

    def load(self, state: State) -> None:
        """Go on from them."""
        self._drops, self._previous = state.get("drops", 0), state.get("previous")


class Tolerance(Patience):
    """scikit-learn's patience: epochs in a row that did not improve by ``tol``.

    Attributes
    ----------
    by_score
        Whether validation scores are watched rather than the training loss.
    best_loss, best_score
        The best so far, over all fits of a warm start, whatever ``tol``.
    count
        Epochs in a row without an improvement of ``tol``.
    """

    def __init__(
        self, tol: float, epochs: float, by_score: bool, rates: WordRates, verbose: bool | int
    ):
        super().__init__(None)
        self.by_score, self._tol, self._most = by_score, tol, epochs
        self._rates, self._verbose = rates, verbose
        self.best_loss, self.best_score, self.count = math.inf, -math.inf, 0

    @property
    def restores_best(self) -> bool:
        """False: the estimator shows the best weights, and trains on from the last."""
        return False

    def epoch_ended(
        self, loss: float, name: str, monitored: dict[str, float]
    ) -> tuple[float, bool]:
        """Return the watched number, smaller is better, and whether it was never better."""
        score = monitored.get("score")
        watched, best = loss, self.best_loss
        if self.by_score:
            watched, best = -monitored["score"], -self.best_score
        # As scikit-learn compares: NaN counts as an improvement.
        self.count = self.count + 1 if watched > best - self._tol else 0
        is_best = watched < best
        self.best_value = min(self.best_value, watched)
        self.best_loss = min(self.best_loss, loss)
        if score is not None:
            self.best_score = max(self.best_score, score)
        return watched, is_best

    def is_over(self, epochs_since_best: int) -> bool:
        """Return False: a fit has one epoch at least, as scikit-learn's."""
        return False

    def stop_reason(self, epochs_since_best: int) -> str:
        """Return why training ends; empty where it goes on, maybe with a lower rate."""
        if self.count <= self._most:
            return ""
        instead = self._rates.lower()
        if self._verbose:
            print(self.why, instead or "Stopping.")
        if instead:
            self.count = 0
        return "" if instead else self.why

    @property
    def why(self) -> str:
        """Say what did not improve."""
        what = "Validation score" if self.by_score else "Training loss"
        return (
            f"{what} did not improve more than tol={self._tol:f} for {self._most} consecutive "
            "epochs."
        )

    def state(self) -> State:
        """Return the best numbers and the count."""
        loss = None if self.by_score else finite_or_none(self.best_loss)
        return {
            "count": self.count,
            "best_loss": loss,
            "best_score": finite_or_none(self.best_score),
        }

    def load(self, state: State) -> None:
        """Go on from them."""
        score = state.get("best_score")
        self.best_score = -math.inf if score is None else score
        self.best_loss, self.count = or_infinity(state.get("best_loss")), state.get("count", 0)


class PenalizedLoss(Reported):
    """The mean loss of a row, and alpha·‖W‖²/2 for each batch as the weights stood before it.

    The loss of a batch of m rows is Σ wᵢ·ℓᵢ/m + alpha·‖W‖²/(2·m): what scikit-learn minimises.

    Parameters
    ----------
    store
        Of the network.
    alpha
        Divided by the mean of the rows' weights as they were given; those of the step have mean 1.
    share
        Factor of the rows' losses, see losses.
    """

    def __init__(self, store: ParameterStore, alpha: float, share: float):
        stop = max((segment.stop for segment in store.segments if segment.decays), default=0)
        self._weights, self._backend = store.values[:stop], store.backend
        self._alpha, self._share = alpha, share
        self._partial = store.backend.zeros((-(-stop // NORM_BLOCK),), np.float64)
        self._sums = store.backend.zeros((3,), np.float64)

    def begin_step(self, optimizer: Optimizer, rows: int) -> None:
        """Set the penalty of a batch of so many rows: a ragged one has its own."""
        optimizer.regularization = replace(optimizer.regularization, l2=self._alpha / rows)

    def launch(self) -> None:
        """Add ‖W‖² of the weights at hand."""
        if self._alpha:
            self._backend.ops.squared_norm(self._weights, self._partial)
            self._backend.ops.accumulate_sums(self._partial, self._partial, self._sums)

    def start_epoch(self) -> None:
        """Begin the sum anew."""
        self.load({"squares": 0.0})

    def loss(self, total: LossSums) -> float:
        """Return the loss of an epoch, or of its part that is over."""
        if not total.rows:
            return math.nan
        penalty = 0.5 * self._alpha * self.state()["squares"]
        return (total.loss_sum * self._share + penalty) / total.rows

    def state(self) -> State:
        """Return the sum of ‖W‖² so far."""
        return {"squares": float(self._backend.to_numpy(self._sums)[LOSS_SUM])}

    def load(self, state: State) -> None:
        """Go on from it."""
        sums = np.zeros(3)
        sums[LOSS_SUM] = state.get("squares", 0.0)
        self._backend.assign(self._sums, sums)
