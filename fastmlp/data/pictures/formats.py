"""Which files are pictures: the suffixes, in either case, of formats that Pillow decodes itself."""

from __future__ import annotations

from functools import cache
from pathlib import Path

# EPS starts Ghostscript, IPTC opens what it holds in any format; MPEG is a film; the others await
# another program.
NOT_READ = ("BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "WMF")
READ_AS = {"MPO": "JPEG"}  # whose reader opens such files too
COMMON = ".png .jpg .bmp .gif .webp .tif"  # for messages


@cache
def suffixes() -> frozenset[str]:
    """Return the suffixes of pictures, in small letters."""
    import PIL.Image

    known = PIL.Image.registered_extensions()  # imports every reader of Pillow
    return frozenset(
        suffix.lower() for suffix, name in known.items() if READ_AS.get(name, name) in formats()
    )


@cache
def formats() -> tuple[str, ...]:
    """Return the names of the formats that are read, in the order in which Pillow tries them."""
    import PIL.Image

    named = set(PIL.Image.registered_extensions().values())
    read = named.intersection(PIL.Image.OPEN).difference(NOT_READ)
    return tuple(name for name in PIL.Image.ID if name in read)


def is_image_name(path: Path) -> bool:
    """Return whether a file is a picture by its name."""
    return path.suffix.lower() in suffixes()
