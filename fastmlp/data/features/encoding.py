"""How columns become numbers where there is a choice: gaps, and texts of many levels."""

from __future__ import annotations

from dataclasses import dataclass

MISSING = ("median", "indicator")


@dataclass(frozen=True)
class Encoding:
    """What the user chose; the defaults are those of every earlier model.

    Attributes
    ----------
    missing
        ``"median"``: the training rows' median stands in for a missing number. ``"indicator"``:
        and beside a column that has gaps in the training rows stands another, 1 in its gaps.
    """

    missing: str = "median"

    @property
    def has_indicators(self) -> bool:
        """Whether gaps have a column of their own."""
        return self.missing == "indicator"


def indicator_name(name: str) -> str:
    """Return what the column is called that is 1 where the column ``name`` has a gap."""
    return f"{name}=(missing)"
