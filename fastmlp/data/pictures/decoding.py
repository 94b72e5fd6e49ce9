"""Opens pictures without trust: headers, pixels as bytes, and errors that name the file."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastmlp.errors import DataError

from .formats import formats
from .reading import SIXTEEN_BITS, PictureReading, to_bytes

if TYPE_CHECKING:
    import PIL.Image
    import PIL.ImageFile

ORIENTATION_TAG = 0x0112
SIDEWAYS = (5, 6, 7, 8)  # values of the tag by which a camera says that it lay on its side
# In a JPEG the second is often a mere aid.
OF_FRAMES = ("AVIF", "DCX", "FLI", "GIF", "IM", "PNG", "TIFF", "WEBP")


class Kind(Enum):
    """What a picture's pixels are, as far as its header tells."""

    OPAQUE = "opaque"
    TRANSPARENT = "transparent"
    INTEGERS = "integers"
    FLOATS = "floats"


@dataclass(frozen=True)
class Header:
    """What is known of a picture before its pixels are decoded."""

    size: tuple[int, int]  # (height, width) as it is shown, turned as the camera was held
    kind: Kind  # of its pixels
    has_frames: bool  # whether more pictures follow in the file
    is_cut: bool  # whether it holds 16 bits a colour, of which Pillow gives the upper 8


def read_header(file: Path, is_exact: bool = True) -> Header:
    """Return what is known of a picture without its pixels; a DataError names a damaged file.

    Not ``is_exact``, the end of a PNG, where the camera's position may stand behind the pixels, is
    not looked at: for that Pillow decodes all of it.
    """
    with opened(file) as image:
        kind = _kind(image)
        is_shown = kind in (Kind.OPAQUE, Kind.TRANSPARENT)
        is_cut = is_shown and any(";16" in str(tile[3]) for tile in image.tile or ())
        has_frames = _has_frames(image)
        is_exact = is_exact or image.format != "PNG" or "exif" in image.info
        return Header(
            _size(image) if is_exact else (image.height, image.width), kind, has_frames, is_cut
        )


def read_bytes(
    file: Path, size: tuple[int, int], colour: bool, reading: PictureReading
) -> np.ndarray:
    """Return uint8 (height · width [· 3],) pixels in a size, by what was decided in training."""
    import PIL.Image

    with opened(file) as image:
        upright = turned(image)
        kind = _kind(image)
        if kind in (Kind.INTEGERS, Kind.FLOATS):
            shown = PIL.Image.fromarray(to_bytes(np.asarray(upright), *_range(file, kind, reading)))
        elif kind is Kind.TRANSPARENT and reading.ground is not None:
            shown = on_ground(with_alpha(upright), reading.ground)
        else:
            shown = upright
        shown = _converted(shown, "RGB" if colour else "L")
        if shown.size != (size[1], size[0]):
            shown = shown.resize((size[1], size[0]), PIL.Image.Resampling.BILINEAR)
        return np.asarray(shown).reshape(-1)


@contextlib.contextmanager
def opened(file: Path) -> Iterator[PIL.ImageFile.ImageFile]:
    """Open a picture in an accepted format; whatever Pillow raises becomes a DataError."""
    import PIL.Image

    try:
        # By its name Pillow would map an uncompressed file into memory: Pillow 12 and 13 then mix
        # up the sides of a TIFF that was taken sideways, and a file that is cut short meanwhile
        # would end the process.
        with file.open("rb") as content, PIL.Image.open(content, formats=formats()) as image:
            yield image
    except DataError:
        raise
    except (PIL.Image.DecompressionBombWarning, PIL.Image.DecompressionBombError):
        raise DataError(
            f"{file} claims more pixels than are safe to decode; make it smaller or leave it out."
        ) from None
    except Exception as error:  # Pillow's readers raise OSError, SyntaxError, struct.error …
        reason = getattr(error, "strerror", None) or "it is damaged or no image of its kind"
        raise DataError(f"{file} cannot be read: {reason}.") from None


@contextlib.contextmanager
def decoding() -> Iterator[None]:
    """Treat Pillow's decompression-bomb warning as an error in all threads; hush the others."""
    import PIL.Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
        yield


def turned(image: PIL.Image.Image) -> PIL.Image.Image:
    """Return the first picture of an opened file, turned as the camera was held."""
    import PIL.ImageOps

    return PIL.ImageOps.exif_transpose(image)


def with_alpha(image: PIL.Image.Image) -> PIL.Image.Image:
    """Return a picture as RGBA, whatever form its transparency has."""
    if image.mode == "La":
        image = image.convert("LA")
    return image.convert("RGBA")


def on_ground(image: PIL.Image.Image, ground: int) -> PIL.Image.Image:
    """Lay an RGBA picture over a gray level; return RGB."""
    import PIL.Image

    below = PIL.Image.new("RGBA", image.size, (ground, ground, ground, 255))
    below.alpha_composite(image)
    return below.convert("RGB")


def _size(image: PIL.Image.Image) -> tuple[int, int]:
    width, height = image.size
    # Of a TIFF some versions of Pillow give the turned size from the start.
    tags = getattr(image, "tag_v2", None) if image.format == "TIFF" else None
    stored = image.size if tags is None else (tags[256], tags[257])
    sideways = image.size == stored and image.getexif().get(ORIENTATION_TAG) in SIDEWAYS
    return (width, height) if sideways else (height, width)


def _kind(image: PIL.Image.Image) -> Kind:
    if image.mode.startswith("I"):
        return Kind.INTEGERS
    if image.mode == "F":
        return Kind.FLOATS
    return Kind.TRANSPARENT if image.has_transparency_data else Kind.OPAQUE


def _has_frames(image: PIL.Image.Image) -> bool:
    try:
        return image.format in OF_FRAMES and bool(getattr(image, "is_animated", False))
    except Exception:  # what follows the first picture is damaged, and not read
        return True
    finally:
        image.seek(0)


def _range(file: Path, kind: Kind, reading: PictureReading) -> tuple[float, float]:
    if kind is Kind.INTEGERS:
        return reading.integers or SIXTEEN_BITS
    if reading.floats is None:
        raise DataError(
            f"{file} holds floating-point pixels, and no training picture did; save it with 8 bits "
            "a channel."
        )
    return reading.floats


def _converted(image: PIL.Image.Image, mode: str) -> PIL.Image.Image:
    if image.mode == "LAB":
        import PIL.ImageCms

        profiles = PIL.ImageCms.createProfile("LAB"), PIL.ImageCms.createProfile("sRGB")
        changed = PIL.ImageCms.profileToProfile(image, *profiles, outputMode="RGB")
        assert changed is not None  # as it was not changed in place
        image = changed
    return image.convert(mode)
