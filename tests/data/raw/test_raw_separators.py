"""Where a table begins and what divides its fields."""

import numpy as np
import polars as pl
import pytest

from fastmlp.data.raw.form.layout import Layout
from fastmlp.errors import DataError, UsageError

ROWS = [("length", "width", "kind"), ("1.5", "2", "red"), ("2.5", "3", "blue"), (None, "4", "red")]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt", "T.DATA", "t.csv.tsv"])
def test_usual_separators_under_any_name(read, separator, name):
    table = read(
        "".join(separator.join(cell or "" for cell in row) + "\n" for row in ROWS), name=name
    )
    assert (table.separator, table.notes) == (separator, ())
    assert [tuple(table.frame.columns), *table.frame.rows()] == ROWS
    assert set(table.frame.dtypes) == {pl.String}


DIVIDED = {
    "units in names": (
        ";",
        "Laenge, mm;Breite, mm;Gewicht, g;Klasse\n0,5;1,25;0,75;a\n1,5;2,25;3,75;b\n",
    ),
    "decimal commas": (";", "a;b\n1,5;2\n3,5;4\n"),
    "decimal commas without a header": (";", "1,5;2,5\n3,5;4,5\n"),
    "sentences between tabs": ("\t", "name\twhat\nSmith, J\tred, blue\nLee, K\tgreen, grey\n"),
    "sentences between semicolons": (";", "name;note\nx;hello, world\ny;good, bye\n"),
    "lists of semicolons": (",", "id,values,x\n1,a;b;c,5\n2,d;e;f,6\n3,g;h,7\n"),
    "paths with bars": (",", "id,way\n1,a|b\n2,c|d\n"),
    "quoted separators": (",", 'id,text\n1,"a;b;c"\n2,"d;e;f"\n'),
    "blanks after commas": (",", "age, job, pay\n39, clerk, 1.5\n50, smith, 2\n"),
    "thousands": ("\t", "a\tb\n1,234\t2,345\n3,456\t4,567\n"),
    "times": (",", "when,v\n2020-01-31 10:00,5\n2020-02-01 11:30,6\n"),
    "rows without any value": (";", "a;b;c\n;;\n1,5;2;3\n;;\n"),
}


@pytest.mark.parametrize(("separator", "text"), DIVIDED.values(), ids=DIVIDED)
def test_what_divides(read, separator, text):
    table = read(text)
    assert table.separator == separator
    assert table.frame.height == text.count("\n") - table.has_header


def test_names_with_units_keep_them(read):
    table = read(DIVIDED["units in names"][1])
    assert table.frame.columns == ["Laenge, mm", "Breite, mm", "Gewicht, g", "Klasse"]
    assert table.frame.rows()[0] == ("0,5", "1,25", "0,75", "a")


def test_a_tie_is_told(read):
    table = read("id,a;b\nx,y;z\nu,v;w\n")
    assert any("would fit as well" in note and "--separator" in note for note in table.notes)


BLANKS = {
    "columns in line": "  a    b  c\n 1.0  2.5 x\n10.0  3.5 y\n",
    "tabs among them": "a \t b c\n1 2 x\n3 \t4\t y\n",
    "no header": "5.1 3.5 0\n4.9 3.0 1\n",
    "blanks at the ends": "a b c  \n1 2 x \n3 4 y\t\n",
    "decimal commas": "a b c\n1,5 2,5 x\n3,5 4,5 y\n",
    "quoted blanks": '"a" "b" "c"\n1 2 "x y"\n3 4 "z  u"\n',
}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("text", BLANKS.values(), ids=BLANKS)
def test_runs_of_blanks(read, text, end):
    table = read(text.replace("\n", end))
    assert table.separator == " "
    assert table.frame.shape == (text.count("\n") - table.has_header, 3)
    assert all(cell == cell.strip() for row in table.frame.rows() for cell in row)
    assert read(text, Layout(separator="space")).frame.equals(table.frame)


def test_quoted_blanks_stay(read):
    assert read(BLANKS["quoted blanks"]).frame.to_series(2).to_list() == ["x y", "z  u"]


