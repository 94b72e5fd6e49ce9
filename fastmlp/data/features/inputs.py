"""InputColumn: where one of the user's columns stands in the matrix, and what its numbers mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class InputColumn:
    """A column of a table or an array, as the matrix of a network holds it."""

    name: str  # in the table; a number where an array's columns have no names
    kind: str  # of its reading, as "number" or "date"; "text" where each level has a column
    first: int  # the first of its columns in the matrix
    levels: tuple[str, ...] = ()  # of texts: what each of its columns stands for
    origin: float = 0.0  # of all else: what was subtracted from its values
    beside: tuple[int, ...] = ()  # the matrix's columns of what is derived from it, as of its gaps
    # of texts: for each level what the columns beside hold
    beside_levels: tuple[tuple[float, ...], ...] = ()

    @property
    def width(self) -> int:
        """How many columns of the matrix hold its values or levels; they lie together."""
        return len(self.levels) if self.kind == "text" else 1

    @property
    def places(self) -> np.ndarray:
        """Its columns of the matrix, those beside included."""
        return np.array([*range(self.first, self.first + self.width), *self.beside])
