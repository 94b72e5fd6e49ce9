"""Quotes and records against Python's csv module, whichever of the two parsers reads them."""

import csv
import io
import itertools
import string

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fastmlp.data.raw import parse
from fastmlp.data.raw.encoding import read_content
from fastmlp.data.raw.form import structure
from fastmlp.data.raw.form.irregular import Shape
from fastmlp.data.raw.form.layout import Layout
from fastmlp.data.raw.form.records import long_fields
from fastmlp.data.raw.read import read_table
from fastmlp.errors import DataError

END = "\x1e"


def is_blank(fields, width):
    return not fields or (
        width > 1 and len(fields) == 1 and fields[0] != "" and not fields[0].strip(" \t")
    )


def expected(text, separator, width):
    """Return rows and lines as csv.reader has them; None for uneven rows or an open quote."""
    reader = csv.reader(itertools.chain(io.StringIO(text, newline=""), [END]), delimiter=separator)
    records, line = [], 1
    for fields in reader:
        records.append((line, fields))
        line = reader.line_num + 1
    if records.pop()[1] != [END]:
        return None
    while records and is_blank(records[-1][1], width):
        records.pop()
    kept = [
        (line, fields or [""])
        for line, fields in records
        if width == 1 or not is_blank(fields, width)
    ]
    if any(len(fields) != width for _, fields in kept):
        return None
    return [tuple(cell or None for cell in fields) for _, fields in kept], [
        line for line, _ in kept
    ]


def parsed(path, separator, width):
    try:
        read = parse.parse(read_content(path), Shape(separator, width, 0))
    except DataError:
        return None
    return read.frame.rows(), [read.lines.number(row) for row in range(read.frame.height)]


pieces = st.sampled_from(
    ["a", "1", "é", " ", '"', '"', '""', ",", ",", '","', "\n", "\n", '"\n', "\r\n", "\r", "\t"]
)
plain = st.text("ab1 é", max_size=3) | st.sampled_from(['5"', 'x"y', " "])
quoted = st.lists(st.sampled_from(["a", ",", '""', "\n", "\r\n", " ", "é"]), max_size=4).map(
    lambda signs: '"' + "".join(signs) + '"'
)


@st.composite
def tables(draw):
    width = draw(st.integers(1, 3))
    cells = draw(st.sampled_from([plain, quoted, plain | quoted]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=6))
    text = "".join(",".join(row) + end * draw(st.sampled_from([1, 1, 1, 2])) for row in rows)
    return (text if draw(st.booleans()) else text.rstrip("\r\n")), width


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400, deadline=None
)
@given(
    table=tables() | st.tuples(st.lists(pieces, max_size=14).map("".join), st.integers(1, 3)),
    separator=st.sampled_from([",", "\x1f", "\t"]),
    piece=st.sampled_from([3, 7, 1 << 20]),
)
@example(table=('a,b\n"a"b,1\n', 2), separator=",", piece=3)
@example(table=("1,2\n3,4,", 2), separator=",", piece=7)
@example(table=(",\n\n,,", 2), separator=",", piece=7)
@example(table=("\n1,", 1), separator=",", piece=7)
@example(table=('"\n,",\n,', 2), separator=",", piece=3)
def test_records_are_those_of_the_csv_module(tmp_path, table, separator, piece):
    text, width = table
    text = text.replace(",", separator) if separator == "\t" else text
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    before, structure.PIECE = structure.PIECE, piece
    try:
        if text:
            assert parsed(path, separator, width) == expected(text, separator, width)
    finally:
        structure.PIECE = before


@pytest.mark.parametrize(
    "cell",
    [
        '5" pipe',
        'x"y',
        '5"',
        'a "b" c',
        '"a"b',
        '"a" ',
        '"a""b"',
        '"a,b"',
        '"a\nb"',
        '""""',
        '"""a"""',
        "'a'",
    ],
)
@pytest.mark.parametrize("every", [1, 3])
def test_quotes_as_people_write_them(read, cell, every):
    text = "n,size,kind\n" + "".join(
        f"{n},{cell if n % every == 0 else 'x'},{'ab'[n % 2]}\n" for n in range(12)
    )
    table = read(text)
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert table.frame.columns == rows[0]
    assert table.frame.rows() == [tuple(row) for row in rows[1:]]


def by_polars(monkeypatch):
    def refuse(*_):
        raise AssertionError("the csv module was asked")

    monkeypatch.setattr(parse, "read_by_csv", refuse)


@pytest.mark.parametrize("cell", ["x", '5" pipe', '"a,b"', '"a""b"', '"a\nb"', '""'])
def test_usual_quotes_take_the_fast_way(read, monkeypatch, cell):
    by_polars(monkeypatch)
    assert read("n,size\n" + "".join(f"{n},{cell}\n" for n in range(50))).frame.height == 50


