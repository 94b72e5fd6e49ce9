"""Folders of pictures, one sub-folder a class, read as rows of bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from fastmlp.data.features.scaling import row_chunks
from fastmlp.data.mapped.rows import MappedRows, Matrix
from fastmlp.data.memory import require_memory
from fastmlp.data.pictures.deciding import corners_of, decide, notes_on_kept
from fastmlp.data.pictures.decoding import Header, Kind, decoding, read_bytes, read_header
from fastmlp.data.pictures.formats import is_image_name
from fastmlp.data.pictures.layout import Pictures, labelled, unlabelled
from fastmlp.data.pictures.reading import BLACK, WHITE, PictureReading
from fastmlp.data.source import Source
from fastmlp.data.staged.workspace import Workspace
from fastmlp.errors import DataError, UsageError, choose

__all__ = ["is_image_name", "load_images"]

LARGEST_SIDE = 16_384
AT_ONCE = 512  # pictures that are decoded before they are stored

Size = tuple[int, int]


def load_images(
    path: Path,
    image_size: str | int | Size | None = None,
    colour: bool = False,
    need_target: bool = True,
    reading: PictureReading | None = None,
    ground: str = "auto",
    space: Workspace | None = None,
) -> Source:
    """Read a folder of pictures: one sub-folder a class, maybe under ``train`` and ``test``.

    Parameters
    ----------
    path
        The folder. Without ``need_target`` also a folder of pictures alone, or one picture.
    image_size
        Size to bring all pictures to: "HxW", (height, width) or the side of a square. Without it
        all must be alike.
    colour
        Whether to keep red, green and blue; otherwise pictures become gray.
    need_target
        Whether classes are needed.
    reading
        How transparency and more than 8 bits are read, from a model that was trained on pictures;
        without it that is decided by the pictures in ``path``, those of its test folder left out.
    ground
        "white" or "black", over which transparent pictures are laid; "auto": on which of the two
        they show. A ``reading`` has its own.
    space
        Where the rows are written, picture by picture; without it they are in memory.

    Returns
    -------
    Source
        uint8 (pictures, height × width [× 3]), in a file where there is a ``space``; the target
        is the sub-folders' names.

    Raises
    ------
    DataError
        If there are no pictures, fewer than two classes, sizes that differ, a damaged picture,
        pictures that are all the same, or too little memory.
    UsageError
        If ``image_size`` is not a size, or ``ground`` not one of the above.
    """
    grounds = {"auto": None, "white": WHITE, "black": BLACK}
    level = grounds[choose("ground", ground, grounds)]
    size = parse_size(image_size)
    layout = labelled(path) if need_target else unlabelled(path)
    with decoding():
        train = _read(path.name, layout.train, size, colour, reading, level, space=space)
        notes, test = (*layout.notes, *train.notes), None
        assert isinstance(train.features, (np.ndarray, MappedRows))  # as of all pictures
        assert train.image_shape is not None
        height, width, *_ = train.image_shape
        if need_target and reading is None:
            channels = 3 if colour else 1
            _check_differences(train.features, channels, f"{height}×{width}", layout.train.root)
            notes += _note_on_flat(train.features, channels)
        if layout.test is not None:
            name, is_resized = f"{path.name} test", size is None
            shape = height, width
            known = train.pictures
            test = _read(name, layout.test, shape, colour, known, resized=is_resized, space=space)
            notes += tuple(f"of the test pictures: {note}" for note in test.notes)
    return replace(train, test=test, notes=notes)


def _read(
    name: str,
    pictures: Pictures,
    size: Size | None,
    colour: bool,
    reading: PictureReading | None,
    ground: int | None = None,
    resized: bool = False,
    space: Workspace | None = None,
) -> Source:
    """Read pictures into rows; ``resized`` if the size is not the user's and must be noted."""
    files, channels = pictures.files, 3 if colour else 1
    # Pillow decodes outside the interpreter's lock.
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        headers = list(pool.map(partial(read_header, is_exact=size is None), files))
        height, width = size or _common_size(files, headers)
        what = f"{pictures.root} as {len(files):,} images of {height}×{width}"
        shape = len(files), height * width * channels
        if space is None:
            require_memory(shape[0] * shape[1], what)
            rows = np.empty(shape, np.uint8)
        else:
            rows = space.bytes_of(shape, what)

        def fill(chosen: np.ndarray, reading: PictureReading) -> None:
            read = partial(read_bytes, size=(height, width), colour=colour, reading=reading)
            for start in range(0, len(chosen), AT_ONCE):
                some = chosen[start : start + AT_ONCE]
                pixels = pool.map(read, [files[row] for row in some])
                for row, values in zip(some, pixels, strict=True):
                    rows[row] = values
                if space is not None:
                    space.report(f"decoding {name}", start + len(some), len(chosen))

        is_opaque = np.array([header.kind is Kind.OPAQUE for header in headers])
        fill(np.flatnonzero(is_opaque), PictureReading())
        notes = _notes_on_files(files, headers, (height, width) if resized else None)
        if reading is None:
            matrix = rows if isinstance(rows, np.ndarray) else rows.mapped()
            opaque = np.flatnonzero(is_opaque)
            corners = corners_of(matrix, opaque, (height, width, channels))
            reading, decided = decide(files, headers, corners, colour, ground, pool.map)
        else:
            decided = notes_on_kept(headers, reading)
        fill(np.flatnonzero(~is_opaque), reading)
    return Source(
        name=name,
        features=rows if isinstance(rows, np.ndarray) else rows.finished(),
        target=None if pictures.labels is None else np.array(pictures.labels, dtype=str),
        target_name=None if pictures.labels is None else "label",
        image_shape=(height, width, 3) if colour else (height, width),
        row_names=tuple(str(file.relative_to(pictures.root)) for file in files),
        notes=(*notes, *decided),
        pictures=reading,
    )


