"""Workbooks as raw tables."""

import datetime
import importlib.util
import logging
import zipfile

import numpy as np
import polars as pl
import pytest
from oracles.workbooks import SHEET, column_letters, sheet_of, write_workbook

from fastmlp.data import memory
from fastmlp.data.raw.form.layout import Layout
from fastmlp.data.raw.read import read_table
from fastmlp.data.raw.workbook import count_cells
from fastmlp.errors import DataError, MissingExtraError

DAY = datetime.date(2020, 1, 31)
ROWS = [
    ["n", "x", "what", "day", "flag", "mixed", "empty"],
    [1, 0.5, "red", DAY, True, 5, None],
    [2, 1.5, None, DAY, False, "five", None],
    [None, 2, " blue ", None, True, 5.5, None],
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "t.xlsx"


@pytest.mark.parametrize("suffix", [".xlsx", ".xlsm", ".XLSX"])
def test_types_stay(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    write_workbook(path, ROWS)
    table = read_table(path)
    assert table.frame.columns == ROWS[0]
    assert table.frame.dtypes[:6] == [
        pl.Int64,
        pl.Float64,
        pl.String,
        pl.Date,
        pl.Boolean,
        pl.String,
    ]
    expected = [
        (1, 0.5, "red", DAY, True, "5", None),
        (2, 1.5, None, DAY, False, "five", None),
        (None, 2.0, " blue ", None, True, "5.5", None),
    ]
    assert table.frame.rows() == expected
    assert (table.notes, table.separator, table.has_header) == ((), None, True)
    assert [table.line_of(row) for row in (0, 2)] == ["row 2", "row 4"]


@pytest.mark.parametrize("corner", [(0, 0), (3, 2)])
@pytest.mark.parametrize("titles", [[], [["Measured in May"]], [["Measured in May"], []]])
def test_where_the_table_begins(path, corner, titles):
    write_workbook(path, sheet_of(titles + ROWS, corner))
    table = read_table(path)
    assert table.frame.columns == ROWS[0]
    assert table.frame.height == 3
    assert table.line_of(0) == f"row {2 + corner[0] + len(titles)}"
    assert bool(table.notes) == bool(titles)


def test_without_a_header(path):
    write_workbook(path, [[5.1, 3.5, "oak"], [4.9, 3, "elm"], [5, 3, "oak"]])
    table = read_table(path)
    assert table.frame.columns == ["column_1", "column_2", "column_3"]
    assert (table.frame.height, table.line_of(0)) == (3, "row 1")
    assert any("no header" in note for note in table.notes)
    assert read_table(path, Layout(header=True)).frame.columns == ["5.1", "3.5", "oak"]
    write_workbook(path, [["a", 2019, 2020], ["u", 1.5, 2], ["v", 3, 4]])
    assert read_table(path).frame.columns == ["a", "2019", "2020"]
    assert read_table(path, Layout(header=False)).frame.height == 3


def test_types_are_those_of_all_rows(path):
    write_workbook(path, [["a", "b"], *[[1, "x"]] * 3000, ["one", "y"], [2.5, 7]])
    frame = read_table(path).frame
    assert frame["a"].to_list() == ["1"] * 3000 + ["one", "2.5"]
    assert frame["b"].to_list()[-2:] == ["y", "7"]


def test_rows_between_stay_and_those_at_the_end_go(path):
    empty = [None, None]
    write_workbook(path, [["a", "b"], [1, 2], empty, [3, 4], ["", None], empty])
    assert read_table(path).frame["b"].to_list() == [2, None, 4]


def test_errors_of_formulas_are_gaps(path):
    write_workbook(path, [["a", "b"], [1, "#N/A"], ["#DIV/0!", 2]])
    assert read_table(path).frame.rows() == [(1, None), (None, 2)]


def test_large_numbers(path):
    write_workbook(path, [["a"], [2**53], [1e300], [-0.0]])
    assert read_table(path).frame["a"].to_list() == [2.0**53, 1e300, 0.0]


def test_several_sheets(path):
    write_workbook(path, ROWS, [["z"], [1]], names=["May", "June"])
    table = read_table(path)
    assert table.frame.columns == ROWS[0]
    assert table.notes == ("of 2 sheets the first, 'May', is read.",)


def test_nothing_is_logged_to_the_terminal(path, capfd, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    write_workbook(path, ROWS)
    read_table(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("rows", [[], [[None]], [["a", "b"]]])
def test_nothing_in_it(path, rows):
    write_workbook(path, rows)
    with pytest.raises(DataError, match=r"is empty|has no rows"):
        read_table(path)


def test_damaged_workbooks(path):
    write_workbook(path, ROWS)
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    for cut in (0, 1, 100, len(whole) // 2, len(whole) - 10):
        path.write_bytes(whole[:cut])
        with pytest.raises(DataError, match="cannot be read") as caught:
            read_table(path)
        assert "\n" not in str(caught.value)
    for _ in range(200):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 5):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged)
        try:
            read_table(path)
        except DataError as error:
            assert "\n" not in str(error)  # noqa: PT017
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "no workbook")
    with pytest.raises(DataError, match="cannot be read"):
        read_table(path)


@pytest.mark.parametrize("suffix", [".xls", ".ods"])
def test_other_kinds_that_are_damaged(tmp_path, suffix):
    (tmp_path / f"t{suffix}").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(2000))
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / f"t{suffix}")


