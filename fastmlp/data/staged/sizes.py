"""About how much memory a table would take, asked before any of it is read."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

from fastmlp.data.pictures.decoding import decoding, read_header
from fastmlp.data.raw.arrow import guarded, row_bytes
from fastmlp.data.raw.encoding import GZIP_MAGIC
from fastmlp.data.raw.suffixes import format_of
from fastmlp.errors import DataError

from .files import scan

HEAD_BYTES = 1 << 20
CELL_BYTES = 16  # a text's place beside its letters
SEPARATORS = b",;\t|\n"
PICTURE_COPIES = 2  # all of them, and as the rows of the splits
COPIES = 3  # as it came, as it was read, and as the rows of the splits or the encoded matrix


def memory_of(paths: list[Path]) -> int:
    """Return about how many bytes reading tables whole takes, none of which is a workbook.

    Judged by the beginning of texts, and by rows at the beginning and the end of Parquet and Arrow
    files, whose number of rows is known.
    """
    total = 0.0
    for path in paths:
        total += _of_text(path) if format_of(path) == "text" else guarded(path, _of_arrow)
    return int(COPIES * total)


def memory_of_pictures(paths: list[Path], size: tuple[int, int] | None, colour: bool) -> int:
    """Return about how many bytes pictures take, in the size that they are brought to or have."""
    if not paths:
        return 0
    try:
        with decoding():
            height, width = size or read_header(paths[0], is_exact=False).size
    except DataError:
        return 0  # which is told when it is read
    return PICTURE_COPIES * len(paths) * height * width * (3 if colour else 1)


def _of_arrow(path: Path) -> float:
    import polars

    lazy = scan(path)
    rows = lazy.select(polars.len()).collect().item()
    return rows * row_bytes(lazy, rows)


def _of_text(path: Path) -> float:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        taken = len(head)
        if head.startswith(GZIP_MAGIC):
            file.seek(0)
            head, taken = _unpacked(file.fileno())
    if not taken:
        return 0.0
    cells = max(head.count(bytes([mark])) for mark in SEPARATORS) + head.count(b"\n")
    return size / taken * (len(head) + CELL_BYTES * cells)


def _unpacked(descriptor: int) -> tuple[bytes, int]:
    """Return the beginning of a packed text, and about how many packed bytes it took."""
    with os.fdopen(os.dup(descriptor), "rb") as raw:
        raw.seek(0)
        try:
            with gzip.GzipFile(fileobj=raw) as file:
                head = file.read(4 * HEAD_BYTES)
        except (OSError, EOFError, zlib.error):
            return b"", 0  # which is told when it is read
        return head, max(raw.tell(), 1)
