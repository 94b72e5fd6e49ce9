"""Tables that bench.reading reads, long and wide, always the same ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars

DECIMALS, WHOLE, TEXTS = 20, 5, 3  # beside a date and the label, which is a whole number too
LEVELS = (
    ("red", "green", "blue"),
    ("north", "south", "east", "west"),
    tuple(f"shop {number}" for number in range(12)),
)
LABELS = 10
GAPS = 0.01  # of the cells of every fifth column of decimals
PIECE = 100_000  # rows
WIDE_ROWS = 40


def write_long(path: Path, rows: int) -> None:
    """Write a CSV of 30 columns: 20 decimals, 5 integers, 3 texts of few levels, date, label."""
    numbers = np.random.default_rng(0)
    with path.open("wb") as file:
        for first in range(0, rows, PIECE):
            piece = _long(numbers, min(PIECE, rows - first))
            piece.write_csv(file, include_header=first == 0, float_precision=5)


def _long(numbers: np.random.Generator, rows: int) -> polars.DataFrame:
    columns: dict[str, polars.Series] = {}
    for place in range(DECIMALS):
        column = polars.Series(numbers.normal(place, 1 + place, rows))
        if place % 5 == 0:
            column = column.set(polars.Series(numbers.random(rows) < GAPS), None)
        columns[f"decimal {place}"] = column
    for place in range(WHOLE):
        columns[f"whole {place}"] = polars.Series(numbers.integers(0, 10 ** (place + 1), rows))
    for place, levels in enumerate(LEVELS):
        columns[f"text {place}"] = polars.Series(levels).gather(
            numbers.integers(0, len(levels), rows)
        )
    days = polars.Series(numbers.integers(10_000, 20_000, rows).astype(np.int32))
    columns["day"] = days.cast(polars.Date)
    columns["label"] = polars.Series(numbers.integers(0, LABELS, rows))
    return polars.DataFrame(columns)


def write_wide(path: Path, columns: int) -> None:
    """Write 40 rows of numbers and a label, as CSV or, where the name says so, as .npz."""
    numbers = np.random.default_rng(0)
    values, labels = numbers.normal(0, 10, (WIDE_ROWS, columns)).round(5), np.arange(WIDE_ROWS) % 2
    if path.suffix == ".npz":
        np.savez(path, x=values, y=labels)
        return
    frame = polars.DataFrame(values, schema=[f"column {place}" for place in range(columns)])
    frame.with_columns(polars.Series("label", labels)).write_csv(path)
