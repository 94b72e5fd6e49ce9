"""Which rows an ensemble's members learn from, and what they say of those that they did not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastmlp.data.features.targets import TargetEncoder
from fastmlp.metrics.calibration import logits_of
from fastmlp.metrics.table import Metric
from fastmlp.nn.loss_sums import LossSums
from fastmlp.nn.losses import Loss
from fastmlp.nn.network import Network
from fastmlp.step.batches import SHUFFLE_STREAM, Batches
from fastmlp.step.shuffles import permuted

from .measure import Measure
from .passes import BlockPrediction
from .policies import Order


@dataclass(frozen=True)
class MemberRows:
    """The rows of each member of an ensemble.

    Attributes
    ----------
    members
        How many there are.
    rows
        How many rows they share.
    fold
        (rows,) the fold of each row; of K members and F folds, members 0 to K/F − 1 do not learn
        from fold 0, and so on. None where each learns from all rows.
    stacked
        Whether the features hold all rows once for each fold, one stack of rows after the other:
        the first as the members see them that do not learn from the first fold.
    """

    members: int
    rows: int
    fold: np.ndarray | None = None
    stacked: bool = False

    @property
    def folds(self) -> int:
        """How many folds there are; 0 for none."""
        return 0 if self.fold is None else int(self.fold.max()) + 1

    def _fold_of(self, member: int) -> int:
        return member * self.folds // self.members

    def learnt(self, member: int) -> np.ndarray:
        """Return the numbers of the rows that a member learns from, in its stack."""
        if self.fold is None:
            return np.arange(self.rows)
        return np.flatnonzero(self.fold != self._fold_of(member)) + self._stack_start(member)

    def held_out(self, member: int) -> np.ndarray:
        """Return the numbers of the rows of a member's fold, in its stack."""
        assert self.fold is not None  # or nothing is held out
        return np.flatnonzero(self.fold == self._fold_of(member)) + self._stack_start(member)

    def _stack_start(self, member: int) -> int:
        return self._fold_of(member) * self.rows if self.stacked else 0

    @property
    def per_epoch(self) -> int:
        """How many rows each member visits in an epoch: as many as the one with the fewest has."""
        if self.fold is None:
            return self.rows
        return self.rows - int(np.bincount(self.fold).max())

    @property
    def visits(self) -> int:
        """How many rows all members visit in an epoch."""
        return self.members * self.per_epoch


def in_blocks(rows: list[np.ndarray], size: int) -> np.ndarray:
    """Return an order in which each batch has a block of ``size`` rows for each member.

    ``rows`` holds an array of the same length for each member; the last blocks may be smaller.
    """
    length = len(rows[0])
    return np.concatenate(
        [own[start : start + size] for start in range(0, length, size) for own in rows]
    )


class MembersOrder(Order):
    """Each member's rows in an order of its own, which belongs to (seed, epoch, member).

    Parameters
    ----------
    seed
        Of the run.
    rows
        Who learns from which rows.
    shuffle
        False for the order in which they lie.
    block
        So many rows stay near each other; 0 for none.
    """

    def __init__(self, seed: int, rows: MemberRows, shuffle: bool = True, block: int = 0):
        self._seed, self._rows, self._shuffle, self._block = seed, rows, shuffle, block
        self._learnt = [rows.learnt(member) for member in range(rows.members)]

    def start_epoch(self, batches: Batches, epoch: int, step: int) -> None:
        """Set the order."""
        size = batches.batch_size // self._rows.members
        chosen = [self._of_member(number, epoch) for number in range(self._rows.members)]
        batches.set_order(in_blocks(chosen, size))

    def _of_member(self, member: int, epoch: int) -> np.ndarray:
        own = self._learnt[member]
        if self._shuffle:
            key = np.array([self._seed, SHUFFLE_STREAM | epoch], np.uint64)
            bits = np.random.Philox(key=key, counter=[0, 0, 0, member])
            own = permuted(own, np.random.Generator(bits), self._block)
        return own[: self._rows.per_epoch]


class OutOfFold(Measure):
    """Measures an ensemble on the rows that it learns from, each by the members that do not learn
    from it.

    Parameters
    ----------
    network, loss
        Of the ensemble.
    batches
        Without targets, of the training rows, with a block for each member; ``held_out_visits``
        says how many visits.
    rows
        Who learns from which rows.
    targets, encoded, metric, threshold
        As Measure takes them.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        batches: Batches,
        rows: MemberRows,
        targets: TargetEncoder,
        encoded: np.ndarray,
        metric: Metric | None = None,
        threshold: float | None = 0.5,
    ):
        self._block, self._network = batches.batch_size // rows.members, network
        order, self._places = _held_out_order(rows, self._block)
        batches.set_order(order)
        self._compared = loss.targets_from(targets, encoded)
        truth = targets, encoded, metric, threshold, batches.ranks
        super().__init__("validation", network, loss, batches, *truth)

    def _make_pass(self, network: Network, batches: Batches) -> BlockPrediction:
        return BlockPrediction(network, self._loss, batches)

    def predictions(self) -> np.ndarray:
        """Return the mean prediction (rows, outputs) of the members that did not learn from a row,
        as the loss finishes outputs.
        """
        assert isinstance(self._pass, BlockPrediction)  # as it made it
        return self._pass.run()[self._places].mean(axis=1)

    def logits(self) -> np.ndarray:
        """Return what the loss's link makes ``predictions`` from, float64 where it has logits."""
        predictions, link = self.predictions(), self._loss.kind.link
        if link == "softmax":
            return logits_of(predictions)
        if link == "sigmoid":
            return logits_of(predictions) - logits_of(1 - predictions)
        return predictions

    def run(self) -> dict[str, float]:
        """Return the numbers of the network as it stands."""
        predictions = self.predictions()
        return self._numbers(predictions, self._sums(predictions))

    def _sums(self, predictions: np.ndarray) -> LossSums:
        """Return the sums of the rows' losses, taken by the device as every loss is."""
        backend, loss = self._network.backend, self._loss
        loss.take_sums()
        for start in range(0, len(predictions), self._block):
            chosen = slice(start, start + self._block)
            finished = backend.from_numpy(predictions[chosen])
            outputs = backend.empty(finished.shape, self._network.dtype)
            loss.unfinish_outputs(finished, outputs)
            targets = backend.from_numpy(np.ascontiguousarray(self._compared[chosen]))
            weights = backend.from_numpy(np.ones(len(outputs), self._network.dtype))
            loss.backward(outputs, targets, weights)
        return loss.take_sums()


def held_out_visits(rows: MemberRows) -> int:
    """Return how many visits a pass over the held-out rows of all members has."""
    return rows.members * (rows.rows - rows.per_epoch)


def _held_out_order(rows: MemberRows, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the order in which members visit their own folds, and where in it each row stands.

    A fold that is smaller than others has its last row twice. The places are (rows, members of a
    fold).
    """
    longest = rows.rows - rows.per_epoch
    held_out = [rows.held_out(member) for member in range(rows.members)]
    padded = [np.pad(own, (0, longest - len(own)), mode="edge") for own in held_out]
    order = in_blocks(padded, size)
    member = in_blocks([np.full(longest, number) for number in range(rows.members)], size)
    own = order % rows.rows  # wherever its stack begins
    _, first = np.unique(own * rows.members + member, return_index=True)
    by_row = first[np.argsort(own[first], kind="stable")]
    return order, by_row.reshape(rows.rows, -1)
