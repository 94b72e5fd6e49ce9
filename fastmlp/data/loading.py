"""load: the one entry for any source, a data set's name, a path, or data in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastmlp.data.pictures.reading import PictureReading
from fastmlp.data.pictures.walk import walk
from fastmlp.data.raw.form.layout import Layout
from fastmlp.data.raw.read import SUFFIXES as TABLE_SUFFIXES
from fastmlp.data.raw.read import is_table_name
from fastmlp.data.raw.several import PATTERN_SIGNS, tables_in
from fastmlp.data.readings.choices import ColumnChoices
from fastmlp.data.readings.schema import Schema
from fastmlp.errors import DataError, UsageError, did_you_mean

from . import tables
from .source import Source
from .sources import arrays, datasets, idx, images, in_memory
from .staged.workspace import Workspace
from .tables import TableOptions


def load(
    source: Any,
    *,
    target: str | int | None = None,
    test: Any = None,
    data_dir: str | Path | None = None,
    image_size: str | int | tuple[int, int] | None = None,
    colour: bool = False,
    ground: str = "auto",
    need_target: bool = True,
    task: str = "auto",
    layout: Layout | None = None,
    columns: ColumnChoices | None = None,
    schema: Schema | None = None,
    pictures: PictureReading | None = None,
    memory: str = "auto",
    space: Workspace | None = None,
) -> Source:
    """Read a data set.

    Parameters
    ----------
    source
        A name of ``datasets.NAMES``; or the path of a table, an .npz file, a folder of tables, of
        images or of the four IDX files; a pattern of tables, ``parts/*.csv``; or two paths joined
        by a comma: features and target as .npy files, tables or IDX files. Or data in memory, as
        ``in_memory.as_source`` takes them.
    target
        Of a table, the target column's name or position (without it label or target, else the last
        column); of an .npz file, the name of the target's array.
    test
        A path, or data in memory, that holds the test split in the same form.
    data_dir
        Where to look for the files of a named data set.
    image_size, colour, ground
        For folders of images: the size to bring them to, whether to keep colours, and what
        transparent ones are laid over ("auto", "white" or "black").
    need_target
        Whether the target must be there; without it a source for prediction may lack it.
    task
        Of a table: a regression's target is read as numbers.
    layout, columns
        What is said of a table's file and of its columns; what is not said is found out.
    schema
        How a model reads tables: then nothing is decided here.
    pictures
        How pictures are read, from a model that was trained on some; without it the pictures
        decide.
    memory
        How much the data may take, ``auto`` or ``2GB``: features of .npy files that are larger stay
        in their files.
    space
        Where tables are to be read in parts, of which only columns are ever in memory, and folders
        of pictures one by one; without it they are read whole.

    Raises
    ------
    DataError
        If the source is not there, is damaged, or does not hold what was asked for.
    """
    size = images.parse_size(image_size)
    said = (layout or Layout(), columns or ColumnChoices())
    tabular = TableOptions(task, *said, schema, size, colour, space)
    said = colour, ground, need_target, tabular, pictures, memory
    choices = _Choices(target, data_dir, size, *said)
    loaded = _load(source, choices)
    if test is None:
        return loaded
    size = size or (loaded.image_shape and loaded.image_shape[:2])
    if in_memory.is_pair(test):
        target = None
    elif loaded.feature_names is not None:
        target = loaded.target_name  # by name: columns may come in another order
    tabular = replace(tabular, schema=loaded.schema, image_size=size)
    pictures = pictures or loaded.pictures
    changes = {"image_size": size, "table": tabular, "pictures": pictures}
    held_out = _load(test, replace(choices, target=target, **changes))
    _check_alike(loaded, held_out)
    notes = held_out.notes if held_out.pictures is not None else ()
    notes = loaded.notes + tuple(f"of the test pictures: {note}" for note in notes)
    return replace(loaded, test=replace(held_out, test=None), notes=notes)


def is_tables(source: str) -> bool:
    """Return whether a path is a table, or a folder or pattern of tables that are read as one."""
    path = Path(source).expanduser()
    if source and path.is_dir():
        # A table beside folders of pictures is about them.
        return bool(tables_in(path)) and not walk(path).pictures
    return is_table_name(path) if path.is_file() else any(sign in source for sign in PATTERN_SIGNS)


def is_pictures(source: str) -> bool:
    """Return whether a path is a folder of pictures."""
    path = Path(source).expanduser()
    if not source or not path.is_dir() or is_tables(source):
        return False
    return datasets.PARTS[0] not in datasets.find_idx_files(path)


@dataclass(frozen=True)
class _Choices:
    """What the caller of ``load`` asked for beside the source."""

    target: str | int | None
    data_dir: str | Path | None
    image_size: tuple[int, int] | None
    colour: bool
    ground: str
    need_target: bool
    table: TableOptions
    pictures: PictureReading | None
    memory: str


def _load(source: Any, choices: _Choices) -> Source:
    if not in_memory.is_place(source):
        found = in_memory.as_source(source, choices.target, choices.need_target, choices.table)
        return _with_own_target(found, choices) if in_memory.is_pair(source) else found
    source = in_memory.place(source)
    if source in datasets.NAMES:
        return _with_own_target(datasets.load_dataset(source, choices.data_dir), choices)
    path = Path(source).expanduser()
    if choices.pictures is None and is_tables(source):
        what = path if path.exists() else source
        return tables.load_table(what, choices.target, choices.need_target, choices.table)
    if source and path.is_dir():
        return _with_own_target(_load_folder(path, choices), choices)
    if path.is_file():
        return _load_file(path, choices)
    parts = [Path(part.strip()).expanduser() for part in source.split(",")]
    if len(parts) == 2:
        for part in parts:
            if not part.is_file():
                raise DataError(
                    f"{str(part)!r}, half of {source!r}, is not a file; give features,target as "
                    "two files."
                )
        return _with_own_target(_load_pair(parts[0], parts[1], choices), choices)
    raise DataError(
        f"source {source!r} is neither a file, a folder nor a data "
        f"set{did_you_mean(source, datasets.NAMES)} Data sets: {', '.join(datasets.NAMES)}."
    )


def _load_folder(path: Path, choices: _Choices) -> Source:
    files = datasets.find_idx_files(path)
    if datasets.PARTS[0] in files:
        return datasets.source_of_idx(path.name, files)
    return _load_images(path, choices)


def _load_file(path: Path, choices: _Choices) -> Source:
    if is_table_name(path):
        return tables.load_table(path, choices.target, choices.need_target, choices.table)
    if path.suffix.lower() == ".npz":
        return arrays.load_npz(path, choices.target, choices.need_target)
    if choices.need_target and (path.suffix.lower() == ".npy" or idx.is_idx_name(path)):
        raise DataError(
            f"{path} holds features without a target; give both files as features,target."
        )
    if path.suffix.lower() == ".npy":
        return arrays.load_npy(path, None, choices.memory)
    if idx.is_idx_name(path):
        return datasets.idx_pair(path.name, path, None)
    if images.is_image_name(path):
        return _load_images(path, choices)
    raise DataError(
        f"{path} is of no kind that is read; give a table ({' '.join(TABLE_SUFFIXES)}), .npz, "
        ".npy, an IDX file, or a folder of images."
    )


def _load_images(path: Path, choices: _Choices) -> Source:
    wanted = (choices.image_size, choices.colour, choices.need_target)
    space = choices.table.space
    return images.load_images(path, *wanted, choices.pictures, choices.ground, space)


def _load_pair(features_path: Path, target_path: Path, choices: _Choices) -> Source:
    pair = (features_path, target_path)
    if all(path.suffix.lower() == ".npy" for path in pair):
        return arrays.load_npy(*pair, choices.memory)
    if all(is_table_name(path) for path in pair):
        return tables.load_pair(*pair, choices.table)
    if all(idx.is_idx_name(path) for path in pair):
        return datasets.idx_pair(features_path.name, *pair)
    raise DataError(
        f"{features_path} and {target_path} make no pair; give two .npy files, two tables or two "
        "IDX files."
    )


def _with_own_target(source: Source, choices: _Choices) -> Source:
    """Refuse a target column for a source that brings its target itself."""
    if choices.need_target and choices.target is not None and choices.target != source.target_name:
        raise UsageError(
            f"target {choices.target!r} names a column of a table; {source.name} brings its own "
            "target, leave the option out."
        )
    return source


def _check_alike(train: Source, test: Source) -> None:
    """Refuse a test split whose columns or pictures are not the training split's."""
    if train.image_shape != test.image_shape and train.feature_names is None:
        raise DataError(
            f"{test.name} has images of shape {test.image_shape}, {train.name} of "
            f"{train.image_shape}; they must be alike."
        )
    if train.feature_names is not None and test.feature_names is not None:
        for name in train.feature_names:
            if name not in test.feature_names:
                raise DataError(
                    f"the test split {test.name} has no column "
                    f"{name!r}{did_you_mean(name, test.feature_names)}"
                )
    elif train.features.shape[1] != test.features.shape[1]:
        raise DataError(
            f"{test.name} has {test.features.shape[1]:,} columns and {train.name} "
            f"{train.features.shape[1]:,}; they must be as many."
        )
