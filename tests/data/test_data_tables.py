"""Tables: formats, headers, gaps, targets, pairs and pictures as CSV."""

import csv
import datetime
import gzip
import io
import string

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastmlp.data import memory
from fastmlp.data.loading import load
from fastmlp.data.raw import encoding
from fastmlp.data.raw.form.layout import Layout
from fastmlp.data.readings.choices import ColumnChoices
from fastmlp.errors import DataError, UsageError

FLOWERS = "length,width,kind\n1.5,2,red\n2.5,3,blue\n,4,red\n"


@pytest.fixture
def write(tmp_path):
    def write(text, name="table.csv"):
        path = tmp_path / name
        content = text.encode() if isinstance(text, str) else text
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return str(path)

    return write


def test_last_column_is_the_target(write):
    source = load(write(FLOWERS))
    assert source.name == "table"
    assert source.target.tolist() == ["red", "blue", "red"]
    assert source.target_name == "kind"
    assert source.feature_names == ("length", "width")
    assert source.features.rows() == [(1.5, 2), (2.5, 3), (None, 4)]
    assert source.notes == ()


@pytest.mark.parametrize(
    ("name", "separator"),
    [
        ("t.csv", ","),
        ("t.csv", ";"),
        ("t.tsv", "\t"),
        ("t.txt", "\t"),
        ("t.txt", "|"),
        ("t.csv.gz", ","),
        ("T.CSV", ","),
    ],
)
def test_delimited_formats(write, name, separator):
    source = load(write(FLOWERS.replace(",", separator), name))
    assert source.name.lower() == "t"
    assert source.features.rows() == [(1.5, 2), (2.5, 3), (None, 4)]


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "feather", "ipc"])
def test_binary_formats(tmp_path, suffix):
    frame = pl.read_csv(io.StringIO(FLOWERS))
    path = tmp_path / f"t[1].{suffix}"
    (frame.write_parquet if suffix == "parquet" else frame.write_ipc)(path)
    source = load(str(path))
    assert source.features.equals(frame.drop("kind"))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="cannot be read"):
        load(str(path))


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_rows_are_counted_before_they_are_unpacked(tmp_path, monkeypatch, suffix):
    frame = pl.DataFrame({"a": pl.zeros(1_000_000, dtype=pl.Int64, eager=True)})
    path = tmp_path / f"t.{suffix}"
    frame.write_parquet(path) if suffix == "parquet" else frame.write_ipc(path, compression="zstd")
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(memory, "available_memory", lambda: 1_000_000)
    with pytest.raises(DataError, match="needs 4 MB of memory"):
        load(path, need_target=False)


@pytest.mark.parametrize("target", ["width", 1, "1", -2, "-2"])
def test_target_by_name_or_position(write, target):
    source = load(write(FLOWERS), target=target)
    assert source.target_name == "width"
    assert source.target.tolist() == [2, 3, 4]
    assert source.feature_names == ("length", "kind")


@pytest.mark.parametrize(
    ("target", "reason"),
    [("widht", "did you mean 'width'"), (3, "position 3"), ("-4", "position -4")],
)
def test_target_that_is_not_there(write, target, reason):
    with pytest.raises(DataError, match=reason):
        load(write(FLOWERS), target=target)


def test_a_column_called_label_is_the_target(write):
    source = load(write("label,a,b\n1,2,3\n4,5,6\n"))
    assert source.target_name == "label"
    assert any("'label'" in note for note in source.notes)


# Every one of these was a gap wherever it stood; now the table decides: see
# test_readings_target.py.
@pytest.mark.parametrize("spelling", ["", "NA", "N/A", "nan", "NaN", "null", "NULL", "None", "?"])
def test_rows_without_target_are_dropped_and_counted(write, spelling):
    text = f"a,b,y\n1,{spelling},x\n2,5,{spelling}\n3,6,z\n"
    source = load(write(text))
    assert source.target.tolist() == ["x", "z"]
    assert source.features.rows() == [(1, None), (3, 6)]
    assert any(
        note.startswith("1 of 3 rows have no value in the target 'y'") for note in source.notes
    )
    with pytest.raises(DataError, match="target 'y' has no value"):
        load(write(f"a,y\n1,{spelling}\n2,{spelling}\n"))


