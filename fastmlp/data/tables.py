"""Tables as sources: columns described, or read as a model reads them; the target split off."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastmlp.data.features.pixels import as_pixels, could_be_pictures, pixels_or_none
from fastmlp.data.mapped.rows import MappedRows
from fastmlp.data.raw.form.header import no_header_note
from fastmlp.data.raw.form.layout import Layout
from fastmlp.data.raw.read import read_table
from fastmlp.data.raw.several import PATTERN_SIGNS
from fastmlp.data.raw.table import RawTable
from fastmlp.data.readings.apply import read_target
from fastmlp.data.readings.choices import ColumnChoices
from fastmlp.data.readings.kinds.plain import frame_of
from fastmlp.data.readings.schema import Schema
from fastmlp.data.readings.table import describe
from fastmlp.data.readings.target import target_values
from fastmlp.data.readings.words import listed
from fastmlp.errors import DataError, did_you_mean

from .source import Source
from .staged.read import stage_table
from .staged.table import StagedTable, renamed, without
from .staged.workspace import Workspace

if TYPE_CHECKING:
    import polars

    from .staged.table import Table

USUAL_TARGETS = ("label", "target")


@dataclass(frozen=True)
class TableOptions:
    """How a table is to be read."""

    task: str = "auto"  # as in the settings: a regression's target is read as numbers
    # layout, columns: what the user says of the file and of its columns
    layout: Layout = field(default_factory=Layout)
    columns: ColumnChoices = field(default_factory=ColumnChoices)
    # how a model reads it, which then counts alone; without it that is decided here
    schema: Schema | None = None
    # image_size, colour: sides of the pictures that the rows are, if they are any, and whether a
    # pixel is three columns
    image_size: tuple[int, int] | None = None
    colour: bool = False
    # where it is read in parts, of which only columns are in memory; without it it is read whole
    space: Workspace | None = None


def load_table(
    path: Path | str | list[Path],
    target: str | int | None = None,
    need_target: bool = True,
    options: TableOptions | None = None,
) -> Source:
    """Read a table, or several files as one, and split its target off.

    Parameters
    ----------
    path
        The file, whose name says the format; or several, or a pattern that finds several.
    target
        The target column's name, or its position from 0, from the end if negative. Without it a
        column called label or target, else the last column.
    need_target
        Whether the target must be there. If not, only a given ``target`` is split off, and only
        where the table has it.
    options
        How to read it.

    Returns
    -------
    Source
        Features as a frame; with a schema as they came, for the model to read. uint8 rows of pixels
        if an image size is given.

    Raises
    ------
    DataError
        If the table is empty, damaged, or lacks the target or a column that is spoken of.
    """
    options = options or TableOptions()
    layout = options.layout
    if options.schema is not None:
        layout = replace(layout, expected=options.schema.names)
    space = options.space
    table = read_table(path, layout) if space is None else stage_table(path, layout, space)
    if options.schema is not None:
        table = with_known_names(table, options.schema)
    name, where = _name_of(path), str(path)
    return source_of_frame(table.frame, name, target, need_target, options, table, where)


def _name_of(path: Path | str | list[Path]) -> str:
    """Return what a source is called: as its file or folder is."""
    if isinstance(path, list):
        return path[0].parent.name
    # A file may be called as a pattern is, but then it is there.
    is_pattern = any(sign in Path(path).name for sign in PATTERN_SIGNS) and not Path(path).exists()
    return (Path(path).absolute().parent.name if is_pattern else Path(path).stem) or "tables"


def with_known_names(table: RawTable, schema: Schema) -> RawTable:
    """Name the columns of a file without a header as the training table's, if as many."""
    names = [each.name for each in schema.columns]
    target = None if schema.target is None else schema.target.name
    is_strange = set(table.frame.columns).isdisjoint([*names, *schema.names])
    if table.has_header and table.separator is not None and is_strange:
        _refuse_header(table.frame.columns, schema.names)
    if table.has_header or set(schema.names) <= set(table.frame.columns):
        return table
    for known in (names, [name for name in names if name != target], list(schema.names)):
        if len(known) == table.frame.width:
            frame = renamed(table.frame, known)
            note = (
                f"the table has no header; its columns are taken as {listed(known, 3)}, in the "
                "order of training."
            )
            others = (each for each in table.notes if each != no_header_note())
            return replace(table, frame=frame, notes=(*others, note))
    raise DataError(
        f"the table has no header, and {table.frame.width:,} columns where the training table has "
        f"{len(names):,}: give it their names, or --header where its first row holds them."
    )


