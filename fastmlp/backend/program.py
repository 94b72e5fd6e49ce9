"""Record and replay on the CPU: each operation becomes an entry's address, a row of integers and a row of reals."""

from __future__ import annotations

import numpy as np

from fastmlp.kernels.cpu.compiler import KernelCompiler
from fastmlp.kernels.cpu.replay import replay
from fastmlp.kernels.operation import Argument, Operation

from .base import Program


class CpuProgram(Program):
    """A list of packed operations, and the loop that runs them."""

    def __init__(self):
        self.names: list[str] = []
        self._addresses: list[int] = []
        self._integers: list[list[int]] = []
        self._reals: list[list[float]] = []
        self._kept_alive: list = []
        self._tables: tuple[np.ndarray, ...] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def append(self, name: str, address: int, integers: list[int], reals: list[float], keep: tuple) -> None:
        """Add one packed operation; ``keep`` are the arrays whose addresses it holds."""
        self.names.append(name)
        self._addresses.append(address)
        self._integers.append(integers)
        self._reals.append(reals)
        self._kept_alive.append(keep)
        self._tables = None

    def replay(self, steps: int = 1) -> None:
        """Run the whole list ``steps`` times without the interpreter and without its lock."""
        if self._tables is None:
            self._tables = self._build_tables()
        entries, integer_rows, real_rows = self._tables[:3]
        replay(entries, integer_rows, real_rows, steps)

    def _build_tables(self) -> tuple[np.ndarray, ...]:
        integers, integer_rows = _flatten(self._integers, np.int64)
        reals, real_rows = _flatten(self._reals, np.float64)
        # The last two only have to stay alive: the rows point into them.
        return np.array(self._addresses, np.int64), integer_rows, real_rows, integers, reals


def _flatten(rows: list[list], dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Lay rows end to end; return the flat array and the address of each row in it."""
    flat = np.array([value for row in rows for value in row], dtype)
    starts = np.cumsum([0] + [len(row) for row in rows[:-1]]) if rows else np.zeros(0)
    return flat, flat.ctypes.data + starts.astype(np.int64) * flat.itemsize


def pack(operation: Operation, arguments: tuple, compiler: KernelCompiler) -> tuple | None:
    """Check the arguments of a call and turn them into (address, integers, reals, arrays).

    Returns
    -------
    tuple or None
        None where the span is empty: there is nothing to do, and kernels may rely on at least one element.

    Raises
    ------
    TypeError
        For a wrong number of arguments, an array of the wrong number of dimensions, or one that is not contiguous.
    """
    described = {name: kind for name, kind in operation.arguments.items() if kind.kind != "span"}
    if len(arguments) != len(described):
        raise TypeError(
            f"{operation.name} takes {len(described)} arguments ({', '.join(described)}), not {len(arguments)}"
        )
    integers, reals, arrays, functions, extent = [], [], [], [], None
    for (name, argument), value in zip(described.items(), arguments, strict=True):
        match argument.kind:
            case "matrix" | "vector":
                _check_array(operation.name, name, argument, value)
                integers += [value.ctypes.data, *value.shape]
                arrays.append(value)
                if extent is None and argument.part != "whole":
                    extent = value.shape[1] if argument.part == "by_column" and value.ndim == 2 else value.shape[0]
            case "integer":
                integers.append(int(value))
            case "real":
                reals.append(float(value))
            case "function":
                functions.append(value)
    if operation.has_span:
        if not extent:
            return None
        integers += [0, extent]
    address = compiler.address(operation, tuple(array.dtype for array in arrays), tuple(functions))
    return address, integers, reals, tuple(arrays)


def _check_array(operation: str, name: str, argument: Argument, value: np.ndarray) -> None:
    dimensions = 2 if argument.kind == "matrix" else 1
    if (
        not isinstance(value, np.ndarray)
        or value.ndim != dimensions
        or not (value.flags.c_contiguous and value.dtype.isnative)
    ):
        found = (
            f"shape {value.shape}, strides {value.strides}" if isinstance(value, np.ndarray) else type(value).__name__
        )
        raise TypeError(
            f"{operation}: {name} must be a C-contiguous NumPy array in native byte order of {dimensions} dimensions, not {found}"
        )