def test_a_target_of_one_row_in_numbers(write):
    source = load(write("a,y\n1,2.5\n2,NA\n"))
    assert source.target.tolist() == [2.5]
    assert any("'NA' is taken as a gap" in note for note in source.notes)


def test_a_word_that_spells_gaps_elsewhere_is_one_in_texts_and_no_other_is(write):
    source = load(write("a,word,y\n1,NA,x\n?,none,z\n3,?,x\n4,Missing,z\n"))
    assert source.features["a"].to_list() == [1, None, 3, 4]
    assert source.features["word"].to_list() == ["NA", "none", None, "Missing"]
    given = load(
        write("a,word,y\n1,NA,x\n?,none,z\n3,?,x\n"), columns=ColumnChoices(na_values=("none",))
    )
    assert given.features["a"].to_list() == [1, None, 3]
    assert given.features["word"].to_list() == ["NA", None, "?"]


@pytest.mark.parametrize("label", ["None", "NA", "null", "nan"])
def test_a_label_that_spells_a_gap_is_a_label_if_gaps_are_spelt_otherwise(write, label):
    blanks = load(write(f"a,y\n1,x\n,{label}\n3,{label}\n"))
    assert blanks.target.tolist() == ["x", label, label]
    assert any(f"'{label}'" in note and "label" in note for note in blanks.notes)
    nowhere = load(write(f"a,y\n1,x\n2,{label}\n3,{label}\n"))
    assert nowhere.target.tolist() == ["x", label, label]


def test_nan_in_a_float_target(tmp_path):
    pl.DataFrame({"a": [1, 2, 3], "y": [0.5, float("nan"), None]}).write_parquet(
        tmp_path / "t.parquet"
    )
    source = load(tmp_path / "t.parquet")
    assert source.target.tolist() == [0.5]


def test_prediction_keeps_every_row(write):
    source = load(write(FLOWERS), need_target=False)
    assert source.target is None
    assert source.feature_names == ("length", "width", "kind")
    assert load(write(FLOWERS), target="kind", need_target=False).target.tolist() == [
        "red",
        "blue",
        "red",
    ]
    absent = load(write(FLOWERS), target="price", need_target=False)
    assert (absent.target, len(absent)) == (None, 3)
    gaps = load(write("a,y\n1,\n2,x\n"), target="y", need_target=False)
    assert (gaps.target, gaps.feature_names, len(gaps)) == (None, ("a",), 2)
    assert gaps.notes


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["1", "2"], "i", [1, 2]),
        (["1.5", "2"], "f", [1.5, 2.0]),
        (["true", "false"], "b", [True, False]),
        (["a", "2"], "U", ["a", "2"]),
        (["99999999999999999999", "1"], "U", ["99999999999999999999", "1"]),
        (["1e20", "1"], "f", [1e20, 1.0]),
    ],
)
def test_target_types(write, values, kind, expected):
    source = load(write("a,y\n" + "".join(f"0,{value}\n" for value in values)))
    assert source.target.dtype.kind == kind
    assert source.target.tolist() == expected


def test_target_types_that_are_refused(write):
    with pytest.raises(DataError, match="holds dates, which cannot be predicted"):
        load(write("a,y\n1,2020-01-01\n2,2020-01-02\n"))
    with pytest.raises(DataError, match="1,001 characters"):
        load(write(f"a,y\n1,{'x' * 1001}\n"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("a,b\n", "no rows"),
        ("a,b\n1,2\n3\n", "line 3 has 1 field, the table 2"),
        ("a,b\n1,2\n3,4,5\n", "as many fields"),
        (b"a\0,b\n1,2\n", "UTF-8"),
        ("y\n1\n2\n", "features beside"),
        ('a,b\n1,"2\n', "quote that is never closed"),
        ("a,b,y\n,NA,1\nNA,,0\n", "nothing to learn from beside the target 'y'"),
    ],
)
def test_damaged_tables(write, text, reason):
    with pytest.raises(DataError, match=reason) as caught:
        load(write(text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["utf-8", "utf-16", "utf-16-le", "cp1252"])
def test_encodings(write, name):
    text = "Größe,Preis,y\n1,5€,ä\n2,6€,ö\n"
    start = "\ufeff" if name == "utf-16-le" else ""
    source = load(write((start + text).encode(name)))
    assert source.feature_names == ("Größe", "Preis")
    assert source.features["Preis"].to_list() == [5, 6]
    assert source.target.tolist() == ["ä", "ö"]
    assert any("Windows-1252" in note for note in source.notes) == (name == "cp1252")


def test_damaged_gzip(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(FLOWERS.encode())[:-12])
    with pytest.raises(DataError, match="cannot be read"):
        load(path)


def test_gzip_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(encoding, "available_memory", lambda: 4_000_000)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 1_000_000))
    with pytest.raises(DataError, match="unpacks to more than 1 MB"):
        load(tmp_path / "t.csv.gz")