CORNERS = {
    "a far cell": (
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c'
        ' r="XFD1048576"><v>1</v></c></row>'
    ),
    "a far cell alone": (
        '<row><c r="A1"><v>1</v></c></row><row><c r="XFD1048576"><v>1</v></c></row>'
    ),
    "a far row": (
        '<row r="1">' + "<c><v>1</v></c>" * 9000 + '</row><row r="1048576"><c><v>1</v></c></row>'
    ),
}


@pytest.mark.parametrize("rows", CORNERS.values(), ids=CORNERS)
def test_cells_that_are_far_apart(path, rows):
    write_workbook(path, SHEET + rows + "</sheetData></worksheet>")
    assert path.stat().st_size < 10_000
    with pytest.raises(DataError, match="of memory"):
        read_table(path)


def test_workbooks_that_unpack_to_more_than_there_is(path, monkeypatch):
    write_workbook(path, SHEET + " " * 50_000_000 + "</sheetData></worksheet>")
    monkeypatch.setattr(memory, "available_memory", lambda: 10_000_000)
    with pytest.raises(DataError, match="needs 100 MB of memory"):
        read_table(path)


def test_cells_are_counted(path):
    write_workbook(path, sheet_of([[1, 2, 3]] * 5, (4, 1)))
    assert count_cells(path) == 9 * 4
    assert [column_letters(place) for place in (0, 25, 26, 16_383)] == ["A", "Z", "AA", "XFD"]


CONTENT = (
    '<?xml version="1.0" encoding="UTF-8"?><office:document-content '
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
    '<table:table table:name="May">{}</table:table>'
    "</office:spreadsheet></office:body></office:document-content>"
)


def write_opened(path, rows):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED
        )
        archive.writestr("content.xml", CONTENT.format(rows))
        archive.writestr("META-INF/manifest.xml", "<manifest/>")


def opened_row(*values, times=1):
    cells = "".join(
        (
            "<table:table-cell"
            f' office:value-type="string"><text:p>{value}</text:p></table:table-cell>'
            if isinstance(value, str)
            else (
                '<table:table-cell office:value-type="float"'
                f' office:value="{value}"><text:p>{value}</text:p></table:table-cell>'
            )
        )
        for value in values
    )
    rest = '<table:table-cell table:number-columns-repeated="16000"/>'
    return f'<table:table-row table:number-rows-repeated="{times}">{cells}{rest}</table:table-row>'


def test_open_document_sheets(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 1_000_000_000)
    path = tmp_path / "t.ods"
    empty = opened_row(times=1_048_000)
    write_opened(
        path, opened_row("a", "b") + opened_row(1, "x") + opened_row(2.5, "y", times=2) + empty
    )
    assert count_cells(path) == 8
    assert read_table(path).frame.rows() == [(1.0, "x"), (2.5, "y"), (2.5, "y")]
    write_opened(path, opened_row("a", "b") + opened_row(1, "x", times=100_000_000) + empty)
    with pytest.raises(DataError, match="of memory"):
        read_table(path)
    write_opened(path, opened_row("a") + opened_row(times=10_000_000) + opened_row(*range(1000)))
    with pytest.raises(DataError, match="of memory"):
        read_table(path)


def test_fastexcel_that_is_not_installed(path, monkeypatch):
    write_workbook(path, ROWS)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "fastexcel" else find(name)
    )
    with pytest.raises(
        MissingExtraError, match=r"reading workbooks needs fastexcel.*fastmlp\[excel\]"
    ):
        read_table(path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"reading tables needs polars.*fastmlp\[tables\]"):
        read_table(path)
