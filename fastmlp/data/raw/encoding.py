"""The bytes of a text file as UTF-8: unpacked, without byte order mark, transcoded."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastmlp.data.memory import available_memory, in_units, require_memory
from fastmlp.errors import DataError

PIECE = 4 << 20  # stays in the cache while it is searched
HEAD_BYTES = 1 << 20
LONGEST_HEAD = 64 << 20
LINES_WANTED = 5
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
PAGE_STARTS = (b"<!doctype html", b"<html")
WIDE_MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
              codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Content:
    """A text in UTF-8."""

    path: Path  # the file it came from
    data: bytes | None  # the text's bytes; None where the file itself holds them as they are wanted
    size: int  # how many bytes there are
    # has_quotes, lone_returns: whether there are quotes, and carriage returns without a line feed
    has_quotes: bool
    lone_returns: bool
    notes: tuple[str, ...] = ()  # what the user should know
    held: Path | None = None  # the file that holds the bytes as they are wanted, if it is another

    @property
    def file(self) -> Path:
        """The file that holds the bytes where ``data`` does not."""
        return self.held or self.path

    @property
    def source(self) -> Path | bytes:
        """What polars is to read."""
        return self.file if self.data is None else self.data

    @property
    def last(self) -> bytes:
        """The last byte."""
        if self.data is not None:
            return self.data[-1:]
        with self.file.open("rb") as file:
            file.seek(max(self.size - 1, 0))
            return file.read(1)

    def values(self) -> np.ndarray:
        """Return the bytes as uint8 (size,)."""
        if self.data is None:
            return np.memmap(self.file, np.uint8, "r")
        return np.frombuffer(self.data, np.uint8)

    def open_text(self) -> io.TextIOWrapper:
        """Open the text; line breaks come as they are."""
        raw = self.file.open("rb") if self.data is None else io.BytesIO(self.data)
        return io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")

    def head(self) -> tuple[list[str], bool]:
        """Return the first lines, with their line breaks, and whether they are all."""
        raw = self.file.open("rb") if self.data is None else io.BytesIO(self.data)
        with raw:
            head = raw.read(HEAD_BYTES)
            while len(head) < LONGEST_HEAD and head.count(b"\n") + head.count(b"\r") < LINES_WANTED:
                more = raw.read(len(head))
                if not more:
                    break
                head += more
        complete = len(head) >= self.size
        text = head.decode("utf-8-sig", errors="ignore" if not complete else "strict")
        lines = list(io.StringIO(text, newline=""))
        return (lines, True) if complete or len(lines) < 2 else (lines[:-1], False)


def read_content(path: Path) -> Content:
    """Read a text file, gzipped or not.

    Parameters
    ----------
    path
        The file: UTF-8, UTF-16 or UTF-32 with a byte order mark, or else Windows-1252.

    Raises
    ------
    DataError
        If it cannot be read, is no text, or needs more memory than there is.
    """
    try:
        require_memory(2 * path.stat().st_size, str(path))
        with path.open("rb") as file:
            start = file.read(len(PAGE_STARTS[0]))
        refuse_others(start, path)
        data = None
        if start.startswith(GZIP_MAGIC) or path.suffix.lower() == ".gz":
            data = _unpack(path)
            start = data[: len(PAGE_STARTS[0])]
        data = _from_wide(start, data, path)
        return _as_utf8(path, data)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path} cannot be read: {reason}.") from None


def refuse_others(start: bytes, path: Path) -> None:
    """Raise a DataError for the first bytes of an archive, a workbook or a web page."""
    if start.startswith(ZIP_MAGIC):
        raise DataError(
            f"{path} is a zip archive or a workbook; unpack it, or give a workbook its suffix "
            ".xlsx."
        )
    if start.lower().startswith(PAGE_STARTS):
        raise DataError(f"{path} is a web page, not a table; download the file itself.")


def _unpack(path: Path) -> bytes:
    limit, pieces, size = available_memory() // 4, [], 0
    with gzip.open(path) as file:
        while piece := file.read(PIECE):
            size += len(piece)
            if size > limit:
                raise DataError(
                    f"{path} unpacks to more than {in_units(limit)}, a quarter of the available "
                    "memory."
                )
            pieces.append(piece)
    return b"".join(pieces)


def _from_wide(start: bytes, data: bytes | None, path: Path) -> bytes | None:
    """Return UTF-8 for a text whose byte order mark says UTF-16 or UTF-32; else the text itself."""
    encoding = next((name for mark, name in WIDE_MARKS.items() if start.startswith(mark)), None)
    if encoding is None:
        return data
    require_memory(4 * path.stat().st_size, str(path))
    try:
        return (path.read_bytes() if data is None else data).decode(encoding).encode()
    except UnicodeError:
        raise DataError(
            f"{path} begins as {encoding.upper()} and is not; save the table as CSV in UTF-8."
        ) from None


@dataclass(frozen=True)
class Survey:
    """What one pass over the bytes finds."""

    size: int
    has_quotes: bool  # whether there are quotes
    lone_returns: bool  # whether there are carriage returns without a line feed
    foreign: int | None  # the first place that is not UTF-8


def _as_utf8(path: Path, data: bytes | None) -> Content:
    survey, notes = survey_of(pieces_of(path, data), path), ()
    if survey.foreign is not None:
        data = path.read_bytes() if data is None else data
        line = data.count(b"\n", 0, survey.foreign) + 1
        data = _from_windows(data, line, path)
        notes = (
            f"{path.name} is not UTF-8, as line {line:,} shows, and was read as Windows-1252.",
        )
    lone = survey.lone_returns
    if lone and not survey.has_quotes:  # inside quotes a return belongs to the field
        data = path.read_bytes() if data is None else data
        data, lone = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), False
    size = survey.size if data is None else len(data)
    return Content(path, data, size, survey.has_quotes, lone, notes)


def pieces_of(path: Path, data: bytes | None) -> Iterator[bytes]:
    """Yield the bytes in pieces, none of which ends between a return and its line feed."""
    with path.open("rb") if data is None else io.BytesIO(data) as file:
        while piece := file.read(PIECE):
            yield piece + file.read(1) if piece.endswith(b"\r") else piece


def survey_of(pieces: Iterable[bytes], path: Path) -> Survey:
    """Return what one pass over the pieces of a text finds; a DataError tells that it is none."""
    size, quotes, lone, foreign = 0, False, False, None
    decoder = codecs.getincrementaldecoder("utf-8")()
    for piece in pieces:
        if b"\0" in piece:
            raise DataError(f"{path} is no text, or not in UTF-8; save the table as CSV in UTF-8.")
        pending = len(decoder.getstate()[0])
        if foreign is None and (pending or not piece.isascii()):
            try:
                decoder.decode(piece)
            except UnicodeDecodeError as error:
                foreign = size - pending + error.start
        quotes = quotes or b'"' in piece
        lone = lone or (b"\r" in piece and piece.count(b"\r") != piece.count(b"\r\n"))
        size += len(piece)
    if foreign is None and (pending := len(decoder.getstate()[0])):
        foreign = size - pending
    return Survey(size, quotes, lone, foreign)


def _from_windows(data: bytes, line: int, path: Path) -> bytes:
    require_memory(4 * len(data), str(path))
    if not data.startswith(codecs.BOM_UTF8):
        try:
            return data.decode("cp1252").encode()
        except UnicodeDecodeError:
            pass
    raise DataError(
        f"{path}, line {line:,} is neither UTF-8 nor Windows-1252; save the table as CSV in UTF-8."
    )