def test_headerless(write):
    source = load(write("5.1,3.5,0\n4.9,3.0,1\n"))
    assert source.feature_names == ("column_1", "column_2")
    assert source.target.tolist() == [0, 1]
    assert any("no header" in note for note in source.notes)
    texts = load(write("1,2,0\n01,3,1\n"), columns=ColumnChoices(categorical=("column_1",)))
    assert texts.features["column_1"].to_list() == ["1", "01"]
    with pytest.raises(DataError, match="fields"):
        load(write("1,2,0\n3,4,5,6\n"))
    told = load(write("x,y\n1,2\n3,4\n"), layout=Layout(header=False))
    assert told.features["column_1"].to_list() == ["x", "1", "3"]


def test_blanks_after_commas_and_blank_rows(write):
    source = load(
        write("age, job, pay, y\n39, clerk, 1.5, <=50\n50, ?, 2, >50\n\n28, smith, ?, <=50\n")
    )
    assert source.features.schema == {"age": pl.Int64, "job": pl.String, "pay": pl.Float64}
    assert source.features.rows() == [(39, "clerk", 1.5), (50, None, 2.0), (28, "smith", None)]
    assert source.target.tolist() == ["<=50", ">50", "<=50"]
    assert "1 blank line was left out." in source.notes


def test_a_row_of_gaps_is_a_row(write):
    source = load(write("a,b,y\n1,2,x\n,,\n3,4,z\n"), need_target=False)
    assert source.features.rows() == [(1, 2, "x"), (None, None, None), (3, 4, "z")]
    assert len(load(write("a,b,y\n1,2,x\n,,\n3,4,z\n"))) == 2


def test_bom_windows_lines_and_doubled_names(write):
    source = load(write("\ufeffa,a,y\r\n1,2,x\r\n3,4,z\r\n"))
    assert source.feature_names == ("a", "a_duplicated_0")
    assert any("several columns are called 'a'" in note for note in source.notes)


def test_dates_become_dates(write):
    source = load(write("day,y\n2020-01-31,1\n2020-02-01,0\n"))
    assert source.features.schema == {"day": pl.Datetime("us")}
    assert source.features["day"].to_list() == [
        datetime.datetime(2020, 1, 31),
        datetime.datetime(2020, 2, 1),
    ]


def test_leading_zeros_are_texts_and_texts_stay_such(write):
    table = write("zip,y\n01234,1\n98765,0\n")
    source = load(table)
    assert source.features["zip"].to_list() == ["01234", "98765"]
    assert any(
        "'zip'" in note and "leading zeros" in note and "--numeric" in note for note in source.notes
    )
    assert load(table, columns=ColumnChoices(numeric=("zip",))).features["zip"].to_list() == [
        1234,
        98765,
    ]
    plain = write("zip,y\n11234,1\n98765,0\n")
    said = load(plain, columns=ColumnChoices(categorical=("zip",)))
    assert said.features["zip"].to_list() == ["11234", "98765"]


def test_columns_that_are_spoken_of_but_not_there(write):
    with pytest.raises(
        DataError, match="no column 'widht', which drop names; did you mean 'width'"
    ):
        load(write(FLOWERS), columns=ColumnChoices(drop=("widht",)))
    dropped = load(write(FLOWERS), columns=ColumnChoices(drop=("width",)))
    assert dropped.feature_names == ("length",)


def test_test_table_by_name_with_training_types(write):
    train = write("zip,size,y\n0123,1,a\nX,2,b\n", "train.csv")
    test = write("y,size,more,zip\na,3,0,0123\n", "test.csv")
    source = load(train, test=test)
    assert source.test.target.tolist() == ["a"]
    assert source.test.features["zip"].to_list() == ["0123"]
    with pytest.raises(DataError, match="no column 'size'; did you mean 'sise'"):
        load(train, test=write("zip,sise,y\n1,2,a\n", "wrong.csv"))


