"""What the processes that train one network together do with each other; and one that is alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Value = TypeVar("Value")


@dataclass(frozen=True)
class Reduction:
    """How compiled code adds up an array over the ranks: MPI_Allreduce, and what it is called with.

    Attributes
    ----------
    routine
        The address of MPI_Allreduce.
    in_place, total, communicator
        MPI_IN_PLACE, MPI_SUM and the communicator as 64-bit integers, whatever type MPI has.
    elements
        MPI's type of each dtype, likewise.
    """

    routine: int
    in_place: int
    total: int
    communicator: int
    elements: Mapping[np.dtype, int]


@dataclass(frozen=True)
class Place:
    """Where a rank stands among all.

    Attributes
    ----------
    rank, size
        Its number, from 0, and how many ranks there are.
    node_rank, node_size
        The same among those on its machine.
    machines
        How many machines there are.
    threads
        CPU threads that are this rank's share of its machine; None for all that the process may
        use.
    library
        Whose MPI it is, for people; empty without one.
    """

    rank: int = 0
    size: int = 1
    node_rank: int = 0
    node_size: int = 1
    machines: int = 1
    threads: int | None = None
    library: str = ""


class Ranks(ABC):
    """The processes that train one network together, as one of them sees it.

    Each rank has the whole network and takes its part of every batch. What a clock or a person
    decides, the first rank decides for all; it alone writes files and prints. Methods marked
    *together* return when every rank has called them: all ranks call them in the same order.

    Attributes
    ----------
    place
        Where this process stands among them.
    reduction
        How compiled code adds up over the ranks; None where one is alone.
    """

    place: Place
    reduction: Reduction | None = None

    @property
    def rank(self) -> int:
        """The number of this process, from 0."""
        return self.place.rank

    @property
    def size(self) -> int:
        """How many there are."""
        return self.place.size

    @property
    def is_alone(self) -> bool:
        """Whether there is no other."""
        return self.size == 1

    @property
    def is_first(self) -> bool:
        """Whether this one decides, writes and prints."""
        return self.rank == 0

    def part(self, rows: int) -> tuple[int, int]:
        """Return which of so many rows are this rank's: from the first number up to the second."""
        return rows * self.rank // self.size, rows * (self.rank + 1) // self.size

    def __str__(self) -> str:
        place = self.place
        where = f"{place.machines} machine{'s' * (place.machines > 1)}"
        return f"{place.size} on {where}, {place.library}" if place.size > 1 else "1"

    @abstractmethod
    def decide(self, choose: Callable[[], Value]) -> Value:
        """Together: return what ``choose`` returns, or raise what it raises, on the first rank.

        It is not called on the others.
        """

    @abstractmethod
    def total(self, numbers: np.ndarray) -> np.ndarray:
        """Together: return the sum over the ranks of float64 ``numbers``."""

    @abstractmethod
    def check_alike(self, what: str, value: str) -> None:
        """Together: check that each rank has the same.

        Raises
        ------
        UsageError
            On every rank, if one has another: it says what two of them have.
        """

    @abstractmethod
    def guarded(self) -> AbstractContextManager[None]:
        """Return a context in which an error ends all ranks within seconds.

        Where every rank has one, as of a wrong setting, it is raised as ever. Where only some do,
        the others would wait for them for ever: one line says what happened, and MPI ends them all.
        """


class Alone(Ranks):
    """One process that trains by itself: it decides for itself, and has all rows."""

    place = Place()

    def decide(self, choose: Callable[[], Value]) -> Value:
        """Return what ``choose`` returns."""
        return choose()

    def total(self, numbers: np.ndarray) -> np.ndarray:
        """Return ``numbers``."""
        return numbers

    def check_alike(self, what: str, value: str) -> None:
        """Do nothing: there is nobody to differ from."""

    def guarded(self) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        return nullcontext()


ALONE = Alone()
