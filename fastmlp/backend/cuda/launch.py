"""Turns a call of an operation into a launch that can be made again and again: its grid, and
arguments as C++ sees them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fastmlp.backend.arguments import check_call
from fastmlp.backend.contract import Array
from fastmlp.kernels.constants import BLOCK, COLUMN_THREADS, PACK_BYTES, WARP
from fastmlp.kernels.cuda.source import Kernel
from fastmlp.kernels.operation import Operation, reads

# The structs of common.cuh, passed by value.
STRUCTS = {
    "vector": np.dtype([("data", np.uint64), ("size", np.int64)]),
    "matrix": np.dtype([("data", np.uint64), ("rows", np.int64), ("columns", np.int64)]),
}
BLOCKS_PER_MULTIPROCESSOR = 8  # 2048 threads of 256: more would only queue
LARGEST_GRID_Y = 65535


@dataclass(frozen=True)
class Launch:
    """One piece of work for the stream.

    Attributes
    ----------
    name
        Of the operation, for people.
    run
        Hands the work to the current stream.
    writes
        The arrays that it writes or updates.
    keep
        Everything whose address the work holds.
    """

    name: str
    run: Callable[[], None]
    writes: tuple[Array, ...]
    keep: tuple = ()


def prepare(
    operation: Operation,
    kernel: Kernel,
    arguments: tuple,
    array_type: type,
    compiled: Callable[[Kernel, str], Any],
    multiprocessors: int,
) -> Launch | None:
    """Check a call and return its launch, None where there is nothing to do.

    Parameters
    ----------
    operation, kernel
        The operation and its CUDA C++ kernel.
    arguments
        As the layers give them.
    array_type
        ``cupy.ndarray``.
    compiled
        Returns the loaded function for a kernel and the name of an instance.
    multiprocessors
        How many the device has.

    Raises
    ------
    TypeError
        For a wrong number of arguments, or an array of the wrong kind, type or layout.
    """
    passed = check_call(operation, arguments, array_type)
    over = dict(zip(operation.passed, arguments, strict=True)).get(kernel.over)
    shape = launch_shape(kernel, over, multiprocessors)
    if shape is None:
        return None
    arrays = [(kind, value) for kind, value in passed if kind.kind in STRUCTS]
    functions = [value for kind, value in passed if kind.kind == "function"]
    function = compiled(kernel, kernel.instance([array.dtype for _, array in arrays], functions))
    packed = tuple(pack(kind.kind, value) for kind, value in passed if kind.kind != "function")
    writes = tuple(array for kind, array in arrays if kind.access != reads)
    keep = tuple(array for _, array in arrays)
    return Launch(operation.name, partial(function, *shape, packed), writes, keep)


def pack(kind: str, value: Any) -> Any:
    """Return an argument in the exact type that the kernel takes; nothing checks it later."""
    if kind in STRUCTS:
        return np.array((value.data.ptr, *value.shape), STRUCTS[kind])
    return np.int64(value) if kind == "integer" else np.float64(value)


def launch_shape(kernel: Kernel, over: Array, multiprocessors: int) -> tuple[tuple, tuple] | None:
    """Return the grid and the block for a kernel, by the word that its signature says (common.cuh);
    None for no work.
    """
    most = BLOCKS_PER_MULTIPROCESSOR * multiprocessors
    if kernel.launch in ("ONE_THREAD", "ONE_BLOCK"):
        return (1,), (1 if kernel.launch == "ONE_THREAD" else BLOCK,)
    if kernel.launch == "EACH_ELEMENT_OF":
        return _element_shape(over, most)
    rows, columns = over.shape if over.ndim == 2 else (1, over.shape[0])
    match kernel.launch:
        case "EACH_ROW_OF":
            blocks, block = -(-rows // (BLOCK // WARP)), (BLOCK,)
        case "EACH_COLUMN_OF":
            blocks, block = -(-columns // WARP), (WARP, COLUMN_THREADS)
        case "EACH_ENTRY_OF":
            blocks, block = columns, (BLOCK,)
        case word:
            raise ValueError(f"{kernel.name}: the launch word {word} is not known")
    # A sum over no rows is still a sum: columns alone decide there.
    return ((min(blocks, most),), block) if blocks else None


def _element_shape(over: Array, most: int) -> tuple[tuple, tuple] | None:
    """Lay the threads of a block along the columns, a pack each, and then along as many rows as
    make the block full.
    """
    if over.size == 0:
        return None
    rows, columns = over.shape if over.ndim == 2 else (1, over.shape[0])
    lanes = PACK_BYTES // over.itemsize
    packs = columns // lanes if columns % lanes == 0 else columns
    width = min(BLOCK, 1 << (packs - 1).bit_length()) if over.ndim == 2 else BLOCK
    height = BLOCK // width
    across = min(-(-packs // width), most)
    down = min(-(-rows // height), max(most // across, 1), LARGEST_GRID_Y)
    return (across, down), (width, height)
