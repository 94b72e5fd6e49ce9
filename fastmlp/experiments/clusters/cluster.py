"""What all clusters have in common: they take calls, and say what became of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from fastmlp.errors import FastMLPError


class ClusterError(FastMLPError, RuntimeError):
    """A cluster that was lost, or whose workers cannot run fastmlp."""


def lost(where: str, error: BaseException) -> ClusterError:
    """Return the error of a cluster that answers no more."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return ClusterError(
        f"the {where} was lost ({reason:.200}). What is done is kept; the same command goes on."
    )


class Answer(Protocol):
    """What a call brings, some time: the part of ``concurrent.futures.Future`` that is used."""

    def add_done_callback(self, function: Callable[[Any], object], /) -> object:
        """Call the function, with this answer, when it is there."""

    def exception(self) -> BaseException | None:
        """Return what the call raised."""

    def result(self) -> Any:
        """Return what the call returned."""


class Cluster(ABC):
    """Workers that take calls.

    Attributes
    ----------
    where
        In words: what it is and where.
    names_the_dead
        Whether the answer of a worker that died fails alone. Without it all calls under way fail
        with it, and nobody knows which one was to blame.
    is_unwanted
        Tells on a worker whether nobody waits for the call at hand any more; None where such a call
        is ended from outside.
    """

    where: str
    names_the_dead = True
    is_unwanted: Callable[[], bool] | None = None

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many calls can be under way now."""

    @abstractmethod
    def submit(self, function: Callable[..., Any], *arguments: Any) -> Answer:
        """Have a function of a module called somewhere."""

    @abstractmethod
    def share(self, value: Any) -> Any:
        """Return what stands for a large value among ``arguments``: it is sent once a worker."""

    @abstractmethod
    def is_death(self, error: BaseException) -> bool:
        """Return whether an answer is missing because a worker died, by no fault of the call."""

    def gave_up(self, error: BaseException) -> bool:
        """Return whether the cluster itself has given a call to others after its worker died, and
        has given up.
        """
        return False

    def has(self, shared: Any) -> bool:
        """Return whether a value that was shared is still there: it may have died with a worker."""
        return True

    def is_lost(self, error: BaseException) -> bool:
        """Return whether an answer is missing because the whole cluster is gone."""
        return False

    @abstractmethod
    def close(self) -> None:
        """End the calls under way and let go of the cluster; one of our own is ended."""
