"""The table of columns that training prints first, so that a wrong guess is seen in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .console import Console

if TYPE_CHECKING:
    from fastmlp.data.readings.schema import ColumnFacts

MOST_ROWS = 40
LONGEST_CELL = 48


def show_columns(console: Console, columns: Sequence[ColumnFacts]) -> None:
    """Print a row a column; of a wide table the number of each kind and the unusual columns."""
    if not columns:
        return
    shown = [
        each for each in columns if each.role == "target" or each.note or len(columns) <= MOST_ROWS
    ]
    if len(columns) > MOST_ROWS:
        features = [each for each in columns if each.role != "target"]
        kinds = Counter(each.role if each.role == "left out" else each.kind for each in features)
        words = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
        console.line(f"columns   {len(columns):,}: {words}")
        shown = shown[:MOST_ROWS]
    header = ("column", "role", "kind", "holds", "missing", "note")
    rows = [_row(each) for each in shown]
    if not any(row[-1] for row in rows):
        header, rows = header[:-1], [row[:-1] for row in rows]
    # Words flush left, and the count in the middle flush right.
    width = max(len(row[4]) for row in (header, *rows))
    aligned = [(*row[:4], f"{row[4]:>{width}}", *row[5:]) for row in (header, *rows)]
    console.table(aligned[0], aligned[1:], left=len(header))


def _row(column: ColumnFacts) -> tuple[str, ...]:
    name, holds, note = map(_cut, (column.name or "''", column.holds, column.note))
    return name, column.role, column.kind, holds, f"{column.missing:,}", note


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"
