"""The IDX format of MNIST and its relatives: a big-endian header, then the values."""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from fastmlp.data.memory import require_memory
from fastmlp.errors import DataError

VALUE_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAXIMUM_DIMENSIONS = 4
GZIP_MAGIC = b"\x1f\x8b"
# Deflate cannot pack more than 1,032 bytes into one: a header that promises more lies, and no
# memory is taken.
DEFLATE_LIMIT = 1032
READ_BYTES = 1 << 20
IDX_NAME = re.compile(r"[-.]idx[1-4]?([-.]ubyte)?(\.gz)?$|-ubyte(\.gz)?$")


def is_idx_name(path: Path) -> bool:
    """Return whether a file is named as IDX files are, like ``train-images-idx3-ubyte.gz``."""
    return IDX_NAME.search(path.name) is not None


def read_idx(path: str | Path) -> np.ndarray:
    """Read an IDX file, gzipped or not.

    Parameters
    ----------
    path
        The file; whether it is gzipped is seen from its first bytes.

    Returns
    -------
    numpy.ndarray
        One to four dimensions, as the header says, of uint8, int8, int16, int32, float32 or
        float64.

    Raises
    ------
    DataError
        If the file cannot be read, is not IDX, or is shorter or longer than its header says.
    """
    path = Path(path)
    try:
        stored_size = path.stat().st_size
        with path.open("rb") as raw:
            zipped = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            if not zipped:
                return _read_values(raw, path, limit=stored_size)
            with gzip.GzipFile(fileobj=raw) as unzipped:
                return _read_values(unzipped, path, limit=stored_size * DEFLATE_LIMIT)
    except (OSError, EOFError, zlib.error) as error:  # gzip.BadGzipFile is an OSError
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(f"{path} cannot be read: {reason}. Give a whole IDX file.") from None


def _read_values(file: BufferedIOBase, path: Path, limit: int) -> np.ndarray:
    value_type, shape, header_size = _read_header(file, path)
    size = math.prod(shape) * value_type.itemsize
    if header_size + size > limit:
        raise DataError(
            f"{path} is too short for the {' × '.join(map(str, shape))} values that its header "
            "promises."
        )
    require_memory(size, str(path))
    values = np.empty(size, np.uint8)
    filled = 0
    while filled < size:
        count = file.readinto(values.data[filled : filled + READ_BYTES])
        if not count:
            raise DataError(
                f"{path} ends after {filled:,} of {size:,} bytes of values; it is truncated."
            )
        filled += count
    if file.read(1):
        raise DataError(
            f"{path} is longer than the {' × '.join(map(str, shape))} values that its header "
            "promises."
        )
    values = values.view(value_type).reshape(shape)
    return values if value_type.isnative else values.astype(value_type.newbyteorder("="))


def _read_header(file: BufferedIOBase, path: Path) -> tuple[np.dtype, tuple[int, ...], int]:
    magic = file.read(4)
    known = len(magic) == 4 and magic[:2] == b"\0\0" and magic[2] in VALUE_TYPES
    if not known or not 1 <= magic[3] <= MAXIMUM_DIMENSIONS:
        raise DataError(f"{path} is not an IDX file: it begins with {magic.hex(' ') or 'nothing'}.")
    dimensions = magic[3]
    sizes = file.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise DataError(f"{path} ends inside its header; it is truncated.")
    return np.dtype(VALUE_TYPES[magic[2]]), struct.unpack(f">{dimensions}I", sizes), 4 + len(sizes)