def _notes_on_files(files: list[Path], headers: list[Header], brought_to: Size | None) -> list[str]:
    """Return notes on files of several pictures, colours of 16 bits, sizes changed unasked."""

    def such(is_such: Callable[[Header], bool]) -> tuple[int, str]:
        found = [file.name for file, header in zip(files, headers, strict=True) if is_such(header)]
        return len(found), repr(found[0]) if found else ""

    notes = []
    count, example = such(lambda header: header.has_frames)
    if count:
        notes.append(
            f"files of several pictures: {count:,}, such as {example}; the first of each is read."
        )
    count, example = such(lambda header: header.is_cut)
    if count:
        notes.append(
            f"pictures of 16 bits a channel: {count:,}, such as {example}; the upper 8 are read, "
            "as Pillow gives no more."
        )
    count, example = such(lambda header: brought_to not in (None, header.size))
    if brought_to is not None and count:
        shape = "×".join(map(str, brought_to))
        notes.append(
            f"pictures brought to the training pictures' size, {shape}: {count:,}, such as "
            f"{example}."
        )
    return notes


def _check_differences(rows: Matrix, channels: int, shape: str, root: Path) -> None:
    """Refuse training pictures, rows of bytes, of which none differs from another."""
    first = rows[:1]
    if len(rows) < 2 or not all((some == first).all() for _, some in row_chunks(rows)):
        return
    remedy = "" if channels == 3 else "; with --colour they may differ"
    raise DataError(
        f"all {len(rows):,} pictures in {root} are the same once they are read as {shape} "
        f"pixels: there is nothing to learn from them{remedy}."
    )


def _note_on_flat(rows: Matrix, channels: int) -> tuple[str, ...]:
    """Return a note on training pictures, rows of bytes, of a single colour each: maybe a fault."""

    def are_flat(some: np.ndarray) -> bool:
        pixels = some.reshape(len(some), -1, channels)
        return bool((pixels == pixels[:, :1]).all())

    if rows.shape[1] == channels or not all(are_flat(some) for _, some in row_chunks(rows)):
        return ()
    return ("every training picture is of a single colour throughout.",)


def _common_size(files: list[Path], headers: list[Header]) -> Size:
    first = headers[0].size
    for file, header in zip(files, headers, strict=True):
        if header.size != first:
            raise DataError(
                f"images differ in size: {files[0]} is {first[0]}×{first[1]}, {file} is "
                f"{header.size[0]}×{header.size[1]} (height×width); give --image-size, such as "
                f"{first[0]}x{first[1]}."
            )
    return first


def parse_size(image_size: str | int | Size | None) -> Size | None:
    if image_size is None:
        return None
    size = image_size
    if isinstance(size, str):
        match = re.fullmatch(r"\s*(\d{1,6})(?:\s*[x×X]\s*(\d{1,6}))?\s*", size)
        size = (int(match[1]), int(match[2] or match[1])) if match else ()
    elif isinstance(size, int):
        size = (size, size)
    fits = all(isinstance(side, int) and 0 < side <= LARGEST_SIDE for side in size)
    if len(size) != 2 or not fits:
        raise UsageError(
            f"image size {image_size!r} is not known; give HEIGHTxWIDTH such as 28x28, sides from "
            f"1 to {LARGEST_SIDE}."
        )
    return size[0], size[1]
