"""Groups: columns of the matrix that are shuffled together, of one table column or one block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from fastmlp.data.features.inputs import InputColumn
from fastmlp.errors import UsageError, did_you_mean

MOST_BLOCKS = 8  # along a side of a picture, where the user does not say how large a block is


@dataclass(frozen=True, eq=False)
class Group:
    """Columns of the matrix that belong together."""

    name: str
    places: np.ndarray  # which columns of the matrix
    column: InputColumn | None = None  # whose they are; None for pixels


def groups_of_columns(
    inputs: Sequence[InputColumn], chosen: Sequence[str] | None = None
) -> list[Group]:
    """Return a group for each column, or for the ``chosen`` ones in their order.

    Raises
    ------
    UsageError
        If the model has no column of such a name.
    """
    groups = {each.name: Group(each.name, each.places, each) for each in inputs}
    if chosen is None:
        # Columns of an array may share a name.
        return [Group(each.name, each.places, each) for each in inputs]
    if not chosen:
        raise UsageError("columns names none; give the names of some, or leave it out for all.")
    for name in chosen:
        if name not in groups:
            raise UsageError(
                f"the model has no column {name!r}{did_you_mean(name, groups)} "
                "fastmlp info RUN shows them."
            )
    return [groups[name] for name in dict.fromkeys(chosen)]


def groups_of_pixels(
    shape: tuple[int, ...], side: int | None = None
) -> tuple[list[Group], tuple[int, int]]:
    """Return a group for each square block of pixels, by line, and how many blocks there are.

    Parameters
    ----------
    shape
        (height, width) or (height, width, channels); the channels of a pixel belong together.
    side
        Pixels along a side of a block; default so many that no side has more than 8 blocks. The
        last blocks of a line or column may be smaller.

    Returns
    -------
    list of Group, (blocks down, blocks across)

    Raises
    ------
    UsageError
        If the side is less than 1 or more than the picture's.
    """
    height, width = shape[:2]
    if side is None:
        side = -(-max(height, width) // MOST_BLOCKS)
    if not 1 <= side <= max(height, width):
        raise UsageError(
            f"block {side} does not fit pictures of {height}×{width} pixels; give the side of a "
            f"block, from 1 to {max(height, width)}."
        )
    places = np.arange(np.prod(shape, dtype=np.int64)).reshape(height, width, -1)
    tops, lefts = range(0, height, side), range(0, width, side)
    groups = []
    for top, left in product(tops, lefts):
        block = places[top : top + side, left : left + side]
        lines, columns = _span(top, block.shape[0]), _span(left, block.shape[1])
        groups.append(Group(f"lines {lines}, columns {columns}", block.ravel()))
    return groups, (len(tops), len(lefts))


def _span(first: int, count: int) -> str:
    """Return pixels, counted from 1, in words."""
    return f"{first + 1}" if count == 1 else f"{first + 1}-{first + count}"
