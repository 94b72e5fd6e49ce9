"""Launches of every kernel with fitting arguments, for check_sanitizers.py; others are errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fastmlp.backend.cuda.launch import launch_shape
from fastmlp.kernels.constants import (
    BATCH_START,
    MAP_NUMBERS,
    NEXT_START,
    NORM_BLOCK,
    RIGHT_ARGMAX,
    RIGHT_NEVER,
    RIGHT_THRESHOLD,
    SPLINE_TAPS,
)
from fastmlp.kernels.cuda.source import Kernel, Parameter
from tools.cuda_emulator.instances import Instance
from tools.cuda_emulator.launches import Array, Launch

from .encoding_inputs import content_of

# Sizes at the edges of warps, packs and blocks: empty, one, a warp less and more one, many and no
# multiple of anything, and 1024, which is a whole number of packs.
MATRICES = [
    (0, 33),
    (33, 0),
    (1, 1),
    (1, 1025),
    (1025, 1),
    (31, 33),
    (33, 31),
    (2, 1023),
    (31, 1024),
]
# Where a block takes 32 columns and its threads the rows: enough columns for a grid of two blocks
# to stride, and many rows.
MATRICES_BY_COLUMN = [(0, 33), (33, 0), (1, 1), (1, 97), (1025, 1), (31, 33), (33, 31), (1023, 33)]
VECTORS = [0, 1, 31, 33, 1023, 1024, 1025]
PACKED_MATRIX, PACKED_MATRIX_BY_COLUMN, PACKED_VECTOR = (31, 1024), (31, 32), 1024
SEVERAL_NORM_BLOCKS = 2 * NORM_BLOCK + 33
# Each CUDA thread of each block is a context to ThreadSanitizer: a small grid, but more than a
# block.
LARGEST_GRID = (3, 2)
FEWEST_BLOCKS_OF_COLUMNS = 2

START, SPARE_ROWS, UPDATES = (
    2,
    3,
    4,
)  # where the batch begins in the order; rows and updates besides those in use
# The length of each vector; in elements where nothing else is said of a kernel without matrices.
BY_ROW = {"labels", "weights", "row_loss", "row_right", "batch"}
BY_COLUMN = {
    "bias",
    "db",
    "target",
    "gamma",
    "beta",
    "running_mean",
    "running_variance",
    "mean",
    "inverse_deviation",
    *("dgamma", "dbeta", "origin", "scale", "shift", "starts"),
    *("factors", "dfactors", "mix", "dmix", "levels"),
    *("x_sums", "squares", "gamma_sums", "beta_sums"),
}
BY_ELEMENT = {
    "w",
    "g",
    "velocity",
    "mean_square",
    "square_sum",
    "first_moment",
    "second_moment",
    *("average", "a", "b"),
}
BY_SOURCE_ROW = {"order", "source", "destination"}
FIXED = {
    "alpha": 1,
    "epoch": 1,
    "learning_rate": 1,
    "scaled": 1,
    "share": 1,
    "taken": 1,
    "table": START + UPDATES,
    "keep": 1,
    "counters": 4,
    "sums": 3,
    "learning_rates": START + UPDATES,
    "rates": 1,
}
# The same name with another meaning.
EXCEPTIONS = {
    ("bias_gradient", "beta"): 1,
    ("activation_bias_gradient", "beta"): 1,
    ("begin_folded_update", "scale"): 1,
    ("distort_pictures", "starts"): 1,
}
# Splines begin at one of so many knots, and the last of them needs the three that follow.
FIRST_KNOTS = 4
KNOTS = FIRST_KNOTS + SPLINE_TAPS - 1
# Matrices that have other columns than the case says, and other rows.
COLUMNS = {
    "maps": MAP_NUMBERS,
    ("spread_knots", "knots"): KNOTS,
    # A picture of one pixel, with a channel for each column.
    ("distort_pictures", "spread"): 2 * KNOTS,
    ("distort_pictures", "taps"): 1,
}
ROWS = {"taps": SPLINE_TAPS}
# Of the kernels of an ensemble: matrices of a block for each member, and of a row for each.
MEMBERS = 3
OF_BLOCKS, OF_MEMBERS = {"values", "x", "y", "dy"}, {"scale", "shift", "dscale", "dshift"}
# Numbers; of several, each launch takes the next.
NUMBERS = {
    "parameter": (0.5,),
    "smoothing": (0.1, 0.0),
    "scale": (0.25,),
    "element_weight": (0.5,),
    "threshold": (0.5,),
    "decay": (0.01,),
    "factor": (0.5,),
    "epsilon": (1e-5,),
    "rate": (0.25, 0.0),
    "mu": (0.9,),
    "rho": (0.9,),
    "beta1": (0.9,),
    "beta2": (0.999,),
    "l1": (0.1,),
    "l2": (0.1,),
    "limit": (0.5, 1e9),
    "seed": (2**40 + 7,),
    "layer": (3,),
    "whole_units": (0, 1),
    "right": (RIGHT_NEVER, RIGHT_THRESHOLD, RIGHT_ARGMAX),
    "batch_size": (2,),
    "height": (1,),
    "width": (1,),
    "shift": (2.0,),
    "rotation": (0.2,),
    "flip": (0, 1),
    "amplitude": (5.0,),
    "lines": (1,),
    "m": (40,),
    "offset": (0, 5),
}
# Arrays that the library lets be one and the same.
SHARED = {
    "softmax_forward": {"a": "z"},
    "activation_forward": {"a": "z"},
    "bias_gradient": {"target": "db"},
    "activation_bias_gradient": {"target": "db"},
}


class UnknownArgumentError(LookupError):
    """An argument of a kernel of which this table says nothing."""


@dataclass(frozen=True)
class Case:
    """The sizes of one launch, which arrays are off a pack's alignment, what is shared."""

    rows: int
    columns: int
    misaligned: str = ""  # "", "first" or "all"
    shared: bool = False


