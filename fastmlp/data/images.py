"""Folders of pictures, one sub-folder a class, read as rows of bytes."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastmlp.data.memory import require_memory
from fastmlp.data.source import Source
from fastmlp.errors import DataError, UsageError

if TYPE_CHECKING:
    import PIL.Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
TEST_FOLDERS = ("test", "val", "validation")
LARGEST_SIDE = 16_384
ORIENTATION_TAG = 0x0112
SIDEWAYS = (5, 6, 7, 8)  # values of the tag by which a camera says that it lay on its side


def is_image_name(path: Path) -> bool:
    """Tell from its name whether a file is a picture."""
    return path.suffix.lower() in SUFFIXES


def load_images(
    path: Path,
    image_size: str | int | tuple[int, int] | None = None,
    colour: bool = False,
    need_target: bool = True,
) -> Source:
    """Read a folder of pictures: one sub-folder a class, maybe under ``train`` and ``test``.

    Parameters
    ----------
    path
        The folder. Without ``need_target`` also a folder of pictures alone, or one picture.
    image_size
        Size to bring all pictures to: "HxW", (height, width) or the side of a square. Without it all must be alike.
    colour
        Whether to keep red, green and blue; otherwise pictures become gray.
    need_target
        Whether classes are needed.

    Returns
    -------
    Source
        uint8 (pictures, height × width [× 3]); the target is the sub-folders' names.

    Raises
    ------
    DataError
        If there are no pictures, fewer than two classes, sizes that differ, a damaged picture, or too little memory.
    UsageError
        If ``image_size`` is not a size.
    """
    size = _parse_size(image_size)
    train, test, notes = (path / "train"), None, ()
    held_out = [path / name for name in TEST_FOLDERS if (path / name).is_dir()]
    if need_target and train.is_dir() and held_out and _classes_in(train):
        source = _load_classes(path.name, train, size, colour)
        test = _load_classes(f"{path.name} test", held_out[0], size or source.image_shape[:2], colour)
        notes = tuple(f"the folder {unused.name!r} is not used." for unused in held_out[1:])
        return _with(source, test, notes)
    if path.is_dir() and _classes_in(path):
        return _load_classes(path.name, path, size, colour)
    files = [path] if path.is_file() else _files_in(path)
    if need_target or not files:
        wanted = "one sub-folder of pictures a class" if need_target else "pictures"
        raise DataError(f"{path} holds no images as wanted: {wanted} ({' '.join(SUFFIXES)}).")
    return _source(path.name, files, None, size, colour, root=path if path.is_dir() else path.parent)


def _with(source: Source, test: Source, notes: tuple[str, ...]) -> Source:
    return replace(source, test=test, notes=source.notes + notes)


def _load_classes(name: str, folder: Path, size: tuple[int, int] | None, colour: bool) -> Source:
    classes = _classes_in(folder)
    files = [file for each in classes for file in each[1]]
    labels = np.array([each.name for each, pictures in classes for _ in pictures], dtype=str)
    return _source(name, files, labels, size, colour, root=folder)


def _source(
    name: str, files: list[Path], labels: np.ndarray | None, size: tuple[int, int] | None, colour: bool, root: Path
) -> Source:
    channels = 3 if colour else 1
    with _decoding():
        height, width = size or _common_size(files)
        require_memory(len(files) * height * width * channels, f"{root} as {len(files):,} images of {height}×{width}")
        rows = np.empty((len(files), height * width * channels), np.uint8)

        def read(index):
            rows[index] = _read(files[index], (height, width), colour)

        # Pillow decodes outside the interpreter's lock.
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            for _ in pool.map(read, range(len(files))):
                pass
    return Source(
        name=name,
        features=rows,
        target=labels,
        target_name=None if labels is None else "label",
        image_shape=(height, width, 3) if colour else (height, width),
        row_names=tuple(str(file.relative_to(root)) for file in files),
    )


def _classes_in(folder: Path) -> list[tuple[Path, list[Path]]]:
    """Return the sub-folders that hold pictures, with their pictures, all in order of name."""
    if not folder.is_dir():
        return []
    folders = sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
    return [(each, files) for each in folders if (files := _files_in(each))]


def _files_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        file for file in folder.iterdir() if is_image_name(file) and not file.name.startswith(".") and file.is_file()
    )


def _common_size(files: list[Path]) -> tuple[int, int]:
    first = None
    for file in files:
        size = _size_of(file)
        first = first or size
        if size != first:
            raise DataError(
                f"images differ in size: {files[0]} is {first[0]}×{first[1]}, {file} is {size[0]}×{size[1]} "
                f"(height×width); give --image-size, such as {first[0]}x{first[1]}."
            )
    return first


def _size_of(file: Path) -> tuple[int, int]:
    import PIL.Image

    with _damage_named(file), PIL.Image.open(file) as image:
        sideways = image.getexif().get(ORIENTATION_TAG) in SIDEWAYS
        return (image.width, image.height) if sideways else (image.height, image.width)


def _read(file: Path, size: tuple[int, int], colour: bool) -> np.ndarray:
    import PIL.Image
    import PIL.ImageOps

    with _damage_named(file), PIL.Image.open(file) as opened:
        image = PIL.ImageOps.exif_transpose(opened)
        if image.mode.startswith("I"):
            image = _from_sixteen_bits(image)
        elif image.mode == "F":
            raise DataError(f"{file} holds floating-point pixels; save it with 8 bits a channel.")
        image = image.convert("RGB" if colour else "L")
        if image.size != (size[1], size[0]):
            image = image.resize((size[1], size[0]), PIL.Image.Resampling.BILINEAR)
        return np.asarray(image).reshape(-1)


def _from_sixteen_bits(image: PIL.Image.Image) -> PIL.Image.Image:
    """Bring 0..65535 to 0..255: Pillow would cut everything above 255 off."""
    import PIL.Image

    return PIL.Image.fromarray((np.clip(np.asarray(image), 0, 65535) // 257).astype(np.uint8))


@contextlib.contextmanager
def _decoding() -> Iterator[None]:
    """Treat Pillow's warning of a decompression bomb as the error, for all threads at once; hush its other warnings."""
    import PIL.Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
        yield


