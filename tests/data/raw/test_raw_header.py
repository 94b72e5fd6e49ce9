"""Header or not, and the names of columns."""

import numpy as np
import pandas as pd
import pytest

from fastmlp.data.raw.cells import is_gap, is_number, is_value
from fastmlp.data.raw.form.layout import Layout
from fastmlp.data.raw.form.names import names_of
from fastmlp.errors import DataError


def rows(count, make, seed=0):
    random = np.random.default_rng(seed)
    return "".join(make(random, number) + "\n" for number in range(count))


def measured(random, number):
    return f"{random.normal():.2f},{random.normal():.2f},{('oak', 'elm', 'ash')[number % 3]}"


WITH_HEADER = {
    "names over numbers": "age,job,pay\n39,clerk,1.5\n50,smith,2\n",
    "one name over numbers": "a,b\n1,x\n2,y\n",
    "over dates": "day,what\n2020-01-31,x\n2020-02-01,y\n",
    "over decimal commas": "a;b\n0,5;x\n1,5;y\n",
    "over percents and currencies": "share,price\n5%,$3\n7%,$4\n",
    "over signs": "a,b\n+1,-2\n+3,+4\n",
    "over gaps and numbers": "a,b\nNA,?\n1,2\n,n/a\n3,4\n",
    "over a few odd cells": "a,b\n1,x\n2,y\n3,z\n<4,u\n5,v\n6,w\n",
    "levels": "colour,shape\nred,round\nblue,square\nred,square\nblue,round\n",
    "a value that is a name of another column": "sex,m\nm,1\nf,2\nm,3\n",
    "names with digits": "x1,x2\n1,2\n3,4\n",
    "a chemical that is a gap word": "Na,Mg,type\n1.5,2,a\n2.5,3,b\n",
    "pixels": "label,pixel0,pixel1\n1,0,255\n0,3,4\n",
}


@pytest.mark.parametrize("text", WITH_HEADER.values(), ids=WITH_HEADER)
def test_a_header(read, text):
    table = read(text)
    assert table.has_header
    assert table.notes == ()
    assert table.frame.height == text.count("\n") - 1
    assert table.line_of(0) == "line 2"


WITHOUT_HEADER = {
    "numbers": "5.1,3.5,0\n4.9,3.0,1\n",
    "numbers and labels": rows(90, measured),
    "a label that comes once": "5.1,3.5,oak\n4.9,3.0,elm\n",
    "labels as from a mushroom": "p,x,s\ne,x,s\np,b,y\ne,x,s\n",
    "names, then numbers": "Anna,31,1.7\nBert,45,1.8\nCarl,28,1.9\n",
    "a gap in the first row": "?,3.5,oak\n4.9,3.0,elm\n5.0,?,oak\n",
    "an odd cell in the first row": "<1.0,3.5,oak\n4.9,3.0,elm\n5.0,2.0,oak\n",
    "dates": "2020-01-31,5\n2020-02-01,6\n",
    "small whole numbers": "0,1\n1,0\n0,0\n",
    "a scale": "1,2,3\n2,2,3\n1,1,1\n",
    "labels twice in a row": "A,A,B\nC,D,C\nE,F,E\n",
    "one column of numbers": "0\n1\n0\n",
    "a single row of values": "5.1,3.5,oak\n",
    "a single gap": "NA,?\n",
    "years in the column below": "Sweden,2019\nNorway,2020\nFinland,2021\n",
}


@pytest.mark.parametrize("text", WITHOUT_HEADER.values(), ids=WITHOUT_HEADER)
def test_no_header(read, text):
    table = read(text)
    assert not table.has_header
    assert table.frame.height == text.count("\n")
    assert table.frame.columns == [f"column_{number}" for number in range(1, table.frame.width + 1)]
    assert any("no header" in note and "--header" in note for note in table.notes)
    assert table.line_of(0) == "line 1"


NUMBERED = {
    "from 0": "0,1,2,3\n.1,.2,.3,.4\n.5,.6,.7,.8\n",
    "from 1": "1,2,3,4\n.1,.2,.3,.4\n",
    "of two columns": "0,1\n.5,1.5\n.25,2.5\n",
    "of whole numbers that come again": "0,1,2,3,4,5,6\n0,0,2,3,0,5,6\n0,1,0,0,0,5,6\n",
    "after pandas' index": ",0,1\n0,5.1,2\n1,4.9,3\n",
    "of one column after the index": ",0\n0,5.1\n1,4.9\n",
    "with a label": "0,1,2,label\n.5,.5,.5,a\n.5,.5,.5,b\n",
    "with a number as the target": "0,1,target\n.5,.5,7\n.25,.75,8\n",
    "labels in the last column": "0,1,2\n.5,1.5,u\n2.5,3.5,v\n",
    "years": "country,2019,2020\nSE,1.5,2\nNO,2.5,3\n",
    "a single year": "country,2020\nSE,1.5\nNO,2.5\n",
    "years backwards": "country,2020,2019\nSE,1.5,2\nNO,2.5,3\n",
    "years alone": "1940,1945,1950\n22.2,44.5,59.6\n10.5,15.5,29.0\n",
    "even steps": "name,10,20,30\nu,5,1,2\nv,2,9,1\n",
}


@pytest.mark.parametrize("text", NUMBERED.values(), ids=NUMBERED)
def test_headers_of_numbers(read, text):
    table = read(text)
    assert table.has_header
    assert table.frame.columns == text.split("\n")[0].split(",")
    assert any("taken as the header; --no-header" in note for note in table.notes)