ONE_COLUMN = {
    "numbers": "y\n1\n2\n",
    "decimal commas": "wert\n0,5\n1,5\n2,7\n",
    "thousands": "value\n1,234\n2,345\n",
    "sentences": "text\nHello, world\nfoo\nbar, baz, qux\nquiet\n",
    "names of two words": "city\nNew York\nLos Angeles\nSan Diego\n",
    "dates and times": "when\n2020-01-01 10:00:00\n2020-01-02 11:00:00\n",
}


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
@pytest.mark.parametrize("text", ONE_COLUMN.values(), ids=ONE_COLUMN)
def test_one_column(read, text, name):
    table = read(text, name=name)
    assert table.frame.to_series().to_list() == text.split("\n")[1:-1]
    assert table.separator not in text


def test_gaps_between_the_rows_of_one_column(read):
    table = read("y\n1\n\n2\n\n\n")
    assert table.frame.to_series().to_list() == ["1", None, "2"]
    assert [table.line_of(row) for row in range(3)] == ["line 2", "line 3", "line 4"]


@pytest.mark.parametrize(
    "separator", [",", ";", "\t", "tab", "\\t", "TAB", "|", "bar", "space", " ", ":", "§", "~", "^"]
)
def test_separators_by_the_user(read, separator):
    sign = Layout(separator=separator).separator
    table = read(f"a{sign}b\n1{sign}2\n3{sign}4\n", Layout(separator=separator))
    assert (table.separator, table.frame.columns, table.frame.rows()) == (
        sign,
        ["a", "b"],
        [("1", "2"), ("3", "4")],
    )


@pytest.mark.parametrize("separator", ["", ",,", "x", "5", '"', "\n", "\0", "comma or so"])
def test_separators_that_are_none(separator):
    with pytest.raises(UsageError, match="separator"):
        Layout(separator=separator)


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;", "\n\nsep=;"])
def test_the_line_that_excel_obeys(read, line):
    table = read(line + "\na,x;b\n1,5;2\n")
    assert (table.separator, table.frame.columns) == (";", ["a,x", "b"])
    assert table.line_of(0) == f"line {3 + line.count(chr(10))}"
    assert any("was obeyed" in note for note in table.notes)
    assert read(line + "\na;b,c\n1;2,5\n", Layout(separator=",")).frame.columns == ["a;b", "c"]


BEFORE = {
    "blank lines": ("\n \n\n", 0),
    "one title": ("Measured in May\n", 1),
    "titles": ("Measured in May\nby J. Smith, Bonn\n\n", 1),
    "a title set apart": ("Trees, measured in May\n\n", 1),
    "comments": ("# measured in May\n# by J. Smith, A. Lee, Bonn\n", 1),
    "a comment after a blank line": ("\n# measured\n", 1),
    "titles with empty cells": ("Measured in May,,,\n,,,\n", 1),
    "a title in quotes over two lines": ('"Measured\nin May"\n', 1),
}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("before", "notes"), BEFORE.values(), ids=BEFORE)
def test_what_stands_before_the_table(read, before, notes, end):
    text = before + "tree,height,age,kind\n1,5.5,3,oak\n2,6.5,4,elm\n3,7.5,5,oak\n"
    table = read(text.replace("\n", end))
    assert table.frame.columns == ["tree", "height", "age", "kind"]
    assert table.frame.height == 3
    assert len(table.notes) == notes
    assert all("skipped" in note for note in table.notes)
    lines = before.count("\n")
    assert [table.line_of(row) for row in range(3)] == [f"line {lines + row}" for row in (2, 3, 4)]


def test_a_title_over_a_table_without_a_header(read):
    table = read("Measured in May\n\n5.1,3.5,oak\n4.9,3.0,elm\n4.8,3.1,oak\n")
    assert (table.has_header, table.frame.height) == (False, 3)
    assert read("Measured in May\n5.1,3.5\n4.9,3.0\n", Layout(header=False)).frame.height == 2


