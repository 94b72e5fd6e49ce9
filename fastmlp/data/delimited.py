"""CSV and its relatives as polars frames: separator and header found out, ragged rows refused, blanks trimmed."""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from fastmlp.data.memory import available_memory, in_units, require_memory
from fastmlp.data.source import numbered_names
from fastmlp.errors import DataError

if TYPE_CHECKING:
    import polars

NULL_SPELLINGS = ("", "NA", "N/A", "nan", "NaN", "null", "NULL", "None", "?")
SEPARATORS = (",", ";", "\t", "|")
FIRST_ROWS = 1000
HEAD_BYTES = 1 << 20
READ_BYTES = 1 << 20


def read_delimited(path: Path, text_columns: tuple[str, ...] = ()) -> tuple[polars.DataFrame, tuple[str, ...]]:
    """Read a file of delimited text, gzipped or not.

    Parameters
    ----------
    path
        The file; a name that ends in .tsv has tabs, otherwise the separator of the first line counts.
    text_columns
        Columns whose values are texts even where they look like numbers.

    Returns
    -------
    frame, notes
        The rows with types inferred from all of them; what the user should know of the reading.

    Raises
    ------
    DataError
        If the file is empty, not UTF-8, holds rows of different lengths, or more than memory can take.
    """
    data = _content(path)
    head = _head(data, path)
    separator = "\t" if ".tsv" in path.suffixes else _separator_of(head)
    names = _first_row(head, separator, path)
    has_header = not all(_is_number(name) for name in names)
    if not has_header:
        names = list(numbered_names(len(names)))
    frame = _parse(path, data, separator, has_header, names, text_columns)
    if frame.width != len(names):
        raise DataError(f"{path} has {len(names):,} fields in its first row and {frame.width:,} in another.")
    _check_row_lengths(frame, data, separator, path)

    notes = []
    if not has_header:
        notes.append(
            "the first row is all numbers, so the table has no header; its columns are called column_1 and so on."
        )
    if has_header and len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        notes.append(
            f"several columns are called {twice!r}; the later ones are read as {twice + '_duplicated_0'!r} and so on."
        )
    frame, blank = _without_blank_rows(frame)
    if blank:
        notes.append(f"{blank:,} blank rows were left out.")
    frame = frame.rename({name: name.strip() for name in frame.columns} if _can_strip(frame.columns) else {})
    return frame.with_columns(_tidied(series, series.name in text_columns) for series in frame), tuple(notes)


def _parse(
    path: Path, data: Path | bytes, separator: str, has_header: bool, names: list[str], text_columns: tuple[str, ...]
) -> polars.DataFrame:
    """Read with the types of the first rows, which is ten times as fast; if these do not fit the rest, with those of all.

    A date that is written in two ways in one column fails in both; then dates stay texts.
    """
    import polars

    reason = ""
    for rows_for_types, dates in ((FIRST_ROWS, True), (None, True), (None, False)):
        try:
            frame = polars.read_csv(
                data,
                separator=separator,
                has_header=has_header,
                new_columns=None if has_header else names,
                null_values=list(NULL_SPELLINGS),
                infer_schema_length=rows_for_types,
                try_parse_dates=dates,
                glob=False,
                schema_overrides={name: polars.String for name in text_columns if name in names},
            )
        except polars.exceptions.PolarsError as error:
            reason = str(error).splitlines()[0]
            continue
        if rows_for_types is None or not _typed_by_gaps(frame, rows_for_types):
            return frame
    ragged = "found more fields" in reason or "number of columns" in reason
    remedy = "every row needs as many fields as the first" if ragged else "give a table as UTF-8 text"
    raise DataError(f"{path} cannot be read as a table: {reason}; {remedy}.")


