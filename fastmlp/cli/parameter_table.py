"""A network's arrays as rows of a table; of members that are alike, the first with their number."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

# At the beginning of a name, and once more behind that of a fold: fold_1.member_0.dense_0.weight.
PREFIX = re.compile(r"^(?:(member|fold)_\d+\.)(?:member_\d+\.)?")


def parameter_rows(arrays: Iterable[tuple[str, Sequence[int]]]) -> list[tuple[str, str, str]]:
    """Return (name, shape, numbers) of arrays, those of all members in one row.

    Parameters
    ----------
    arrays
        Names and shapes: ``("member_2.dense_0.weight", (4, 6))``.
    """
    shapes: dict[str, Sequence[int]] = {}
    counts: Counter[str] = Counter()
    for name, shape in arrays:
        first = PREFIX.sub(lambda found: re.sub(r"\d+", "0", found[0]), name)
        shapes.setdefault(first, shape)
        counts[first] += 1
    return [
        (name, "×".join(map(str, shape)) + _times(name, counts[name]), _size(shape, counts[name]))
        for name, shape in shapes.items()
    ]


def _times(name: str, count: int) -> str:
    prefix = PREFIX.match(name)
    if prefix is None or count == 1:
        return ""
    return f" × {count} {'members' if 'member' in prefix[0] else 'folds'}"


def _size(shape: Sequence[int], count: int) -> str:
    return f"{math.prod(shape) * count:,}"