def _refuse_header(found: list[str], wanted: tuple[str, ...]) -> None:
    if wanted:
        remedy = "--no-header takes the first row as one of the rows"
        if len(found) == 1 < len(wanted):
            remedy = "--separator sets what divides the fields"
        raise DataError(
            f"the first row names the columns {listed(found, 3)}, of which the model knows none; "
            f"it was trained on {listed(list(wanted), 3)} ({remedy})."
        )


def source_of_frame(
    frame: Table,
    name: str,
    target: str | int | None = None,
    need_target: bool = True,
    options: TableOptions | None = None,
    table: RawTable | None = None,
    where: str | None = None,
) -> Source:
    """Return the source in a frame, whose columns may be texts as a file holds them.

    Parameters
    ----------
    frame
        At least one row and one column.
    name
        The source's name.
    target, need_target, options
        As in ``load_table``.
    table
        Of which file it came, if it did: for the places of cells and its notes.
    where
        What messages call it; default ``name``.
    """
    options = options or TableOptions()
    where = where or name
    given, target = target, _target_column(frame.columns, where, target, need_target)
    notes = () if table is None else table.notes
    if target is not None and given is None and target != frame.columns[-1]:
        notes = (*notes, f"column {target!r} is taken as the target.")
    if frame.width == 1 and target is not None:
        raise DataError(
            f"{where} has the column {target!r} only; a table needs features beside the target."
        )
    if options.schema is not None or options.image_size is not None:
        return _with_target(*_as_known(frame, name, target, options, notes), need_target)
    choices = options.columns
    if options.task == "regression" and target is not None and choices.kind_of(target) is None:
        choices = replace(choices, numeric=(*choices.numeric, target))
    layout = {}
    if table is not None:
        layout = {"separator": table.separator, "line_of": table.line_of}
    began = time.perf_counter()
    described = describe(frame, target, choices, **layout)
    if options.space is not None:
        options.space.took("deciding", began)
    if not described.schema.names:
        beside = "" if target is None else f" beside the target {target!r}"
        raise DataError(
            f"{where} has nothing to learn from{beside}: each column is empty or was dropped."
        )
    source = Source(
        name=_short(name),
        features=described.features,
        target_name=target,
        feature_names=tuple(described.features.columns),
        notes=(*notes, *described.schema.notes),
        schema=described.schema,
    )
    return _with_target(_with_hint(source), described.target, need_target)


def require_cells(frame: polars.DataFrame, where: str) -> None:
    """Raise a DataError if a frame has no rows or no columns."""
    if not frame.width or not frame.height:
        part = "columns" if not frame.width else "rows"
        raise DataError(f"{where} has no {part}; a table needs at least one row and one column.")


def _as_known(
    frame: Table, name: str, target: str | None, options: TableOptions, notes: tuple[str, ...]
) -> tuple[Source, polars.Series | None]:
    """Return a source and its target whose columns a model knows or which are pixels."""
    schema = options.schema or Schema(())
    reading, values, said = schema.target, None, []
    if target is not None and reading is not None and reading.name == target:
        values = read_target(frame[target], reading, said)
    elif target is not None:
        described = describe(frame_of([frame[target]]), target)
        values, said = described.target, described.schema.notes
        schema = replace(schema, target=described.schema.target)
    features = without(frame, () if target is None else (target,))
    names, shape = tuple(features.columns), None
    if options.image_size is not None:
        shape = (*options.image_size, 3) if options.colour else options.image_size
        # What is given to a model may hold more columns, among which it finds its own.
        has_model = options.schema is not None
        assert not isinstance(features, StagedTable)  # tables of pictures are read whole
        pixels = pixels_or_none(features, shape) if has_model else as_pixels(features, shape, name)
        features, shape = (features, None) if pixels is None else (pixels, shape)
    source = Source(
        name=_short(name),
        features=features,
        target_name=target,
        feature_names=names,
        image_shape=shape,
        notes=(*notes, *said),
        schema=schema,
    )
    return source, values