def pixel_table(random, rows=5, columns=784, top=255):
    values = random.integers(0, top + 1, (rows, columns))
    values[0, :2] = 0, top
    return values


def test_pictures_as_csv_become_bytes(write):
    pixels = pixel_table(np.random.default_rng(0))
    lines = ["label," + ",".join(f"pixel{i}" for i in range(784))]
    lines += [f"{label}," + ",".join(map(str, row)) for label, row in enumerate(pixels)]
    source = load(write("\n".join(lines)), image_size="28x28")
    assert source.features.dtype == np.uint8
    assert source.features.flags.c_contiguous
    assert np.array_equal(source.features, pixels)
    assert source.image_shape == (28, 28)
    assert source.target.tolist() == [0, 1, 2, 3, 4]
    assert len(source.feature_names) == 784


def test_a_table_of_whole_numbers_is_a_table_and_said_to_be_maybe_pictures(write):
    pixels = pixel_table(np.random.default_rng(0), columns=64)
    table = write(
        ",".join(f"p{i}" for i in range(64))
        + ",y\n"
        + "".join(f"{','.join(map(str, row))},1\n" for row in pixels)
    )
    source = load(table)
    assert isinstance(source.features, pl.DataFrame)
    assert source.image_shape is None
    assert any("could be pictures; --image-size 8x8" in note for note in source.notes)
    with pytest.raises(
        DataError, match="has 64 columns beside the target; pictures of 5×5 have 25 pixels"
    ):
        load(table, image_size=5)


def test_what_is_no_picture(write):
    with pytest.raises(DataError, match="whole numbers from 0 to 255, without gaps"):
        load(write("a,b,c,d,y\n1,2,3,256,0\n1,2,3,4,1\n"), image_size=2)


@pytest.mark.parametrize(("columns", "top"), [(783, 255), (784, 256), (49, 255)])
def test_other_tables_stay_frames(write, columns, top):
    pixels = pixel_table(np.random.default_rng(0), columns=columns, top=top)
    text = ",".join(f"p{i}" for i in range(columns)) + ",y\n"
    source = load(write(text + "".join(",".join(map(str, row)) + ",1\n" for row in pixels)))
    assert isinstance(source.features, pl.DataFrame)
    assert source.image_shape is None
    assert not any("pictures" in note for note in source.notes)


def indexed_pair(write, labels_index, header=True):
    pixels = pixel_table(np.random.default_rng(1), rows=3)
    first = ",".join(["", *map(str, range(784))]) + "\n" if header else ""
    images = write(
        first + "".join(f"{i}," + ",".join(map(str, row)) + "\n" for i, row in enumerate(pixels)),
        "images.csv",
    )
    labels = ("index,label\n" if header else "") + "".join(f"{i},{i % 2}\n" for i in labels_index)
    return pixels, f"{images},{write(labels, 'labels.csv')}"


@pytest.mark.parametrize("header", [True, False])
def test_pair_by_index(write, header):
    pixels, pair = indexed_pair(write, [0, 1, 2], header)
    source = load(pair, image_size=28)
    assert np.array_equal(source.features, pixels)
    assert source.target.tolist() == [0, 1, 0]
    assert source.image_shape == (28, 28)


def test_pair_that_does_not_match(write):
    with pytest.raises(DataError, match="differ first in row 2: 1 and 2"):
        load(indexed_pair(write, [0, 2, 1])[1])
    with pytest.raises(DataError, match=r"3 rows and .* 2"):
        load(indexed_pair(write, [0, 1])[1])
    with pytest.raises(DataError, match="half of"):
        load(f"{write(FLOWERS)},absent.csv")
    with pytest.raises(UsageError, match="brings its own target"):
        load(indexed_pair(write, [0, 1, 2])[1], target="label2")


def test_pair_without_index(write):
    features, labels = write("a,b\n1,2\n3,4\n", "x.csv"), write("y\nu\nv\n", "y.csv")
    source = load(f"{features},{labels}")
    assert source.features.rows() == [(1, 2), (3, 4)]
    assert source.target.tolist() == ["u", "v"]


