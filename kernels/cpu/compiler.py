"""Turns a kernel into machine code that a Program can call: one address, one row of integers, one row of reals.

A kernel is a readable Python function of arrays and numbers. What is compiled is an entry ``(int64*, float64*)`` which
unpacks its row and calls the kernel, once for each combination of element types, when it is first needed. Numba keeps the
result on disk; the source of all kernels is part of the key, since Numba itself watches only the file of the entry.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numba import cfunc, njit, types

from ..operation import Operation
from . import intrinsics

ENTRY_SIGNATURE = types.void(types.CPointer(types.int64), types.CPointer(types.float64))
# NaN and infinity keep their meaning: a diverged loss must be seen.
FASTMATH = {"contract", "nsz"}

scalar = njit(inline="never", error_model="numpy", fastmath=FASTMATH)
"""Decorator of functions that are called from inside kernels."""


@cache
def source_fingerprint() -> str:
    """Return a hash of every CPU kernel's source text, and of what the kernels share with other devices."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for path in sorted([*here.glob("*.py"), *here.parent.glob("*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class KernelCompiler:
    """Compiles entries on demand and counts what that costs.

    Attributes
    ----------
    seconds
        Time spent compiling kernels and loading them from the disk cache.
    compiled
        Names of the entries that were compiled, because the disk cache had none.
    announce
        Called with a name after each compilation that the disk cache could not save.
    """

    def __init__(self, announce: Callable[[str], None] = lambda name: None):
        self.seconds = 0.0
        self.compiled: list[str] = []
        self.announce = announce
        self._entries: dict[tuple, object] = {}

    def address(self, operation: Operation, element_types: tuple[np.dtype, ...], functions: tuple) -> int:
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
        if key not in self._entries:
            start = time.perf_counter()
            entry = compile_entry(operation, element_types, functions)
            self.seconds += time.perf_counter() - start
            if not entry.cache_hits:
                self.compiled.append(entry.__name__)
                self.announce(entry.__name__)
            self._entries[key] = entry
        return self._entries[key].address


def compile_entry(operation: Operation, element_types: tuple[np.dtype, ...], functions: tuple):
    """Return the compiled ``cfunc`` of an operation for these element types and scalar functions."""
    name = "_".join(
        [operation.name]
        + [getattr(function, "__name__", "function") for function in functions]
        + [element.name for element in element_types]
    )
    source = _entry_source(operation, name, len(functions))
    namespace = {
        "__name__": operation.body.__module__,  # Numba imports this module when it loads the entry from its cache
        "body": _compiled_body(operation),
        "vector": intrinsics.vector,
        "matrix": intrinsics.matrix,
        **{f"function{i}": function for i, function in enumerate(functions)},
        **{f"element{i}": element.type for i, element in enumerate(element_types)},
    }
    # The code is said to come from the kernel's own file: that is where Numba looks for a place for its disk cache.
    exec(compile(source, operation.body.__code__.co_filename, "exec"), namespace)
    entry = namespace["make"](source_fingerprint())
    # The key knows the sources of the kernels, not those of a user's own activation or loss: these are not kept on disk.
    ours = all(function.__module__.startswith(__package__) for function in functions)
    return cfunc(ENTRY_SIGNATURE, cache=ours, nopython=True)(entry)


@cache
def _compiled_body(operation: Operation):
    # Inlined by force: a scalar function that were passed on at run time would leave an address that no cache may hold.
    fastmath = FASTMATH | {"reassoc"} if operation.sums else FASTMATH
    return njit(operation.body, error_model="numpy", fastmath=fastmath, forceinline=True)


def _entry_source(operation: Operation, name: str, function_count: int) -> str:
    """Write the entry that unpacks a row; the order of the row is that of ``backend.program.pack``."""
    passed, integer, real, array, function = [], 0, 0, 0, 0
    for argument in operation.arguments.values():
        match argument.kind:
            case "matrix":
                passed.append(
                    f"matrix(integers[{integer}], integers[{integer + 1}], integers[{integer + 2}], element{array})"
                )
                integer, array = integer + 3, array + 1
            case "vector":
                passed.append(f"vector(integers[{integer}], integers[{integer + 1}], element{array})")
                integer, array = integer + 2, array + 1
            case "span":
                passed.append(f"(integers[{integer}], integers[{integer + 1}])")
                integer += 2
            case "integer":
                passed.append(f"integers[{integer}]")
                integer += 1
            case "real":
                passed.append(f"reals[{real}]")
                real += 1
            case "function":
                passed.append(f"function{function}")
                function += 1
    # ``fingerprint`` is used so that it becomes a closure variable, which Numba hashes into the cache key.
    return (
        f"def make(fingerprint):\n"
        f"    def {name}(integers, reals):\n"
        f"        fingerprint\n"
        f"        body({', '.join(passed)})\n"
        f"    return {name}\n"
    )