@contextlib.contextmanager
def _damage_named(file: Path) -> Iterator[None]:
    """Turn whatever a damaged picture makes Pillow raise into a DataError with the file's path."""
    import PIL.Image

    try:
        yield
    except DataError:
        raise
    except (PIL.Image.DecompressionBombWarning, PIL.Image.DecompressionBombError):
        raise DataError(
            f"{file} claims more pixels than are safe to decode; make it smaller or leave it out."
        ) from None
    except Exception as error:  # Pillow's readers raise OSError, SyntaxError, ValueError, struct.error …
        reason = getattr(error, "strerror", None) or "it is damaged or no image of its kind"
        raise DataError(f"{file} cannot be read: {reason}.") from None


def _parse_size(image_size: str | int | tuple[int, int] | None) -> tuple[int, int] | None:
    if image_size is None:
        return None
    size = image_size
    if isinstance(size, str) and (match := re.fullmatch(r"\s*(\d{1,6})(?:\s*[x×X]\s*(\d{1,6}))?\s*", size)):
        size = (int(match[1]), int(match[2] or match[1]))
    elif isinstance(size, int):
        size = (size, size)
    whole = not isinstance(size, str) and len(size) == 2 and all(isinstance(side, int) for side in size)
    if not whole or not all(0 < side <= LARGEST_SIDE for side in size):
        raise UsageError(
            f"image size {image_size!r} is not known; give HEIGHTxWIDTH such as 28x28, sides from 1 to {LARGEST_SIDE}."
        )
    return tuple(size)