def test_many_records_over_several_lines(tmp_path, monkeypatch):
    by_polars(monkeypatch)
    random = np.random.default_rng(0)
    words = ["a,b", "x\ny", "plain", 'q"q', None, "z\r\nw", "é"]
    frame = pl.DataFrame(
        {f"s{place}": [words[word] for word in random.integers(0, 7, 50_000)] for place in range(4)}
    )
    frame.write_csv(tmp_path / "t.csv")
    table = read_table(tmp_path / "t.csv")
    assert table.frame.equals(frame)
    above = (
        frame.head(-1)
        .select(pl.all().str.count_matches("\n").fill_null(0).sum())
        .sum_horizontal()
        .item()
    )
    assert table.line_of(49_999) == f"line {50_001 + above:,}"


@pytest.mark.parametrize(
    "text",
    [
        'a,b\n1,"2\n',
        'a,b\n"1,2\n3,4\n',
        'a,b\n1,2\n3,"4\n5,6\n7,8\n',
        '"a,b\n1,2\n',
        'a\n"x\n',
        'a,b\n1," 2\n3,4',
    ],
)
def test_an_open_quote(read, text):
    with pytest.raises(DataError, match="quote that is never closed"):
        read(text)


def test_an_open_quote_before_more_lines_than_are_looked_at(read):
    for header in ('"a,b\n', '"y\n'):
        with pytest.raises(DataError, match="quote that is never closed"):
            read(header + "12345678\n" * 200_000)


def test_a_row_over_very_many_lines_is_told(read):
    lines = "".join(f"{n},x\n" for n in range(100))
    table = read(f'n,size\n{lines}100,"5 in\n{lines}101,6 in"\n{lines}')
    assert table.frame.height == 201
    assert any(note.startswith("lines 102 to 203 are one row") for note in table.notes)
    table = read(f'n,size\n{lines}100,"5" in\n{lines}')  # irregular, and closed at once
    assert (table.frame.height, table.notes) == (201, ())


def test_long_fields_and_the_limit_afterwards(read):
    before = csv.field_size_limit()
    text = "x" * 300_000
    assert read(f'a,b\n1,{text}\n2,"{text}"z\n').frame["b"].to_list() == [text, text + "z"]
    assert csv.field_size_limit() == before
    with pytest.raises(ZeroDivisionError), long_fields():
        _ = 1 / 0
    assert csv.field_size_limit() == before


cells = st.none() | st.text(string.ascii_letters + " ,;|\t\"\n'é漢", min_size=1, max_size=8).map(
    lambda text: f"w{text}w"
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None
)
@given(
    rows=st.lists(st.tuples(st.integers(), cells, cells), min_size=1, max_size=12),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_csv_writes_is_read_back(tmp_path, rows, separator, quoting, end):
    path = tmp_path / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=separator, quoting=quoting, lineterminator=end)
        writer.writerows([["number", "word", "other"], *rows])
    table = read_table(path, Layout(separator=separator))
    assert table.frame.columns == ["number", "word", "other"]
    assert table.frame.rows() == [(str(number), word, other) for number, word, other in rows]
    whole = read_table(path, Layout(header=True, separator=separator))
    assert whole.frame.equals(table.frame)


@pytest.mark.parametrize("quote", ["", '"'])
def test_structure_by_bytes(quote):
    random = np.random.default_rng(0)
    rows = [
        [f"{quote}{number}{quote}" for number in random.integers(0, 99, random.integers(1, 6))]
        for _ in range(40)
    ]
    text = "\n".join(map(",".join, rows)).encode()
    values = np.frombuffer(text, np.uint8)
    found = structure.structure_of(values, ord(","), quoted=bool(quote))
    assert found.separators.tolist() == [len(row) - 1 for row in rows]
    assert [
        text[begin:end] for begin, end in zip(found.begins, found.ends, strict=True)
    ] == text.split(b"\n")
    assert len(structure.structure_of(values[:0], ord(","), False)) == 0


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(st.sampled_from(list("ab \t\n")), max_size=20), end=st.sampled_from(["\n", "\r\n"])
)
@pytest.mark.parametrize("piece", [1, 2, 3, 1 << 20])
def test_runs_of_blanks_become_one(piece, text, end):
    lines = [" ".join(line.split()) for line in text.split("\n")]
    before, structure.PIECE = structure.PIECE, piece
    try:
        squeezed = structure.squeezed(np.frombuffer(text.replace("\n", end).encode(), np.uint8))
    finally:
        structure.PIECE = before
    assert squeezed.decode() == end.join(lines)
