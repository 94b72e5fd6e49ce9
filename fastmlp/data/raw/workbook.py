"""The cells that a workbook makes a reader allocate: one in the last corner means 17 billion."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path

from fastmlp.data.memory import require_memory
from fastmlp.errors import DataError

READ_BYTES = 1 << 20
REFERENCE = re.compile(rb"""\br\s*=\s*["']\$?([A-Za-z]{1,3})\$?(\d+)["']""")
ROW_NUMBER = re.compile(rb"""<(?:\w+:)?row\b[^>]*?\sr\s*=\s*["'](\d+)["']""")
ROW, CELL = re.compile(rb"<(?:\w+:)?row\b"), re.compile(rb"<(?:\w+:)?c\b")
OPEN_TABLE = re.compile(rb"<table:table[\s>]")
OPEN_ITEM = re.compile(rb"<table:(table-row|table-cell|covered-table-cell)\b([^>]*)>")
REPEATED = re.compile(rb"""number-(?:rows|columns)-repeated\s*=\s*["'](\d+)["']""")
LARGEST_XLS = 65_536 * 256
# What zipfile raises; a RuntimeError too, of which NotImplementedError is one.
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)


def count_cells(path: Path) -> int:
    """Return at least as many cells as a reader of the workbook's largest sheet allocates.

    Parameters
    ----------
    path
        The workbook.

    Raises
    ------
    DataError
        If it is no zip archive, damaged, or unpacks to more than memory can take.
    """
    suffix = path.suffix.lower()
    if suffix == ".xls":
        return min(LARGEST_XLS, path.stat().st_size)  # its cells are stored one by one
    try:
        with zipfile.ZipFile(path) as archive:
            require_memory(2 * sum(member.file_size for member in archive.infolist()), str(path))
            sheets = [each for each in archive.infolist() if _is_sheet(each.filename, suffix)]
            count = _count_opened if suffix == ".ods" else _count_referred
            counts = [count(_unpacked(archive, sheet, path)) for sheet in sheets]
    except DataError:
        raise
    except DAMAGED as error:
        raise DataError(f"{path} cannot be read as a workbook: {error}.") from None
    return max(counts, default=0)


def _is_sheet(name: str, suffix: str) -> bool:
    if suffix == ".ods":
        return name == "content.xml"
    return "sheet" in name.lower() and name.lower().endswith(".xml")


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> bytes:
    pieces, size = [], 0
    with archive.open(member) as file:
        while piece := file.read(READ_BYTES):
            pieces.append(piece)
            size += len(piece)
            if size > member.file_size:
                raise DataError(
                    f"{path} cannot be read as a workbook: {member.filename} is longer than it "
                    "says."
                )
    return b"".join(pieces)


def _count_referred(sheet: bytes) -> int:
    """Return rows × columns of a sheet of .xlsx; cells and rows may do without their references."""
    rows, columns, letters = len(ROW.findall(sheet)), 0, set()
    for letter, number in REFERENCE.findall(sheet):
        letters.add(letter)
        rows = max(rows, int(number))
    rows = max(rows, *map(int, ROW_NUMBER.findall(sheet)), 0)
    columns = max(map(_column, letters), default=0)
    longest = max((len(CELL.findall(row)) for row in ROW.split(sheet)[1:]), default=0)
    return rows * max(columns, longest)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = 26 * number + letter - ord("A") + 1
    return number


def _count_opened(content: bytes) -> int:
    """Return rows × columns up to the last value of the largest sheet of an .ods file."""
    largest = 0
    for sheet in OPEN_TABLE.split(content)[1:]:
        row = column = rows = columns = repeats = 0
        for kind, attributes in OPEN_ITEM.findall(sheet):
            times = int(found[1]) if (found := REPEATED.search(attributes)) else 1
            if kind == b"table-row":
                row, column, repeats = row + repeats, 0, times
                continue
            column += times
            if b"value-type" in attributes:
                rows, columns = max(rows, row + repeats), max(columns, column)
        largest = max(largest, rows * columns)
    return largest
