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

# How a kernel touches an array.
reads, writes, updates = "reads", "writes", "updates"
# Which part of an array a kernel touches while it works on one span of its parallel axis; without
# one of these: any part.
by_row, by_column, by_element = "by_row", "by_column", "by_element"


@dataclass(frozen=True)
class Argument:
    """The kind of one kernel argument: ``matrix``, ``vector``, ``integer``, ``real``, ``function``
    or ``span``.
    """

    kind: str
    access: str = reads
    part: str = "whole"

    def __getitem__(self, words: str | tuple[str, ...]) -> Argument:
        """Return this kind with an access and, where given, a part: ``Matrix[writes, by_row]``."""
        access, part = words if isinstance(words, tuple) else (words, "whole")
        return Argument(self.kind, access, part)


Matrix = Argument("matrix")  # C-contiguous, two dimensions
Vector = Argument("vector")  # contiguous, one dimension
Integer = Argument("integer")  # int64, fixed when recorded
Real = Argument("real")  # float64, fixed when recorded
Function = Argument("function")  # a scalar function that is compiled into the kernel
Span = Argument("span")  # (start, stop) on the axis that may be divided among threads


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
    """

    name: str
    arguments: dict[str, Argument]
    body: Callable
    sums: bool = False
    composite: bool = False

    @property
    def has_span(self) -> bool:
        """Whether the work can be divided among threads."""
        return any(argument.kind == "span" for argument in self.arguments.values())


OPERATIONS: dict[str, Operation] = {}


def operation(body: Callable | None = None, *, sums: bool = False) -> Callable:
    """Enter a kernel into the table of operations and return it unchanged.

    With ``sums`` its additions may be reordered, so that a sum along a row becomes vector code.
    Without it every element has the same bits wherever a span begins, which is what makes results
    independent of the number of threads.

    The kernel's annotations describe its arguments; a ``Span``, if there is one, comes last and is
    not passed by callers: it covers the axis of the first array whose part is divided.
    """
    if body is None:
        return partial(operation, sums=sums)
    return _enter(Operation(body.__name__, _arguments(body), body, sums))


def composite(body: Callable) -> Callable:
    """Enter an operation that is made of others: one kernel on CUDA, where launches cost; several
    on the CPU.

    The body's first argument is ``backend.ops``, on which it launches its parts.
    """
    arguments = _arguments(body)
    del arguments[next(iter(arguments))]
    return _enter(Operation(body.__name__, arguments, body, composite=True))


def _arguments(body: Callable) -> dict[str, Argument]:
    return {
        name: parameter.annotation
        for name, parameter in inspect.signature(body, eval_str=True).parameters.items()
    }


def _enter(new: Operation) -> Callable:
    if new.name in OPERATIONS and OPERATIONS[new.name].body.__module__ != new.body.__module__:
        raise TypeError(f"operation {new.name!r} is defined twice")
    OPERATIONS[new.name] = new
    return new.body
