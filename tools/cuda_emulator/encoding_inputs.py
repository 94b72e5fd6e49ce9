"""What the kernels of encodings and embeddings are given when races are searched for: their arrays
hang together by more than rows and columns.
"""

from __future__ import annotations

import numpy as np

from fastmlp.kernels.constants import PERIODIC_OUTPUTS

BINS, FREQUENCIES, CODES, WIDTH = 2, 4, 5, 8  # of a number, of a number, of the coded column, of E


def shape_of(kernel: str, name: str, rows: int, columns: int) -> tuple[int, ...]:
    """Return an array's shape where x is (rows, columns)."""
    encoded = {
        "piecewise": columns * (1 + BINS),
        "periodic": columns * (1 + PERIODIC_OUTPUTS),
        "embedding": columns - 1 + WIDTH,
        "copy": columns,
    }[kernel.partition("_")[0]]
    shapes = {
        "x": (rows, columns),
        "dx": (rows, columns),
        "y": (rows, encoded),
        "dy": (rows, encoded),
        "left": (columns * BINS,),
        "right": (columns * BINS,),
        "waves": (rows, columns * FREQUENCIES),
        "bias": (columns, PERIODIC_OUTPUTS),
        "weight": (columns, PERIODIC_OUTPUTS * FREQUENCIES),
        "frequency": (columns, FREQUENCIES),
        "phase": (columns, FREQUENCIES),
        "table": (CODES, WIDTH),
    }
    return shapes[name] if name in ("dx", "dy") else shapes[name.removeprefix("d")]


def content_of(
    kernel: str, name: str, dtype: np.dtype, size: tuple[int, int], random: np.random.Generator
) -> np.ndarray:
    """Return what an array holds: positions and starts that fit, and numbers."""
    rows, columns = size
    if name == "starts":
        starts = np.array([0, CODES]) if "embedding" in kernel else BINS * np.arange(columns + 1)
        return starts.astype(dtype)
    positions = {
        "columns": np.arange(0, columns, 2),
        "numbers": np.arange(columns),
        "plain": np.arange(columns - 1),
        "codes": np.array([columns - 1]),
    }
    if name in positions:
        return positions[name].astype(dtype)
    values = random.uniform(0.1, 1, shape_of(kernel, name, rows, columns))
    if name == "right":
        values += 1  # behind the left edge
    if name == "x" and "embedding" in kernel:
        values[:, -1:] = random.integers(0, CODES, (rows, 1))
    return values.astype(dtype)
