"""Which rows of a batch a rank has, of all members' blocks alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fastmlp.ranks.contract import Ranks


@dataclass(frozen=True)
class Part:
    """A stretch of the rows of a batch; of an ensemble's, the same stretch of each member's block.

    Attributes
    ----------
    first, stop
        The rows from ``first`` up to ``stop``.
    of
        How many rows the batch has; of an ensemble, each block of it.
    """

    first: int
    stop: int
    of: int

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.stop - self.first

    @property
    def is_whole(self) -> bool:
        """Whether these are all rows of the batch."""
        return self.rows == self.of

    def stretches(self, rows: int, members: int) -> Iterator[tuple[int, slice]]:
        """Yield what lies together in the batch of ``rows`` rows that are here, with the place of
        its first row there: all of it, or each member's block.
        """
        if self.is_whole or members == 1:
            yield self.first, slice(0, rows)
            return
        block = rows // members
        for member in range(members):
            yield member * self.of + self.first, slice(member * block, (member + 1) * block)


WHOLE = Part(0, 0, 0)
"""All rows, however many: what stands before a batch is divided."""


def part_of(rows: int, blocks: int, ranks: Ranks) -> Part:
    """Return a rank's part of a batch of ``rows`` rows in all, of ``blocks`` blocks."""
    return Part(*ranks.part(rows // blocks), rows // blocks)


def by_rank(order: np.ndarray, batch_size: int, blocks: int, ranks: Ranks) -> np.ndarray:
    """Return an epoch's order in which each rank's rows of a batch lie together, member by member.

    Parameters
    ----------
    order
        (visits,) with a block for each member in each batch.
    batch_size
        Of all blocks together.
    blocks
        How many.
    ranks
        Among whom each block is divided.
    """
    if blocks == 1 or ranks.is_alone:
        return order
    ordered = np.empty_like(order)
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size].reshape(blocks, -1)
        rows = batch.shape[1]
        cuts = [rows * rank // ranks.size for rank in range(1, ranks.size)]
        parts = [part.ravel() for part in np.split(batch, cuts, axis=1)]
        ordered[start : start + batch_size] = np.concatenate(parts)
    return ordered


def own_positions(visits: int, batch_size: int, blocks: int, ranks: Ranks) -> np.ndarray:
    """Return which positions of an epoch's order, as ``by_rank`` leaves it, a rank reads.

    Parameters
    ----------
    visits
        Length of the order; its last batch may be smaller than the others.
    batch_size, blocks
        As for ``by_rank``.

    Returns
    -------
    numpy.ndarray
        (batches, most rows that a rank has of one) int64; where it has fewer, the last one, or any
        other of the batch, comes again.
    """
    most = np.arange(blocks * -(-batch_size // (blocks * ranks.size)))
    positions = []
    for start in range(0, visits, batch_size):
        part = part_of(min(batch_size, visits - start), blocks, ranks)
        last = max(blocks * part.stop - 1, 0)
        positions.append(start + np.minimum(blocks * part.first + most, last))
    return np.array(positions, np.int64).reshape(-1, len(most))