def _typed_by_gaps(frame: polars.DataFrame, rows_for_types: int) -> bool:
    """Tell whether a column became text only because its first rows have no value."""
    import polars

    texts = [series for series in frame if series.dtype == polars.String]
    return any(
        series.null_count() < len(series) and series.head(rows_for_types).null_count() == rows_for_types
        for series in texts
    )


def _content(path: Path) -> Path | bytes:
    """Return what polars is to read: the file, or its unpacked bytes, after asking whether memory takes the frame."""
    try:
        if path.suffix != ".gz":
            require_memory(2 * path.stat().st_size, str(path))
            return path
        limit, pieces, size = available_memory() // 4, [], 0
        with gzip.open(path) as file:
            while piece := file.read(READ_BYTES):
                size += len(piece)
                if size > limit:
                    raise DataError(
                        f"{path} unpacks to more than {in_units(limit)}, a quarter of the available memory."
                    )
                pieces.append(piece)
        return b"".join(pieces)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path} cannot be read: {reason}.") from None


def _open_text(data: Path | bytes) -> io.TextIOBase:
    raw = io.BytesIO(data) if isinstance(data, bytes) else data.open("rb")
    return io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="")


def _head(data: Path | bytes, path: Path) -> str:
    with _open_text(data) as file:
        head = file.read(HEAD_BYTES)
    if "\0" in head:
        raise DataError(f"{path} is no text, or not in UTF-8; save the table as CSV in UTF-8.")
    if not head.strip():
        raise DataError(f"{path} is empty; a table needs a header and rows.")
    return head.lstrip("\r\n")


def _separator_of(head: str) -> str:
    """Return the separator that the first line has most of outside quotes; a comma where it has none."""
    bare = re.sub(r'"[^"]*"', "", head).splitlines()[0]
    return max(SEPARATORS, key=bare.count)


def _first_row(head: str, separator: str, path: Path) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(head, newline=""), delimiter=separator))
    except (csv.Error, StopIteration) as error:
        raise DataError(f"{path} cannot be read as a table: {error}.") from None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _check_row_lengths(frame: polars.DataFrame, data: Path | bytes, separator: str, path: Path) -> None:
    """Refuse rows that are too short, which polars fills up silently; they show as gaps in the last column."""
    if frame.width < 2 or not frame.height or not frame.to_series(frame.width - 1).null_count():
        return
    with _open_text(data) as file:
        reader = csv.reader(file, delimiter=separator)
        try:
            for fields in reader:
                if fields and len(fields) != frame.width:
                    raise DataError(
                        f"{path}, line {reader.line_num:,} has {len(fields):,} fields, the table {frame.width:,} "
                        "columns; every row needs as many."
                    )
        except csv.Error as error:
            raise DataError(f"{path}, line {reader.line_num:,} cannot be read: {error}.") from None


def _without_blank_rows(frame: polars.DataFrame) -> tuple[polars.DataFrame, int]:
    """Leave out rows without any value; in a table of one column such a row is a missing value and stays."""
    import polars

    if frame.width < 2:
        return frame, 0
    kept = frame.filter(~polars.all_horizontal(polars.all().is_null()))
    return kept, frame.height - kept.height


def _can_strip(names: list[str]) -> bool:
    return len({name.strip() for name in names}) == len(names)


def _tidied(series: polars.Series, keep_text: bool) -> polars.Series:
    """Trim texts, as in ``1, 2, red``; a column whose texts were numbers or gaps but for the blanks becomes numbers."""
    import polars

    if series.dtype != polars.String:
        return series
    trimmed = series.str.strip_chars()
    if trimmed.equals(series):
        return series
    trimmed = polars.select(
        polars.when(~trimmed.is_in(list(NULL_SPELLINGS))).then(trimmed).alias(series.name)
    ).to_series()
    if keep_text:
        return trimmed
    for dtype in (polars.Int64, polars.Float64):
        numbers = trimmed.cast(dtype, strict=False)
        if numbers.null_count() == trimmed.null_count():
            return numbers
    return trimmed