def _with_target(source: Source, target: polars.Series | None, need_target: bool) -> Source:
    """Return the source with its target; rows without a target are noted and left out."""
    if target is None:
        return replace(source, target_name=None)
    missing = target.alias("target").is_null()
    if not missing.any():
        return replace(source, target=target_values(target))
    if not need_target:
        note = (
            f"the target {source.target_name!r} lacks values and is not compared with the "
            "predictions."
        )
        return replace(source, target_name=None, notes=(*source.notes, note))
    if missing.all():
        raise DataError(
            f"{source.name} has no row with a value in the target {source.target_name!r}; name "
            "another column as target."
        )
    note = (
        f"{missing.sum():,} of {len(target):,} rows have no value in the target "
        f"{source.target_name!r} and are left out."
    )
    features = source.features[np.flatnonzero(~missing.to_numpy())]
    values = target_values(target.filter(~missing))
    return replace(source, features=features, target=values, notes=(*source.notes, note))


def load_pair(
    features_path: Path, labels_path: Path, options: TableOptions | None = None
) -> Source:
    """Read features and labels from two tables, matched in order or by equal index columns.

    Parameters
    ----------
    features_path
        One row an example; its first column is an index if the labels have one.
    labels_path
        The label alone, or an index and the label.

    Raises
    ------
    DataError
        If the tables differ in length or in their indices, or a label is missing.
    """
    options = options or TableOptions()
    features = read_table(features_path, options.layout)
    labels = read_table(labels_path, options.layout)
    frame, given = features.frame, labels.frame
    assert not isinstance(frame, StagedTable)  # pairs are read whole
    assert not isinstance(given, StagedTable)
    if given.width > 2:
        raise DataError(
            f"{labels_path} has {given.width:,} columns; it may have the label, or an index and "
            "the label."
        )
    if given.height != frame.height:
        raise DataError(
            f"{features_path} has {frame.height:,} rows and {labels_path} {given.height:,}; they "
            "must be as many."
        )
    if given.width == 2:
        frame = _without_index(features_path, frame, labels_path, given)
    if not frame.width:
        raise DataError(f"{features_path} has no columns beside the index.")
    label = given.to_series(given.width - 1)
    name = label.name if label.name not in frame.columns else f"{label.name} of {labels_path.stem}"
    joined = frame.with_columns(label.alias(name))
    table = replace(features, frame=joined, notes=features.notes + labels.notes)
    source = source_of_frame(joined, features_path.stem, name, True, options, table)
    if len(source) < frame.height:
        raise DataError(
            f"{labels_path} lacks {frame.height - len(source):,} labels; leave those rows out of "
            "both tables."
        )
    return replace(source, target_name=label.name)


def _without_index(
    features_path: Path, frame: polars.DataFrame, labels_path: Path, given: polars.DataFrame
) -> polars.DataFrame:
    import polars

    indices = (each.to_series(0).alias("index") for each in (frame, given))
    first, second = (index.cast(polars.String) for index in indices)
    differ = first.ne_missing(second)
    if differ.any():
        row = differ.arg_true()[0]
        raise DataError(
            f"the indices of {features_path} and {labels_path} differ first in row {row + 1:,}: "
            f"{first[row]} and {second[row]}."
        )
    return frame_of(frame.get_columns()[1:])


def _target_column(
    columns: list[str], where: str, target: str | int | None, need_target: bool
) -> str | None:
    if target is None:
        usual = [name for name in columns if name.lower() in USUAL_TARGETS]
        return (usual[0] if len(usual) == 1 else columns[-1]) if need_target else None
    if target in columns:
        return target
    try:
        position = int(target)
    except ValueError:
        if not need_target:
            return None
        raise DataError(
            f"{where} has no column {target!r} for the target{did_you_mean(str(target), columns)}"
        ) from None
    if not -len(columns) <= position < len(columns):
        raise DataError(
            f"{where} has no column at position {position}; it has {len(columns):,} columns, "
            "counted from 0 or, from the end, from -1."
        )
    return columns[position]


def _with_hint(source: Source) -> Source:
    """Say of a table of whole numbers that it could be pictures."""
    features = source.features
    if isinstance(features, (np.ndarray, MappedRows)) or not could_be_pictures(features):
        return source
    width = features.width
    size = f"{math.isqrt(width)}x{math.isqrt(width)}"
    note = f"the {width:,} columns could be pictures; --image-size {size} reads them so."
    return replace(source, notes=(*source.notes, note))


def _short(name: str) -> str:
    for suffix in (".csv", ".tsv", ".txt"):  # what .csv.gz leaves
        name = name.removesuffix(suffix)
    return name
