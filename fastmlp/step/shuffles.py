"""The order of an epoch: a permutation of all rows, or one that a slow disk can follow."""

from __future__ import annotations

import numpy as np

TOGETHER = 64  # blocks whose rows are shuffled among each other


def permuted(rows: np.ndarray, generator: np.random.Generator, block: int = 0) -> np.ndarray:
    """Return rows in another order.

    Parameters
    ----------
    rows
        (count,) their numbers, ascending.
    generator
        What the order is drawn from.
    block
        0: every order is as likely as any other. Else blocks of so many neighbours are permuted,
        then the rows of each TOGETHER blocks among each other: a disk reads whole blocks, and a
        batch has rows of many of them.
    """
    if not block:
        return generator.permutation(rows)
    starts = block * generator.permutation(-(-len(rows) // block))
    places = (starts[:, None] + np.arange(block)).ravel()
    places = places[places < len(rows)]  # the last block may be smaller
    for first in range(0, len(places), TOGETHER * block):
        generator.shuffle(places[first : first + TOGETHER * block])
    return rows[places]