def test_what_pandas_writes_for_arrays(read):
    random = np.random.default_rng(0)
    for columns in (2, 3, 30):
        frame = pd.DataFrame(random.normal(size=(20, columns)))
        assert read(frame.to_csv(index=False)).frame.shape == (20, columns)
        assert read(frame.to_csv()).frame.columns == ["", *map(str, range(columns))]
        assert read(frame.to_csv(header=False, index=False)).frame.shape == (20, columns)


def test_names_alone_are_taken_and_doubted(read):
    table = read("Anna\nBert\nCarl\n")
    assert table.has_header
    assert any("in doubt; --no-header" in note for note in table.notes)


def test_what_the_user_says_holds(read):
    text = "a,b\n1,2\n"
    assert read(text, Layout(header=False)).frame.rows() == [("a", "b"), ("1", "2")]
    assert read("1,2\n3,4\n", Layout(header=True)).frame.columns == ["1", "2"]
    assert read("1,2\n3,4\n", Layout(header=True)).notes == ()
    assert read("a,b\n", Layout(header=False)).frame.rows() == [("a", "b")]


def test_a_header_alone(read):
    with pytest.raises(DataError, match=r"has no rows.*--no-header"):
        read("a,b\n")
    with pytest.raises(DataError, match="has no rows"):
        read("1,2\n", Layout(header=True))


def test_no_row_without_any_value_is_lost(read):
    for text in ("u,v\n3,3\n,\n-3,-3\n", "u,v\n,\n3,3\n,\n,\n"):
        expected = [tuple(cell or None for cell in line.split(",")) for line in text.split()[1:]]
        assert read(text).frame.rows() == expected
    assert read("5,6,7\n,,\n,,\n").frame.rows() == [("5", "6", "7"), (None,) * 3, (None,) * 3]
    assert read(",,\n5,6,7\n8,9,6\n").frame.height == 3


def test_names_are_stripped_and_unique(read):
    table = read(" a , a,b , a\n1,2,3,4\n")
    assert table.frame.columns == ["a", "a_duplicated_0", "b", "a_duplicated_1"]
    assert any("several columns are called 'a'" in note for note in table.notes)


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["", "a", ""], ["", "a", "column_3"]),
        (["", ""], ["column_1", "column_2"]),
        (["a", "a", "a_duplicated_0"], ["a", "a_duplicated_1", "a_duplicated_0"]),
        (["", "column_3", ""], ["", "column_3", "column_3_duplicated_0"]),
        (["x"], ["x"]),
        ([" ", "b"], ["", "b"]),
    ],
)
def test_names(cells, names):
    assert names_of(cells)[0] == names


def test_names_of_many_columns_are_unique():
    names, notes = names_of(["a"] * 5000 + ["b"] * 5000)
    assert len(set(names)) == 10_000
    assert len(notes) == 1


def test_an_unnamed_index_keeps_its_empty_name(read):
    assert read(",a\n0,5\n1,6\n").frame.columns == ["", "a"]


@pytest.mark.parametrize(
    "text", ["a,b,\n1,2,\n3,4,\n", "a,b\n1,2,\n3,4,\n", "a,b,\n1,2\n3,4\n", "a,b,,\n1,2,,\n3,4,,\n"]
)
def test_separators_at_the_end(read, text):
    table = read(text)
    assert (table.frame.columns, table.frame.rows()) == (["a", "b"], [("1", "2"), ("3", "4")])
    assert table.notes


def test_an_unnamed_column_with_values_stays(read):
    assert read("a,b,\n1,2,\n3,4,5\n").frame.rows() == [("1", "2", None), ("3", "4", "5")]
    assert read("a,,b\n1,,2\n").frame.columns == ["a", "b"]
    assert read("1.5,,\n2.5,,\n").frame.columns == ["column_1", "column_2"]


R_TABLES = {
    "blanks": '"x" "y"\n"a b" 5.1 3\n"2" 4.9 4\n',
    "commas": '"x","y"\n"1",5.1,3\n"2",4.9,4\n',
    "tabs": "x\ty\n1\t5.1\t3\n2\t4.9\t4\n",
}


@pytest.mark.parametrize("text", R_TABLES.values(), ids=R_TABLES)
def test_row_names_as_r_writes_them(read, text):
    table = read(text)
    assert table.frame.columns == ["row_names", "x", "y"]
    assert table.frame.height == 2
    assert any("as R writes it" in note for note in table.notes)


def test_row_names_of_one_column(read):
    assert read('"x"\n"1",5.5\n"2",6.5\n').frame.columns == ["row_names", "x"]
    years = '"2000" "2001" "2002"\n"SE" 5.5 4 3\n"NO" 6.5 7 8\n'
    assert read(years).frame.columns == ["row_names", "2000", "2001", "2002"]


@pytest.mark.parametrize(
    "text",
    [
        "+5", "−3,5", "1.234.567,89", "1,234.5", "1 234", "5 %", "$3.50", "3€", ".5", "5.", "1e-3",
        "inf", "-Infinity", "(5)",
    ],
)  # fmt: skip
def test_numbers(text):
    assert is_number(text)


@pytest.mark.parametrize("text", ["x1", "1.2.3.4", "1 3", "12a", "", "-", "1;2", "0x10"])
def test_what_is_no_number(text):
    assert not is_number(text)


@pytest.mark.parametrize(
    "text",
    [
        *"2020-01-31 31.12.2020 1/2/20 2020-01-31T10:00:00Z 12:30".split(),
        "5 Jan 2020",
        "Jan 5, 2020",
        "05-Mar-2020",
    ],
)
def test_dates_are_values(text):
    assert is_value(text)
    assert not is_number(text)


def test_gaps():
    assert all(map(is_gap, ["", " ", "NA", "n/a", "NaN", "null", "?", "-"]))
    assert not any(map(is_gap, ["0", "no", "x"]))
