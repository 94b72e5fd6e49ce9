"""Several files as one table: a list, a pattern or a folder of parts that have the same columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastmlp.data.raw.form.layout import Layout
from fastmlp.errors import DataError, did_you_mean

from .suffixes import SUFFIXES, format_of, is_table_name
from .table import Parts, RawTable

if TYPE_CHECKING:
    import polars

    from fastmlp.data.staged.table import Table

HIDDEN = (".", "_", "~$")
PATTERN_SIGNS = "*?["
ABOUT_DATA = ("readme", "license", "licence", "copying", "changelog", "notes", "requirements")
HELD_OUT = {"test", "val", "valid", "validation", "dev"}


def find_tables(source: str | Path | Sequence[str | Path]) -> list[Path]:
    """Return the files of a source: itself, those of a folder or pattern by name, or of a list.

    Raises
    ------
    DataError
        If there are none, or of several formats.
    """
    if not isinstance(source, (str, Path)):
        paths = [path for each in source for path in find_tables(each)]
        if not paths:
            raise DataError("no tables were given; give at least one file.")
        return paths
    path = Path(source).expanduser()
    if str(source) and path.is_file():
        return [path]
    if str(source) and path.is_dir():
        return _of_one_format(tables_in(path), path)
    if any(sign in str(source) for sign in PATTERN_SIGNS):
        return _of_one_format(_matching(path), path)
    raise DataError(f"{str(source)!r} is neither a file, nor a folder or pattern of tables.")


def tables_in(folder: Path) -> list[Path]:
    """Return the tables that lie in a folder, by name; none if pictures or IDX files lie there.

    Texts about the data (README.txt) and hidden files are no tables.
    """
    from fastmlp.data.sources.idx import is_idx_name
    from fastmlp.data.sources.images import is_image_name

    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}.") from None
    if any(is_image_name(path) or is_idx_name(path) for path in files):
        return []
    return [path for path in files if _is_part(path)]


def _matching(pattern: Path) -> list[Path]:
    root = Path(pattern.anchor)
    try:
        found = sorted(root.glob(str(pattern.relative_to(root))))
    except ValueError as error:
        raise DataError(f"{str(pattern)!r} is no pattern: {error}.") from None
    return [path for path in found if path.is_file() and _is_part(path)]


def _is_part(path: Path) -> bool:
    about = path.suffix.lower() == ".txt" and path.stem.lower().startswith(ABOUT_DATA)
    return is_table_name(path) and not path.name.startswith(HIDDEN) and not about


def _of_one_format(paths: list[Path], where: Path) -> list[Path]:
    if not paths:
        raise DataError(f"{where} holds no tables; they end in {' '.join(SUFFIXES)}.")
    other = next((path for path in paths if format_of(path) != format_of(paths[0])), None)
    if other is not None:
        raise DataError(
            f"{where} holds tables of several formats, such as {paths[0].name} and {other.name}; "
            "give a pattern for those of one, as 'parts/*.csv'."
        )
    held_out = next((path for path in paths if path.name.split(".")[0].lower() in HELD_OUT), None)
    if held_out is not None and len(paths) > 1:
        raise DataError(
            f"{where} holds {held_out.name} beside {next(p.name for p in paths if p != held_out)}; "
            "give the tables apart, the one as training data and the other as test data."
        )
    return paths


def concatenated(frames: list[polars.DataFrame]) -> polars.DataFrame:
    """Return frames below each other, each column of a type that holds those of all."""
    import polars

    return polars.concat(frames, how="vertical_relaxed")


def read_several(
    paths: list[Path],
    layout: Layout,
    read: Callable[[Path, Layout], RawTable],
    join: Callable[[list[Any]], Table] = concatenated,
) -> RawTable:
    """Read files as one table, in the order given.

    Parameters
    ----------
    paths
        At least one file.
    layout
        What is known of them; whether the first has a header holds for all.
    read
        Reads one file.
    join
        Puts their rows together.

    Raises
    ------
    DataError
        If a file cannot be read, or its columns are not those of the first.
    """
    import polars

    first = read(paths[0], layout)
    layout = replace(layout, header=first.has_header)
    tables, reordered = [first], []
    for path in paths[1:]:
        table = read(path, layout)
        _check_columns(table, first, path, paths[0])
        if table.frame.columns != first.frame.columns:
            reordered.append(path.name)
            table = replace(table, frame=table.frame.select(first.frame.columns))
        tables.append(table)
    frames = [table.frame for table in tables]
    try:
        frame = join(frames)
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException):
        raise DataError(_unlike_types(frames, paths)) from None
    types = frame.schema.items()
    mixed = [name for name, dtype in types if _becomes_text(name, dtype, frames)]
    begins = accumulate((part.height for part in frames[:-1]), initial=0)
    names = _short_names(paths)
    place_of = Parts(names, tuple(begins), tuple(table.place_of for table in tables))
    notes = _notes(tables, names, reordered, mixed)
    return RawTable(frame, notes, first.separator, first.has_header, place_of)


def _check_columns(table: RawTable, first: RawTable, path: Path, first_path: Path) -> None:
    names, wanted = table.frame.columns, first.frame.columns
    if not first.has_header and len(names) != len(wanted):
        raise DataError(
            f"{path} has {len(names):,} columns and {first_path} {len(wanted):,}; parts must have "
            "as many."
        )
    here, there = set(names), set(wanted)
    for name in wanted:
        if name not in here:
            raise DataError(
                f"{path} has no column {name!r}, which {first_path} has{did_you_mean(name, names)}"
            )
    for name in names:
        if name not in there:
            raise DataError(
                f"{path} has a column {name!r}, which {first_path} has "
                f"not{did_you_mean(name, wanted)}"
            )


def _becomes_text(name: str, dtype: polars.DataType, frames: list[Table]) -> bool:
    import polars

    texts = (polars.String, polars.Null)
    return dtype == polars.String and any(frame.schema[name] not in texts for frame in frames)


def _unlike_types(frames: list[Table], paths: list[Path]) -> str:
    import polars

    for frame, path in zip(frames, paths, strict=True):
        for name in frame.columns:
            types = [each.schema[name] for each in (frames[0], frame)]
            cells = [polars.DataFrame(schema={name: dtype}) for dtype in types]
            try:
                polars.concat(cells, how="vertical_relaxed")
            except (polars.exceptions.PolarsError, polars.exceptions.PanicException):
                types = f"{frame.schema[name]} in {path} and {frames[0].schema[name]} in {paths[0]}"
                return f"column {name!r} is {types}; parts must have columns of one type."
    return (
        f"{paths[0]} and {len(paths) - 1:,} other files cannot be put together; their columns are "
        "of other types."
    )


def _short_names(paths: list[Path]) -> tuple[str, ...]:
    """Return the files' names, or their paths where two have one name."""
    names = tuple(path.name for path in paths)
    return names if len(set(names)) == len(names) else tuple(map(str, paths))


def _notes(
    tables: list[RawTable], names: tuple[str, ...], reordered: list[str], mixed: list[str]
) -> tuple[str, ...]:
    notes = [f"{len(names):,} files are read as one table, from {names[0]} to {names[-1]}."]
    if reordered:
        others = f" and {len(reordered) - 1:,} more have" if len(reordered) > 1 else " has"
        notes.append(
            f"{reordered[0]}{others} the columns in another order; they are put together by name."
        )
    if mixed:
        others = f" and {len(mixed) - 1:,} more are" if len(mixed) > 1 else " is"
        notes.append(
            f"column {mixed[0]!r}{others} of texts in some files and not in others; it is read as "
            "texts."
        )
    said: dict[str, list[str]] = {}
    for table, name in zip(tables, names, strict=True):
        for note in table.notes:
            said.setdefault(note, []).append(name)
    for note, files in said.items():
        if len(files) < len(names):
            where = files[0] if len(files) == 1 else f"{len(files):,} files"
            note = f"{where}: {note}"
        notes.append(note)
    return tuple(notes)
