"""What an operation is: its name and the kind and access of each argument, said once, on the
kernel's own signature.

The eager call, the recorder of a Program and (by name and argument order) the CUDA launch all read
this description, so nothing is registered twice.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    NewType,
    ParamSpec,
    TypeVar,
    TypeVarTuple,
    overload,
)


@dataclass(frozen=True)
class Argument:
    """The kind of one kernel argument: matrix, vector, integer, real, function, first or span."""

    kind: str
    access: str = "reads"
    part: str = "whole"

    def __getitem__(self, words: str | tuple[str, ...]) -> Argument:
        """Return this kind with an access and, where given, a part: ``Matrix[writes, by_row]``."""
        access, part = words if isinstance(words, tuple) else (words, "whole")
        return Argument(self.kind, access, part)


if TYPE_CHECKING:  # what these words mean to a type checker
    whole = NewType("whole", object)
    reads = NewType("reads", object)
    writes = NewType("writes", object)
    updates = NewType("updates", object)
    by_row = NewType("by_row", object)
    by_column = NewType("by_column", object)
    by_element = NewType("by_element", object)
    Words = TypeVarTuple("Words")  # an access and a part, or fewer

    class Matrix(Any, Generic[*Words]):
        """A C-contiguous array of two dimensions, NumPy's or CuPy's."""

    class Vector(Any, Generic[*Words]):
        """A contiguous array of one dimension."""

    Integer = First = int
    Real = float
    Function = Callable[..., Any]
    Span = tuple[int, int]
else:
    # How a kernel touches an array.
    reads, writes, updates = "reads", "writes", "updates"
    # Which part of an array belongs to one thread; without one of these, any thread may touch all
    # of it. A kernel is given only its own rows or elements. A matrix that is divided by columns is
    # given whole: its columns do not lie together in memory.
    by_row, by_column, by_element = "by_row", "by_column", "by_element"
    Matrix = Argument("matrix")  # C-contiguous, two dimensions
    Vector = Argument("vector")  # contiguous, one dimension
    Integer = Argument("integer")  # int64, fixed when recorded
    Real = Argument("real")  # float64, fixed when recorded
    Function = Argument("function")  # a scalar function that is compiled into the kernel
    # Where the kernel's own part begins, and ends, in the whole: for those that must know. Callers
    # do not pass them, so they come last; First is 0 for a kernel that is given the whole.
    First = Argument("first")  # int64
    Span = Argument("span")  # (first, end)


@dataclass(frozen=True, eq=False)
class Operation:
    """One kernel and the description of its arguments.

    Attributes
    ----------
    name
        The operation's name, the same in kernels/cpu and kernels/cuda.
    arguments
        The kind of each argument by name, in order.
    body
        The plain Python function that the CPU backend compiles.
    sums
        Whether its additions may be reordered.
    composite
        Whether the body launches other operations instead, where a device has no kernel of its own
        for it.
    product
        Whether it multiplies its first two matrices into the third: what that costs is counted in
        multiplications rather than in bytes.
    """

    name: str
    arguments: dict[str, Argument]
    body: Callable
    sums: bool = False
    composite: bool = False
    product: bool = False

    @property
    def passed(self) -> dict[str, Argument]:
        """The arguments that callers pass, by name, in order."""
        placed = ("first", "span")
        return {name: kind for name, kind in self.arguments.items() if kind.kind not in placed}


OPERATIONS: dict[str, Operation] = {}
Body = TypeVar("Body", bound=Callable)
Passed = ParamSpec("Passed")


@overload
def operation(body: Body) -> Body: ...
@overload
def operation(*, sums: bool = ..., product: bool = ...) -> Callable[[Body], Body]: ...


def operation(
    body: Callable | None = None, *, sums: bool = False, product: bool = False
) -> Callable:
    """Enter a kernel into the table of operations and return it unchanged.

    With ``sums`` its additions may be reordered, so that a sum along a row becomes vector code.
    Without it every element has the same bits wherever a part begins, which is what makes results
    independent of the number of threads. ``product`` says that it is a matrix product.

    The kernel's annotations describe its arguments. The first array of which a part is taken says
    which axis is divided, and how far it reaches.
    """
    if body is None:
        return partial(operation, sums=sums, product=product)
    _enter(Operation(body.__name__, _arguments(body), body, sums, product=product))
    return body


def composite(body: Callable[Concatenate[Any, Passed], None]) -> Callable[Passed, None]:
    """Enter an operation that is made of others: one kernel on CUDA, where launches cost; several
    on the CPU.

    The body's first argument is ``backend.ops``, on which it launches its parts.
    """
    arguments = _arguments(body)
    del arguments[next(iter(arguments))]
    _enter(Operation(body.__name__, arguments, body, composite=True))
    return body  # pyright: ignore[reportReturnType]  callers reach it through ``backend.ops`` alone


def _arguments(body: Callable) -> dict[str, Argument]:
    return {
        name: parameter.annotation
        for name, parameter in inspect.signature(body, eval_str=True).parameters.items()
    }


def _enter(new: Operation) -> None:
    if new.name in OPERATIONS and OPERATIONS[new.name].body.__module__ != new.body.__module__:
        raise TypeError(f"operation {new.name!r} is defined twice")
    OPERATIONS[new.name] = new