def launches(instance: Instance) -> Iterator[Launch]:
    """Yield one instance's launches: at every size, off a pack's alignment, in place."""
    for number, case in enumerate(cases(instance.kernel)):
        yield launch(instance, case, number)


def cases(kernel: Kernel) -> list[Case]:
    """Return the sizes for a kernel; a vector is a matrix of one row, one element a column."""
    if kernel.launch == "ONE_THREAD":
        return [Case(1, 1)]
    if any(parameter.kind == "Matrix" for parameter in kernel.parameters):
        sizes, packed = MATRICES, PACKED_MATRIX
        if kernel.launch == "EACH_COLUMN_OF":
            sizes, packed = MATRICES_BY_COLUMN, PACKED_MATRIX_BY_COLUMN
        if (
            kernel.launch == "EACH_ROW_OF"
        ):  # a row without columns has no largest: no layer is so narrow
            sizes = [(rows, columns) for rows, columns in sizes if columns]
    else:
        by_row = any(parameter.name in BY_ROW for parameter in kernel.parameters)
        sizes, packed = [(size, 1) if by_row else (1, size) for size in VECTORS], (1, PACKED_VECTOR)
        if any(parameter.name == "partial" for parameter in kernel.parameters):
            sizes = [*sizes, (1, SEVERAL_NORM_BLOCKS)]
    shared = [Case(*size, shared=True) for size in sizes if kernel.name in SHARED]
    return [*(Case(*size) for size in sizes), Case(*packed, "all"), Case(*packed, "first"), *shared]


def launch(instance: Instance, case: Case, number: int) -> Launch:
    """Return one launch, its arguments made by their names."""
    kernel, random = instance.kernel, np.random.default_rng(number)
    element_types = iter(instance.element_types)
    arguments: dict[str, Array | int | float] = {}
    for parameter in kernel.parameters:
        if parameter.element:
            content = _content(kernel, parameter, next(element_types), case, random)
            is_off = case.misaligned == "all" or (case.misaligned == "first" and not arguments)
            arguments[parameter.name] = Array(content, content.itemsize if is_off else 0)
        else:
            by_case = {"block": case.rows, "plain": case.columns - 1}
            own = by_case.get(parameter.name)
            arguments[parameter.name] = _number(kernel, parameter, number) if own is None else own
    if case.shared:
        _share(kernel, arguments)
    grid, block = _shape(kernel, arguments)
    details = ["in place"] * case.shared + [f"{case.misaligned} misaligned"] * bool(case.misaligned)
    label = ", ".join([f"{instance.name}, {case.rows} × {case.columns}", *details])
    return Launch(instance.name, grid, block, tuple(arguments.values()), label)