def test_names_that_polars_takes_for_patterns(write):
    text = "^a$,^.*$,*,^y$\n1,u,2.5,q\nNA,v,3,\n4,u,n/a,r\n"
    source = load(write(text))
    assert source.feature_names == ("^a$", "^.*$", "*")
    assert source.features.rows() == [(1, "u", 2.5), (4, "u", None)]
    assert source.target.tolist() == ["q", "r"]
    features, labels = write("^i$,^a$\n0,5\n1,6\n", "x.csv"), write("i,y\n0,u\n1,v\n", "y.csv")
    assert load(f"{features},{labels}").features.rows() == [(5,), (6,)]


def test_a_path_with_a_comma_is_one_file(write):
    assert len(load(write(FLOWERS, "a,b.csv"))) == 3


def test_what_is_not_there(write):
    with pytest.raises(DataError, match="did you mean 'mnist'"):
        load("mnst")
    with pytest.raises(DataError, match="source ''"):
        load("")
    with pytest.raises(DataError, match="of no kind that is read"):
        load(write("x", "notes.doc"))
    with pytest.raises(UsageError, match="target 'digit'"):
        load("digits", target="digit")


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [("1", "1.5", pl.Float64), ("", "1", pl.Int64), ("", "x", pl.String)],
)
def test_types_are_those_of_all_rows(write, first, last, expected):
    rows = [first] * 3000 + [last]
    source = load(write("a,y\n" + "".join(f"{cell},1\n" for cell in rows)))
    assert source.features.schema == {"a": expected}
    assert source.features["a"].cast(pl.String).to_list()[-1] == last


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [("1", "x", pl.Float64), ("2020-01-01", "5", pl.Datetime("us")), ("true", "1", pl.String)],
)
def test_one_odd_cell_is_named(write, first, last, expected):
    rows = [first] * 3000 + [last] + [first.replace("1", "2")] * 3
    source = load(write("a,y\n" + "".join(f"{cell},1\n" for cell in rows)))
    assert source.features.schema == {"a": expected}
    if expected == pl.String:
        assert source.features["a"].to_list()[3000] == last
    else:
        assert source.features["a"].to_list()[3000] is None
        assert any(
            "column 'a' is read as" in note and f"'{last}' (line 3,002)" in note
            for note in source.notes
        )


def test_dates_of_two_manners_are_dates(write):
    source = load(write("a,y\n" + "01/02/2020,1\n" * 20 + "2020-01-05,1\n31/01/2020,0\n"))
    assert source.features["a"].to_list()[0] == datetime.datetime(2020, 2, 1)
    assert source.features["a"].to_list()[-2:] == [
        datetime.datetime(2020, 1, 5),
        datetime.datetime(2020, 1, 31),
    ]


def test_a_known_schema_decides_nothing_anew(write):
    train = load(write("code,size,y\n01,1.5,a\n02,NA,b\nNA,2,a\n", "train.csv"))
    later = load(write("y,size,code\na,7,1\n", "later.csv"), target="y", schema=train.schema)
    assert later.schema is train.schema
    assert later.features["code"].to_list() == ["1"]  # as it came: the model reads it
    assert later.target.tolist() == ["a"]


numbers = (
    st.floats(allow_nan=False, allow_infinity=False, width=64)
    | st.integers(-(2**53), 2**53).map(float)
    | st.none()
)
words = (
    st.text(string.ascii_letters + " ,;\"\n'é漢", min_size=1, max_size=8).map(
        lambda text: f"w{text}w"
    )
    | st.none()
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(
    rows=st.lists(st.tuples(numbers, words, st.integers(0, 3)), min_size=1, max_size=12),
    gap=st.sampled_from(["", "NA", "?"]),
)
def test_what_csv_writes_is_read_back(tmp_path, rows, gap):
    path = tmp_path / "round.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "word", "y"])
        writer.writerows(
            [
                [
                    gap if cell is None else repr(cell) if isinstance(cell, float) else cell
                    for cell in row
                ]
                for row in rows
            ]
        )
    choices = ColumnChoices(
        numeric=("number",), categorical=("word",), na_values=(gap,) if gap else None
    )
    expected = {name: [row[place] for row in rows] for place, name in enumerate(("number", "word"))}
    filled = {name: column for name, column in expected.items() if set(column) != {None}}
    if not filled:
        with pytest.raises(DataError, match="nothing to learn from"):
            load(path, columns=choices)
        return
    source = load(path, columns=choices)
    assert {series.name: series.to_list() for series in source.features} == filled
    assert source.target.tolist() == [row[2] for row in rows]
