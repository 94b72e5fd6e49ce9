"""The backend contract: what a device must offer so that layers, losses and optimizers run on it
unchanged.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from fastmlp.kernels.operation import Operation
from fastmlp.ranks.contract import ALONE, Ranks

from .feed import Feed
from .operations import Operations
from .sink import Array, Sink


class Program(ABC):
    """A recorded list of operations that runs without Python between them."""

    @property
    def threads(self) -> int:
        """How many CPU threads the last replay took."""
        return 1

    @property
    @abstractmethod
    def execution(self) -> str:
        """How the last replay ran, for people: ``"2 threads"``, ``"a CUDA graph of 21 nodes a
        step"``.
        """

    @property
    @abstractmethod
    def operations(self) -> list[str]:
        """The names of what was recorded, in order."""

    @abstractmethod
    def replay(self, steps: int = 1) -> None:
        """Run the whole list ``steps`` times. What changes from step to step lives in arrays that
        the operations read.
        """


class Backend(ABC):
    """A device: it makes arrays, runs operations on them at once, or records them into a Program.

    Layers speak to ``backend.ops``: each operation of fastmlp.kernels is a function there, called
    with arrays, numbers and scalar functions in the order of the kernel's signature. Outside
    ``record()`` a call works at once; inside, it is written down, and the Program does the same
    work to the same bits.

    Attributes
    ----------
    name
        ``"cpu"`` or ``"cuda:N"``.
    ops
        The operations, one function each.
    compile_seconds
        Time spent so far on compiling and loading kernels.
    notices
        What a user should be told of how the device is used.
    ranks
        The processes that train a network together, each on a device of its own.
    shares_host_memory
        Whether its arrays are NumPy arrays in the host's memory: to look into them costs nothing.
    moves_weights
        Whether ``accumulate`` can move a weight by its velocity (Sink.move).
    """

    if TYPE_CHECKING:
        from . import operations as ops

    name: str
    compile_seconds: float
    shares_host_memory = False
    moves_weights = False

    def __init__(self, ranks: Ranks = ALONE):
        self.notices: list[str] = []
        self.ranks = ranks
        setattr(self, "ops", Operations(self.launch))  # noqa: B010  a module to type checkers

    @abstractmethod
    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """Return an uninitialised C-contiguous array on the device."""

    @abstractmethod
    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """Return an array of zeros on the device."""

    @abstractmethod
    def from_numpy(self, values: np.ndarray) -> Array:
        """Return ``values`` on the device; on the CPU the same memory where it is contiguous."""

    @abstractmethod
    def to_numpy(self, array: Array) -> np.ndarray:
        """Return a copy of a device array as NumPy's, after all work on it is done."""

    @abstractmethod
    def assign(self, target: Array, values: np.ndarray) -> None:
        """Write host values into a device array of the same shape."""

    @abstractmethod
    def scalar_function(self, name: str) -> Any:
        """Return a scalar function of the kernels (an activation, a loss or a derivative) by its
        name.
        """

    @abstractmethod
    def matmul(
        self,
        kind: str,
        a: Array,
        b: Array,
        c: Array,
        alpha: Array | None = None,
        beta: Array | None = None,
    ) -> None:
        """Compute c = alpha·op(a)·op(b) + beta·c.

        Parameters
        ----------
        kind
            ``"nn"``: a·b, ``"nt"``: a·bᵀ, ``"tn"``: aᵀ·b.
        a, b, c
            Matrices of one dtype.
        alpha, beta
            One-element arrays of that dtype on the device, read at every replay; 1 and 0 where
            absent.
        """

    def accumulate(self, x: Array, dz: Array, sink: Sink) -> None:
        """Let the product xᵀ·dz go where a sink says: the gradient of a weight, or its update."""
        self.matmul("tn", x, dz, sink.target, sink.alpha, sink.beta)

    def allreduce(self, array: Array) -> None:
        """Launch what makes a flat array the sum of those of all ranks, on each of them; nothing
        where one is alone.

        Every rank launches the same sums in the same order.
        """
        if not self.ranks.is_alone:
            self._allreduce(array)

    @abstractmethod
    def _allreduce(self, array: Array) -> None:
        """Launch it by what this device has."""

    @abstractmethod
    def launch(self, operation: Operation, *arguments: Any) -> None:
        """Run an operation now, or write it down while recording."""

    @abstractmethod
    def record(self) -> AbstractContextManager[Program]:
        """Return a context manager that yields a Program, into which operations are written rather
        than run.
        """

    @abstractmethod
    def synchronize(self) -> None:
        """Wait until all work handed to the device is done."""

    @abstractmethod
    def feed(self, array: Array) -> Feed:
        """Return what fills a device array from the host again and again while the device works."""

    def free_memory(self) -> int | None:
        """Return the bytes that can still be allocated on the device; None where its memory is the
        host's.
        """
        return None

    @abstractmethod
    def describe(self) -> dict[str, str]:
        """Return what a user wants to know of the device: its name, libraries and threads."""