def _share(kernel: Kernel, arguments: dict) -> None:
    names = list(arguments)
    for name, owner in SHARED[kernel.name].items():
        arguments[name] = Array(arguments[name].content, shared_with=names.index(owner))
    if (
        "beta" in arguments
    ):  # what is kept of the target cannot be there if the target is the sum itself
        arguments["beta"] = Array(np.zeros_like(arguments["beta"].content))


def _shape(kernel: Kernel, arguments: dict) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return the block that the backend would choose, and a small grid."""
    over = arguments[kernel.over].content if kernel.over else None
    shape = launch_shape(kernel, over, 1)
    if shape is None:
        shape = launch_shape(kernel, np.ones((1,) * over.ndim, over.dtype), 1)
    grid, block = shape
    largest = (FEWEST_BLOCKS_OF_COLUMNS,) if kernel.launch == "EACH_COLUMN_OF" else LARGEST_GRID
    grid = tuple(min(blocks, most) for blocks, most in zip(grid, largest, strict=False))
    return (*grid, 1, 1)[:3], (*block, 1, 1)[:3]


def _number(kernel: Kernel, parameter: Parameter, turn: int) -> int | float:
    if parameter.name not in NUMBERS:
        raise UnknownArgumentError(
            f"{kernel.name}: no value for the number {parameter.name!r} in {__name__}.NUMBERS"
        )
    choices = NUMBERS[parameter.name]
    value = choices[turn % len(choices)]
    return float(value) if parameter.type == "double" else int(value)


def _size(kernel: Kernel, name: str, case: Case) -> int:
    """Return the length of a vector."""
    if (kernel.name, name) in EXCEPTIONS:
        return EXCEPTIONS[kernel.name, name]
    if name in FIXED:
        return FIXED[name]
    if name == "partial":
        return -(-case.columns // NORM_BLOCK)
    for names, size in (
        (BY_ROW, case.rows),
        (BY_COLUMN, case.columns),
        (BY_ELEMENT, case.columns),
        (BY_SOURCE_ROW, START + case.rows + SPARE_ROWS),
    ):
        if name in names:
            return size
    raise UnknownArgumentError(f"{kernel.name}: no length for the vector {name!r} in {__name__}")


def _rows(kernel: Kernel, name: str, case: Case) -> int:
    """Return the rows of a matrix."""
    if kernel.stem == "members":
        members = 1 if case.rows == 1 else MEMBERS
        if name in OF_MEMBERS:
            return members
        return members * case.rows if name in OF_BLOCKS else case.rows
    return START + case.rows + SPARE_ROWS if name in BY_SOURCE_ROW else case.rows


def _content(
    kernel: Kernel, parameter: Parameter, dtype: np.dtype, case: Case, random: np.random.Generator
) -> np.ndarray:
    """Return what an array holds: by its name where not any number will do."""
    name = parameter.name
    if kernel.stem == "inputs":
        return content_of(kernel.name, name, dtype, (case.rows, case.columns), random)
    if parameter.kind == "Matrix":
        rows = _rows(kernel, name, case)
        columns = COLUMNS.get(name, COLUMNS.get((kernel.name, name), case.columns))
        shape = (ROWS.get(name, rows), columns)
    else:
        shape = (_size(kernel, name, case),)
    match name:
        case "order":
            return random.permutation(shape[0]).astype(dtype)
        case "labels":
            return random.integers(0, max(case.columns, 1), shape).astype(dtype)
        case "counters":
            counters = np.ones(shape, dtype)
            counters[BATCH_START] = counters[NEXT_START] = START
            return counters
        case "starts":
            return random.integers(0, FIRST_KNOTS, shape).astype(dtype)
        case "mask":
            return random.integers(0, 2, shape).astype(dtype)
    if np.issubdtype(dtype, np.integer):
        return random.integers(0, 100, shape).astype(dtype)
    return random.uniform(0.1, 1, shape).astype(
        dtype
    )  # positive: also a variance, a weight, a probability