def test_names_behind_the_sign_of_a_comment(read):
    random = np.random.default_rng(0)
    lines = "".join(
        " ".join(f"{cell:.3e}" for cell in row) + "\n" for row in random.normal(size=(5, 3))
    )
    table = read("# x y z\n" + lines, name="t.txt")
    assert (table.frame.columns, table.frame.height) == (["x", "y", "z"], 5)
    assert any("line 1, after its #" in note for note in table.notes)
    assert read("# by hand\n#a,b\n1,2\n3,4\n").frame.columns == ["a", "b"]
    assert read("#a,b\n1,2\n3,4\n", Layout(header=False)).frame.height == 2


def test_rows_that_begin_with_the_sign_of_a_comment(read):
    assert read("#1,5.5\n#2,6.5\n").frame.rows() == [("#1", "5.5"), ("#2", "6.5")]
    assert read("#1,5.5\n#2,6.5\n3,7\n").frame.height == 3
    assert read("colour,n\n#ff0000,1\n#00ff00,2\n").frame["colour"].to_list() == [
        "#ff0000",
        "#00ff00",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\n1,2\n3\n", "line 3 has 1 field, the table 2 columns"),
        ("a,b\n1,2\n3,4,5\n", "line 3 has 3 fields, the table 2 columns"),
        ("1,2,0\n3,4,5,6\n", "line 2 has 4 fields, the table 3 columns"),
        ("a,b,c\n1,2\n3,4\n", "line 2 has 2 fields, the table 3 columns"),
        ("5\n1,2\n3,x\n5,6\n", "line 2 has 2 fields, the table 1 column"),
        ("a,b\n\n1,2\n\n\n3\n4,5\n", "line 6 has 1 field"),
        ("T\n\na,b\n1,2\n3\n", "line 5 has 1 field"),
        ('a,b\n"x\ny",2\n3\n', "line 4 has 1 field"),
        ("a,b\n1,\n2\n", "line 3 has 1 field"),
        ("a,b\n1,2\n3,4,", "line 3 has 3 fields"),
    ],
)
def test_rows_of_another_length(read, text, reason):
    with pytest.raises(DataError, match=reason):
        read(text)


@pytest.mark.parametrize("place", [1, 500, 1999])
@pytest.mark.parametrize(("row", "fields"), [("1,2", 2), ("1,2,3,4", 4), ("1", 1)])
def test_rows_of_another_length_far_below(read, place, row, fields):
    lines = ["a,b,c", *["1,2,"] * 2000]
    lines[place] = row
    with pytest.raises(DataError, match=f"line {place + 1:,} has {fields} field"):
        read("\n".join(lines))
    lines[place] = '"1,2",,\n'  # a short row and a field with separators in it have as many in sum
    lines[place + 1 if place < 1999 else 1] = "1,2"
    with pytest.raises(DataError, match="has 2 fields"):
        read("\n".join(lines))


def test_blank_lines_are_counted(read):
    table = read("a,b\n1,2\n\n \t\n3,\n\n5,6\n\n\n")
    assert table.frame.rows() == [("1", "2"), ("3", None), ("5", "6")]
    assert table.notes == ("3 blank lines were left out.",)
    assert [table.line_of(row) for row in range(3)] == ["line 2", "line 5", "line 7"]


def test_cells_are_as_written(read):
    table = read("a,b\n 1 ,x \n02, y\n")
    assert table.frame.rows() == [(" 1 ", "x "), ("02", " y")]


def test_empty_quotes_are_gaps(read):
    assert read('a,b\n"",x\n1,""\n').frame.rows() == [(None, "x"), ("1", None)]


@pytest.mark.parametrize("columns", [1, 2, 5000])
def test_wide_tables(read, columns):
    random = np.random.default_rng(0)
    cells = random.integers(0, 100, (7, columns)).astype(str)
    text = "\n".join(
        [",".join(f"x{place}" for place in range(columns)), *map(",".join, cells.tolist())]
    )
    table = read(text)
    assert table.frame.columns == [f"x{place}" for place in range(columns)]
    assert np.array_equal(table.frame.to_numpy().astype(str), cells)
