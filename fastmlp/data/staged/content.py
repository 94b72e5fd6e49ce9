"""Texts of any size as UTF-8 in a file: unpacked and transcoded piece by piece where need be."""

from __future__ import annotations

import codecs
import gzip
import itertools
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fastmlp.data.raw.encoding import (
    GZIP_MAGIC,
    PAGE_STARTS,
    PIECE,
    WIDE_MARKS,
    Content,
    Survey,
    pieces_of,
    refuse_others,
    survey_of,
)
from fastmlp.errors import DataError
from fastmlp.files.atomic import WriteError

from .workspace import Workspace


def stream_content(path: Path, space: Workspace) -> Content:
    """Return a text as ``read_content`` does, its bytes in a file: its own, or one that is made.

    Raises
    ------
    DataError
        If it cannot be read, or is no text.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(PAGE_STARTS[0]))
        refuse_others(start, path)
        held = path
        if start.startswith(GZIP_MAGIC) or path.suffix.lower() == ".gz":
            held = _written(space, _unpacked(path))
            with held.open("rb") as file:
                start = file.read(len(PAGE_STARTS[0]))
        encoding = next((name for mark, name in WIDE_MARKS.items() if start.startswith(mark)), None)
        if encoding is not None:
            held = _written(space, _from_wide(held, encoding, path))
        return _as_utf8(path, held, space)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} cannot be read: {error}.") from None
    except OSError as error:
        if isinstance(error, WriteError):
            raise
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None


def _written(space: Workspace, pieces: Iterator[bytes]) -> Path:
    held = space.place("text").with_suffix(".txt")
    space.append(held, pieces, "the text")
    return held


def _unpacked(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as file:
        while piece := file.read(PIECE):
            yield piece


def _from_wide(held: Path, encoding: str, path: Path) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with held.open("rb") as file:
            while piece := file.read(PIECE):
                yield decoder.decode(piece).encode()
            yield decoder.decode(b"", True).encode()
    except UnicodeError:
        raise DataError(
            f"{path} begins as {encoding.upper()} and is not; save the table as CSV in UTF-8."
        ) from None


def _as_utf8(path: Path, held: Path, space: Workspace) -> Content:
    survey, notes = survey_of(pieces_of(held, None), path), ()
    if survey.foreign is not None:
        line = _line_of(held, survey.foreign)
        held = _written(space, _from_windows(path, held, line))
        survey = replace(survey, size=held.stat().st_size)
        notes = (
            f"{path.name} is not UTF-8, as line {line:,} shows, and was read as Windows-1252.",
        )
    lone = survey.lone_returns
    if lone and not survey.has_quotes:  # inside quotes a return belongs to the field
        whole = pieces_of(held, None)  # of which none ends between a return and its line feed
        fed = (piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n") for piece in whole)
        held, lone = _written(space, fed), False
    return _content(path, held, survey, lone, notes)


def _content(path: Path, held: Path, survey: Survey, lone: bool, notes: tuple[str, ...]) -> Content:
    size = held.stat().st_size
    other = None if held == path else held
    return Content(path, None, size, survey.has_quotes, lone, notes, other)


def _line_of(held: Path, place: int) -> int:
    """Return the line, counted from 1, in which a byte stands."""
    line = 1
    with held.open("rb") as file:
        while place > 0 and (piece := file.read(min(PIECE, place))):
            line += piece.count(b"\n")
            place -= len(piece)
    return line


def _from_windows(path: Path, held: Path, line: int) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("cp1252")()
    with held.open("rb") as file:
        first = file.read(PIECE)
        try:
            if first.startswith(codecs.BOM_UTF8):
                raise UnicodeError("it says that it is UTF-8")
            rest = iter(lambda: file.read(PIECE), b"")
            for piece in itertools.chain([first], rest):
                yield decoder.decode(piece).encode()
        except UnicodeError:
            raise DataError(
                f"{path}, line {line:,} is neither UTF-8 nor Windows-1252; save the table as CSV "
                "in UTF-8."
            ) from None
