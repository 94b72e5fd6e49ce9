"""Turns a kernel into machine code that a Program can call: one address, one row of integers, one
row of reals.

A kernel is a readable Python function of arrays and numbers. What is compiled is an entry
``(int64*, float64*)`` which unpacks its row and calls the kernel, once for each combination of
element types, when it is first needed. The result is kept on disk (``object_code``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numba import njit, types

from fastmlp.kernels.operation import Operation

from . import intrinsics
from .numba_words import compiled
from .object_code import object_store, own

ENTRY_SIGNATURE = types.void(types.CPointer(types.int64), types.CPointer(types.float64))
# NaN and infinity keep their meaning: a diverged loss must be seen.
FASTMATH = {"contract", "nsz"}

scalar = njit(inline="never", error_model="numpy", fastmath=FASTMATH)
"""Decorator of functions that are called from inside kernels."""
SCALAR_FUNCTIONS: dict[str, Callable] = {}
"""The activations, the losses and their derivatives by name: what a kernel takes as a Function."""


def scalar_function(body: Callable) -> Callable:
    """Compile an activation, a loss or a derivative, and enter it into SCALAR_FUNCTIONS."""
    SCALAR_FUNCTIONS[body.__name__] = scalar(body)
    return SCALAR_FUNCTIONS[body.__name__]


class KernelCompiler:
    """Compiles entries on demand and counts what that costs.

    Attributes
    ----------
    seconds
        Time spent compiling kernels and loading them from the disk cache.
    compiled
        Names of the entries that were compiled, because none were kept on disk.
    announce
        Called with a name after each compilation.
    """

    def __init__(self, announce: Callable[[str], None] = lambda name: None):
        self.seconds = 0.0
        self.compiled: list[str] = []
        self.announce = announce
        self._addresses: dict[tuple, int] = {}

    def address(
        self, operation: Operation, element_types: tuple[np.dtype, ...], functions: tuple
    ) -> int:
        """Return the address of an operation's entry.

        Parameters
        ----------
        operation
            What to compile.
        element_types
            The dtype of each array argument, in order.
        functions
            The scalar functions for its ``Function`` arguments, in order.
        """
        key = (operation.name, element_types, functions)
        if key not in self._addresses:
            start = time.perf_counter()
            self._addresses[key] = self._find(operation, element_types, functions)
            self.seconds += time.perf_counter() - start
        return self._addresses[key]

    def _find(
        self, operation: Operation, element_types: tuple[np.dtype, ...], functions: tuple
    ) -> int:
        name = entry_name(operation, element_types, functions)
        compile_it = partial(compile_entry, operation, element_types, functions)
        # Files are told apart by the sources of the kernels, not by those of a user's own function.
        if all(SCALAR_FUNCTIONS.get(function.__name__) is function for function in functions):
            address, is_new = object_store().provide(name, compile_it)
        else:
            address, is_new = own(compile_it()).address, True
        if is_new:
            self.compiled.append(name)
            self.announce(name)
        return address


def entry_name(operation: Operation, element_types: tuple[np.dtype, ...], functions: tuple) -> str:
    """Return the name of an operation's entry: operation, scalar functions, element types."""
    names = [function.__name__ for function in functions]
    return "_".join([operation.name, *names, *(element.name for element in element_types)])


def compile_entry(operation: Operation, element_types: tuple[np.dtype, ...], functions: tuple):
    """Return the compiled ``cfunc`` of an operation for these types and scalar functions."""
    name = entry_name(operation, element_types, functions)
    source = _entry_source(operation, name, len(functions))
    namespace = {
        "__name__": operation.body.__module__,
        "body": _compiled_body(operation),
        "vector": intrinsics.vector,
        "matrix": intrinsics.matrix,
        **{f"function{i}": function for i, function in enumerate(functions)},
        **{f"element{i}": element.type for i, element in enumerate(element_types)},
    }
    exec(source, namespace)
    return compiled(namespace[name], ENTRY_SIGNATURE)


@cache
def _compiled_body(operation: Operation):
    # Inlined by force: a scalar function that were passed on at run time would leave an address
    # that no cache may hold.
    fastmath = FASTMATH | {"reassoc"} if operation.sums else FASTMATH
    return njit(operation.body, error_model="numpy", fastmath=fastmath, forceinline=True)


def _entry_source(operation: Operation, name: str, function_count: int) -> str:
    """Write the entry that unpacks a row as ``packed`` of fastmlp.backend.cpu.program packs it."""
    passed, integer, real, array, function = [], 0, 0, 0, 0
    for argument in operation.arguments.values():
        match argument.kind:
            case "matrix":
                place = ", ".join(f"integers[{integer + i}]" for i in range(3))
                passed.append(f"matrix({place}, element{array})")
                integer, array = integer + 3, array + 1
            case "vector":
                passed.append(
                    f"vector(integers[{integer}], integers[{integer + 1}], element{array})"
                )
                integer, array = integer + 2, array + 1
            case "span":
                passed.append(f"(integers[{integer}], integers[{integer + 1}])")
                integer += 2
            case "integer" | "first":
                passed.append(f"integers[{integer}]")
                integer += 1
            case "real":
                passed.append(f"reals[{real}]")
                real += 1
            case "function":
                passed.append(f"function{function}")
                function += 1
    return f"def {name}(integers, reals):\n    body({', '.join(passed)})\n"
