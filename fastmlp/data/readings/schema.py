"""Schema: the readings of a table's columns and target, and what was decided of each column."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fastmlp.data import stored

from .reading import ColumnReading

ROLES = ("feature", "target", "left out")


@dataclass(frozen=True)
class ColumnFacts:
    """What the start and ``fastmlp info`` say of one column, in words."""

    name: str  # the column's name
    role: str  # one of ROLES
    kind: str  # "number", "whole number", "date", "text", "identifier", "constant" and so on
    holds: str  # its range or levels: ``0 to 17``, ``3 levels: a, b, c``
    missing: int  # how many of its cells are gaps
    note: str = ""  # what else is to be said, or empty

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as JSON can hold them."""
        return {key: value for key, value in vars(self).items() if value != ""}

    @classmethod
    def from_dict(cls, kept: Any) -> ColumnFacts:
        """Return the facts that ``to_dict`` described, every entry checked."""
        if not isinstance(kept, dict):
            raise stored.damaged("facts", "a table of entries", kept)
        keys = ("name", "kind", "holds", "note")
        texts = {key: stored.entry({key: "", **kept}, key, str) for key in keys}
        missing = stored.entry(kept, "missing", int)
        return cls(**texts, role=stored.word(kept, "role", ROLES), missing=missing)


@dataclass(frozen=True)
class Schema:
    """How a table's columns are read; decided from the training data, true for all that follows."""

    # the readings of the columns that are learnt from, in the table's order
    features: tuple[ColumnReading, ...]
    target: ColumnReading | None = None  # the reading of the target, if it has one
    columns: tuple[ColumnFacts, ...] = ()  # facts on all columns of the training table
    # sentences for the user on what was decided
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are learnt from."""
        return tuple(reading.name for reading in self.features)
