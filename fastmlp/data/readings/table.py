"""A whole table described: every column decided, the target apart, what is left out said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fastmlp.data.readings.kinds.plain import frame_of
from fastmlp.data.staged.columns import ColumnFiles
from fastmlp.data.staged.table import StagedTable, without
from fastmlp.errors import DataError

from .choices import ColumnChoices
from .decide import decide
from .decided import Decided
from .notes import notes_on, on_left_out
from .roles import with_roles
from .schema import Schema
from .target import decide_target

if TYPE_CHECKING:
    import polars

    from fastmlp.data.staged.table import Table


@dataclass(frozen=True)
class Described:
    """A table with its schema."""

    schema: Schema  # how its columns are read
    features: Table  # the columns that are learnt from, read
    target: polars.Series | None  # the target, read, gaps null; None where none was asked for


def describe(
    raw: Table,
    target: str | None = None,
    choices: ColumnChoices | None = None,
    *,
    separator: str | None = None,
    line_of: Callable[[int], str] | None = None,
) -> Described:
    """Decide how a table is read.

    Parameters
    ----------
    raw
        Text columns as they were written, others typed; at least one row.
    target
        The target column, if there is one.
    choices
        What the user said of columns.
    separator
        Of a file of texts.
    line_of
        The place of a row, for messages; without it the row's number.

    Raises
    ------
    DataError
        If a column that is spoken of is not there, or one cannot be used.
    """
    choices = choices or ColumnChoices()
    choices.check_names(raw.columns, "the table")
    dropped = set(choices.drop) - {target}
    kept = without(raw, dropped)
    decided = decide(kept, choices, line_of or (lambda row: f"row {row + 1:,}"), separator)
    notes: list[str] = []
    values = None
    if target is not None:
        reading, values, notes = decide_target(kept, target, decided, choices)
        decided.readings[target] = reading
        decided.columns[target] = values
    _check_wanted(decided, choices)
    schema = with_roles(raw.columns, decided, target, choices)
    decided.codes.intersection_update(schema.names)
    schema = replace(schema, notes=(*notes_on(decided, choices), *notes, *schema.notes))
    return Described(schema, _features(raw, decided, schema.names), values)


def _features(raw: Table, decided: Decided, names: tuple[str, ...]) -> Table:
    if isinstance(decided.columns, ColumnFiles) and isinstance(raw, StagedTable):
        return StagedTable(decided.columns, names, raw.height, raw.workspace, is_read=True)
    return frame_of(decided.columns[name] for name in names)


def _check_wanted(decided: Decided, choices: ColumnChoices) -> None:
    """Raise a DataError if a column that was said to be numbers or dates has neither."""
    for option, names in (("numeric", choices.numeric), ("dates", tuple(choices.order_of_dates))):
        for name in names:
            if name not in decided.readings and name in decided.odd:
                kind = "a number" if option == "numeric" else "a date"
                raise DataError(
                    f"column {name!r} is given to {option}, but no cell of it is {kind}: "
                    f"{decided.odd[name][1]}."
                )


def schema_of(frame: polars.DataFrame) -> Schema:
    """Decide how a frame of features is read; only columns without a value are left out."""
    choices = ColumnChoices()
    decided = decide(frame, choices, lambda row: f"row {row + 1:,}")
    empty = [name for name in frame.columns if name not in decided.readings]
    said = [on_left_out(empty, "empty")] if empty else []
    return Schema(tuple(decided.readings.values()), notes=(*notes_on(decided, choices), *said))
