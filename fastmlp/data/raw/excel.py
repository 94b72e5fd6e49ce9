"""Workbooks as raw tables: the first sheet, by fastexcel through polars, from its header on."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from fastmlp.data.memory import require_memory
from fastmlp.data.raw.form.header import header_of
from fastmlp.data.raw.form.layout import Layout
from fastmlp.data.raw.form.names import names_of
from fastmlp.data.raw.form.titles import count_titles, titles_note
from fastmlp.data.source import numbered_names
from fastmlp.errors import DataError, MissingExtraError

from .table import RawTable, Rows
from .workbook import count_cells

if TYPE_CHECKING:
    import polars

BYTES_A_CELL = 64
LARGEST_EXACT = 2**53  # a workbook's numbers are doubles
ROWS_JUDGED = 250


def read_excel(path: Path, layout: Layout) -> RawTable:
    """Read the first sheet of a workbook.

    Parameters
    ----------
    path
        An .xlsx, .xlsm, .xls or .ods file.
    layout
        Whether there is a header.

    Returns
    -------
    RawTable
        Numbers, dates and truth values keep their types; a column of mixed cells is of texts.

    Raises
    ------
    DataError
        If the file is damaged, empty, or needs more memory than there is.
    MissingExtraError
        If fastexcel is not installed.
    """
    if importlib.util.find_spec("fastexcel") is None:
        raise MissingExtraError("reading workbooks", "fastexcel", "excel")
    try:
        require_memory(BYTES_A_CELL * count_cells(path), str(path))
        return _read(path, layout)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
    except BaseException as error:  # fastexcel's errors share no class; a panic is no Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit, MemoryError)):
            raise
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{path} cannot be read as a workbook: {reason}.") from None


def _read(path: Path, layout: Layout) -> RawTable:
    import fastexcel

    # They log what they pass over; without a handler it goes to the terminal.
    for name in ("fastexcel", "calamine"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    workbook = fastexcel.read_excel(path)
    sheets = workbook.sheet_names
    notes = []
    if len(sheets) > 1:
        notes.append(f"of {len(sheets):,} sheets the first, {sheets[0]!r}, is read.")
    head = {"skip_rows": 0, "n_rows": ROWS_JUDGED, "dtypes": "string"}
    texts = workbook.load_sheet(0, header_row=None, **head).to_polars()
    rows = [[cell or "" for cell in row] for row in texts.rows()]
    begin, header, said = _beginning(rows, layout, path)
    whole = {"skip_rows": begin, "schema_sample_rows": None}
    frame = workbook.load_sheet(0, header_row=None, **whole).to_polars()
    names, doubled = (numbered_names(frame.width), ()) if header is None else names_of(header)
    frame.columns = list(names)
    frame = _trimmed(_refined(frame), header)
    if not frame.height or not frame.width:
        raise DataError(f"{path} has no rows; a table needs at least one row and one column.")
    return RawTable(frame, (*notes, *said, *doubled), None, header is not None, Rows(begin + 1))


def _beginning(
    rows: list[list[str]], layout: Layout, path: Path
) -> tuple[int, list[str] | None, tuple[str, ...]]:
    """Return the number of the first row of values, the header if there is one, and a note."""
    wanted = layout.header
    places = [place for place, row in enumerate(rows) if any(cell.strip() for cell in row)]
    if not places:
        raise DataError(f"{path} is empty; a table needs a header and rows.")
    filled = places[0]
    titles = count_titles(rows[filled:], len(rows[filled])) if wanted is not False else 0
    start = filled + titles
    verdict = header_of(rows[start], rows[start + 1 :], layout)
    notes = titles_note(titles, rows[filled], "row") + ((verdict.note,) if verdict.note else ())
    return (start + 1, rows[start], notes) if verdict.has_header else (start, None, notes)


def _refined(frame: polars.DataFrame) -> polars.DataFrame:
    """Return a sheet with whole numbers as Int64 and days as Date; workbooks store doubles."""
    import polars

    def refined(series: polars.Series) -> polars.Series:
        if series.null_count() == len(series):
            return series
        if series.dtype.is_float() and series.is_finite().all():
            is_exact = (series.abs() <= LARGEST_EXACT).all()
            is_whole = is_exact and (series == series.floor()).all()
            return series.cast(polars.Int64) if is_whole else series
        if series.dtype == polars.Datetime and (series == series.dt.truncate("1d")).all():
            return series.cast(polars.Date)
        return series

    return frame.with_columns(map(refined, frame))


def _trimmed(frame: polars.DataFrame, header: list[str] | None) -> polars.DataFrame:
    """Return a sheet without empty rows at its end and without empty columns that have no name."""
    import polars

    empty = frame.select(polars.all_horizontal(polars.all().is_null())).to_series()
    filled = (~empty).arg_true()
    frame = frame.head(filled[-1] + 1 if len(filled) else 0)
    pairs = zip(frame.columns, header or [], strict=False)
    unnamed = [name for name, cell in pairs if not cell.strip()]
    return frame.drop(name for name in unnamed if frame[name].null_count() == frame.height)
