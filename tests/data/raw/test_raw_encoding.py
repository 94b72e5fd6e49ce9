"""The bytes of a text: encodings, line ends, gzip, and files that are no text."""

import gzip
import zlib

import pytest

from fastmlp.data import memory
from fastmlp.data.raw import encoding
from fastmlp.data.raw.read import read_table
from fastmlp.errors import DataError

TEXT = "größe,art\n1,Käfer\n2,Ameise\n"


@pytest.fixture
def write(tmp_path):
    def write(content, name="t.csv"):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(write, code, end):
    table = read_table(write(TEXT.replace("\n", end).encode(code)))
    assert table.frame.columns == ["größe", "art"]
    assert table.frame.rows() == [("1", "Käfer"), ("2", "Ameise")]
    assert any("Windows-1252" in note for note in table.notes) == (code == "cp1252")
    assert [table.line_of(row) for row in range(2)] == ["line 2", "line 3"]


@pytest.mark.parametrize("mark", ["utf-16-le", "utf-16-be"])
def test_both_orders_of_wide_texts(write, mark):
    assert read_table(write(("\ufeff" + TEXT).encode(mark))).frame.height == 2


def test_the_note_names_the_first_line_that_is_not_utf8(write):
    table = read_table(write(b"a,b\n" + b"1,x\n" * 5 + b"2,\xe9\n"))
    assert table.notes == ("t.csv is not UTF-8, as line 7 shows, and was read as Windows-1252.",)
    assert table.frame["b"][-1] == "é"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_signs_and_line_ends_across_pieces(write, monkeypatch, size):
    monkeypatch.setattr(encoding, "PIECE", size)
    table = read_table(write("ä,b\r\n1,€\r\n2,漢\r\n".encode()))
    assert (table.frame.rows(), table.notes) == ([("1", "€"), ("2", "漢")], ())
    assert read_table(write("ä,b\r1,€\r2,漢\r\n".encode())).frame.rows() == [
        ("1", "€"),
        ("2", "漢"),
    ]


def test_mixed_line_ends(write):
    assert read_table(write(b"a,b\r\n1,2\n3,4\r5,6\r\n")).frame.rows() == [
        ("1", "2"),
        ("3", "4"),
        ("5", "6"),
    ]


def test_returns_inside_quotes_stay(write):
    table = read_table(write(b'a,b\r"x\ry",1\rz,2\r'))
    assert table.frame.rows() == [("x\ry", "1"), ("z", "2")]
    assert table.line_of(1) == "line 4"


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv", "T.CSV.GZ"])
@pytest.mark.parametrize("code", ["utf-8", "utf-16", "cp1252"])
def test_gzip_by_name_or_first_bytes(write, name, code):
    assert read_table(write(gzip.compress(TEXT.encode(code)), name)).frame.height == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\n \r\n\n", "is empty"),
        (b"a\0,b\n1,2\n", "no text"),
        (b"a,b\n1,2\n" + bytes(100), "no text"),
        ("a,b\n1,2\n".encode("utf-16-le"), "no text"),
        (b"\xff\xfea\0,\0b", "begins as UTF-16"),
        (b"a,b\n1,\x81\n", "line 2 is neither UTF-8 nor Windows-1252"),
        (b"\xef\xbb\xbfa,b\n1,\xe9\n", "line 2 is neither"),
        (b"PK\x03\x04....", "zip archive or a workbook"),
        (b"<!DOCTYPE html><html></html>", "web page"),
    ],
)
def test_what_is_no_table(write, content, reason):
    path = write(content)
    with pytest.raises(DataError, match=reason) as caught:
        read_table(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("cut", [5, 12, 20])
def test_damaged_gzip(write, cut):
    with pytest.raises(DataError, match="cannot be read"):
        read_table(write(gzip.compress(TEXT.encode())[:-cut], "t.csv.gz"))
    with pytest.raises(DataError, match="cannot be read"):
        read_table(write(zlib.compress(TEXT.encode()), "t.csv.gz"))


def test_gzip_that_unpacks_to_more_than_there_is(write, monkeypatch):
    monkeypatch.setattr(encoding, "available_memory", lambda: 4_000_000)
    with pytest.raises(DataError, match="unpacks to more than 1 MB"):
        read_table(write(gzip.compress(b"a,b\n" + b"1,2\n" * 1_000_000), "t.csv.gz"))


def test_more_cells_than_memory(write, monkeypatch):
    path = write(b"a,b,c,d\n" + b"1,2,3,4\n" * 10_000)  # 80 kB as text, 640 kB more as cells
    monkeypatch.setattr(memory, "available_memory", lambda: 400_000)
    with pytest.raises(DataError, match="needs 720 kB of memory"):
        read_table(path)


def test_a_file_that_may_not_be_read(tmp_path):
    with pytest.raises(DataError, match="neither a file"):
        read_table(tmp_path / "absent.csv")
    (tmp_path / "t.csv").symlink_to(tmp_path / "t.csv")
    with pytest.raises(DataError, match="neither a file"):
        read_table(tmp_path / "t.csv")
