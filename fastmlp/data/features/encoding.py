"""How columns become numbers where there is a choice: gaps, and texts of many levels."""

from __future__ import annotations

from dataclasses import dataclass

MISSING = ("median", "indicator")
MAXIMUM_LEVELS = 64


@dataclass(frozen=True)
class Encoding:
    """What the user chose; the defaults are those of every earlier model.

    Attributes
    ----------
    missing
        ``"median"``: the training rows' median stands in for a missing number. ``"indicator"``:
        and beside a column that has gaps in the training rows stands another, 1 in its gaps.
    max_levels
        How many one-hot columns a column of texts has at most, from 2 on; the rarest share one.
    level_rows
        How many training rows a text needs for a one-hot column of its own.
    embed_above
        Text columns of more levels than this become one column of codes each, for a network to
        embed. None: none do.
    target_statistics
        A column of more texts than that has target statistics too; 0 for none.
    """

    missing: str = "median"
    max_levels: int = MAXIMUM_LEVELS
    level_rows: int = 1
    embed_above: int | None = None
    target_statistics: int = 0

    @property
    def has_indicators(self) -> bool:
        """Whether gaps have a column of their own."""
        return self.missing == "indicator"

    @property
    def has_own_levels(self) -> bool:
        """Whether other texts than by default have a column of their own."""
        return (self.max_levels, self.level_rows) != (MAXIMUM_LEVELS, 1)


def indicator_name(name: str) -> str:
    """Return what the column is called that is 1 where the column ``name`` has a gap."""
    return f"{name}=(missing)"
