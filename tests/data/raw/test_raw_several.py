"""Several files as one table: lists, folders, patterns."""

import polars as pl
import pytest

from fastmlp.data.raw.form.layout import Layout
from fastmlp.data.raw.read import is_table_name, read_table
from fastmlp.data.raw.several import tables_in
from fastmlp.errors import DataError


@pytest.fixture
def write(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(text, encoding="utf-8", newline="")
        return tmp_path

    return write


PARTS = {"b_csv": "a,b\n3,4\n\n5,6\n", "a_csv": "b,a\n2,1\n"}


@pytest.mark.parametrize("source", ["", "*.csv", "**/*.csv", "[ab].csv", "?.csv"])
def test_folders_and_patterns_by_name(write, source):
    table = read_table(write(**PARTS) / source)
    assert table.frame.columns == ["b", "a"]
    assert table.frame.rows() == [("2", "1"), ("4", "3"), ("6", "5")]
    assert [table.line_of(row) for row in range(3)] == [
        "a.csv, line 2",
        "b.csv, line 2",
        "b.csv, line 4",
    ]
    assert table.notes == (
        "2 files are read as one table, from a.csv to b.csv.",
        "b.csv has the columns in another order; they are put together by name.",
        "b.csv: 1 blank line was left out.",
    )


def test_lists_keep_their_order(write):
    folder = write(**PARTS)
    table = read_table([folder / "b.csv", str(folder / "a.csv")])
    assert table.frame.rows() == [("3", "4"), ("5", "6"), ("1", "2")]
    assert read_table([folder / "a.csv"]).line_of(0) == "line 2"
    with pytest.raises(DataError, match="no tables were given"):
        read_table([])


def test_a_pattern_from_here(write, monkeypatch):
    folder = write(parts__b_csv="a,b\n3,4\n", parts__more__a_csv="a,b\n1,2\n")
    monkeypatch.chdir(folder)
    assert read_table("parts/*.csv").frame.height == 1
    table = read_table("parts/**/*.csv")
    assert table.frame.rows() == [("3", "4"), ("1", "2")]
    monkeypatch.chdir(folder / "parts" / "more")
    assert read_table("../*.csv").frame.height == 1
    for pattern in ("*.parquet", "**b/*.csv"):
        with pytest.raises(DataError, match=r"holds no tables|no pattern"):
            read_table(pattern)


def test_a_file_whose_name_is_a_pattern(write):
    folder = write(**PARTS)
    (folder / "[ab].csv").write_text("c\n7\n")
    assert read_table(folder / "[ab].csv").frame.columns == ["c"]


def test_same_names_in_several_folders(write):
    folder = write(x__p_csv="a,b\n1,2\n", y__p_csv="a,b\n3,4\n")
    assert read_table(folder / "*/p.csv").line_of(1) == f"{folder / 'y' / 'p.csv'}, line 2"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,c\n1,2\n", r"z.csv has no column 'b', which .*a.csv has"),
        ("a,b,c\n1,2,3\n", r"z.csv has a column 'c', which .*a.csv has not"),
        ("x,y,z\n", "z.csv has no rows"),
        ("a,b\n1\n2,3\n", "z.csv, line 2 has 1 field"),
    ],
)
def test_parts_that_do_not_fit(write, text, reason):
    with pytest.raises(DataError, match=reason) as caught:
        read_table(write(a_csv="a,b\n1,2\n", z_csv=text))
    assert "\n" not in str(caught.value)


def test_the_first_decides_on_the_header(write):
    table = read_table(write(a_csv="5.1,oak\n4.9,elm\n5.0,oak\n", b_csv="oak,oak\n"))
    assert (table.has_header, table.frame.height) == (False, 4)
    assert any("2 files are read as one table" in note for note in table.notes)
    table = read_table(write(a_csv="a,b\n5.1,oak\n4.9,elm\n", b_csv="a,b\n"), Layout(header=False))
    assert table.frame.height == 4
    with pytest.raises(DataError, match=r"3 columns and .* 2; parts"):
        read_table(write(a_csv="5.1,oak\n4.9,oak\n", b_csv="1,2,3\n"))


def test_types_of_parts(tmp_path):
    pl.DataFrame({"a": [1], "b": ["x"]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"a": [0.5], "b": [None]}).write_parquet(tmp_path / "b.parquet")
    assert read_table(tmp_path).frame.rows() == [(1.0, "x"), (0.5, None)]
    assert read_table(tmp_path).line_of(1) == "b.parquet, row 1"
    pl.DataFrame({"a": ["u"], "b": ["y"]}).write_parquet(tmp_path / "c.parquet")
    table = read_table(tmp_path)
    assert table.frame["a"].to_list()[-1] == "u"
    assert (
        "column 'a' is of texts in some files and not in others; it is read as texts."
        in table.notes
    )
    pl.DataFrame({"a": [[1]], "b": ["y"]}).write_parquet(tmp_path / "c.parquet")
    with pytest.raises(
        DataError, match=r"column 'a' is List\(Int64\) in .*c.parquet and Int64 in .*a.parquet"
    ):
        read_table(tmp_path)


def test_what_in_a_folder_is_a_table(write):
    folder = write(**PARTS, README_txt="The data of May.", c_doc="x", sub__c_csv="a,b\n1,2\n")
    for name in (".hidden.csv", "_metadata.csv", "~$a.xlsx"):
        (folder / name).write_text("x")
    assert [path.name for path in tables_in(folder)] == ["a.csv", "b.csv"]
    assert tables_in(folder / "sub") == [folder / "sub" / "c.csv"]
    (folder / "cat.png").write_bytes(b"")
    assert tables_in(folder) == []
    (folder / "cat.png").rename(folder / "train-images-idx3-ubyte")
    assert tables_in(folder) == []


def test_folders_that_are_no_table(write, tmp_path):
    with pytest.raises(DataError, match="holds no tables"):
        read_table(tmp_path)
    with pytest.raises(DataError, match=r"several formats, such as a.csv and c.parquet"):
        read_table(write(**PARTS, c_parquet=""))


def test_training_and_test_data_stay_apart(write):
    with pytest.raises(DataError, match=r"holds test.csv beside train.csv; give the tables apart"):
        read_table(write(train_csv="a,b\n1,2\n", test_csv="a,b\n1,2\n"))


@pytest.mark.parametrize(
    "name", ["t.csv", "T.TSV", "t.csv.gz", "iris.data", "t.parquet", "t.feather", "t.xlsx", "t.ods"]
)
def test_names_of_tables(name):
    assert is_table_name(name)


@pytest.mark.parametrize("name", ["t.npy", "t", "csv", "t.gz", "t.parquet.gz", "t.doc"])
def test_names_of_other_files(name, tmp_path):
    assert not is_table_name(name)
    (tmp_path / name).write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="no table by its name"):
        read_table(tmp_path / name)
