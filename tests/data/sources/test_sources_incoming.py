"""Data in memory: any form of a table gives the same features; the rest is refused in words."""

import datetime
import decimal
import math

import numpy as np
import pandas
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal, assert_series_equal
from scipy import sparse

from fastmlp.data.loading import load
from fastmlp.data.sources.in_memory import as_source, is_place, place
from fastmlp.data.sources.incoming import as_features
from fastmlp.data.sources.series import to_series
from fastmlp.errors import DataError, FastMLPError, UsageError

MOMENT = datetime.datetime(2024, 2, 29, 12, 30)
FEBRUARY = datetime.datetime(2024, 2, 1)
NAMES = ("number", "text")


def table():
    return polars.DataFrame({"number": [1.5, None, -2.0], "text": ["red", "blue", None]})


FORMS = {
    "polars": lambda: table(),
    "lazy": lambda: table().lazy(),
    "another order and more": lambda: table().select("text", polars.lit([[1]]).alias("more"),
        "number").drop("more"),
    "pandas": lambda: pandas.DataFrame({"text": ["red", "blue", None], "extra": [{}, [], 1],
            "number": [1.5, None, -2]}),
    "pandas objects": lambda: pandas.DataFrame(
        {"number": [1.5, math.nan, -2], "text": ["red", "blue", math.nan]}, dtype=object
    ),
    "pandas nullable": lambda: pandas.DataFrame(
        {"number": pandas.array([1.5, None, -2], "Float64"),
            "text": pandas.array(["red", "blue", None], "string")}
    ),
    "columns": lambda: {"text": ["red", "blue", None], "number": np.array([1.5, np.nan, -2]),
        "more": [set()] * 3},
    "columns of series": lambda: {"text": table()["text"],
        "number": pandas.Series([1.5, None, -2], index=[3, 1, 2])},
    "rows as dicts": lambda: table().to_dicts(),
    "rows as lists": lambda: [list(row) for row in table().rows()],
    "rows as tuples": lambda: tuple(table().rows()),
    "objects": lambda: np.array(table().rows(), dtype=object),
    "records": lambda: pandas.DataFrame({"number": [1.5, None, -2],
            "text": ["red", "blue", None]}).to_records(index=False),
    "structs": lambda: table().to_struct("rows"),
    "Arrow": lambda: Stream(table()),
}  # fmt: skip


class Stream:
    """A table of another library."""

    def __init__(self, frame):
        self.frame = frame

    def __arrow_c_stream__(self, requested_schema=None):
        return self.frame.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize("form", FORMS)
def test_a_table_in_any_form(form):
    features = as_features(FORMS[form](), 2, NAMES)
    assert_frame_equal(features.select(NAMES).fill_nan(None), table())


ROWS = {
    "dict": {"text": "red", "number": 1.5},
    "list": [1.5, "red"],
    "tuple": (1.5, "red"),
    "array": np.array([1.5, "red"], dtype=object),
    "pandas, by name": pandas.Series({"text": "red", "number": 1.5}),
    "pandas, in order": pandas.Series([1.5, "red"]),
    "a list of one row": [[1.5, "red"]],
}


@pytest.mark.parametrize("form", ROWS)
def test_one_row(form):
    assert_frame_equal(as_features(ROWS[form], 2, NAMES).select(NAMES), table()[:1])


NUMBERS = np.array([[0.0, 1.5], [-2.0, 0.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    "given",
    [
        NUMBERS, NUMBERS.tolist(), NUMBERS.astype(">f4"), NUMBERS.astype(np.float16),
        NUMBERS.astype(np.longdouble),
        sparse.csr_array(NUMBERS), sparse.coo_matrix(NUMBERS), np.ma.masked_equal(NUMBERS, 7),
        list(NUMBERS),
        memoryview(NUMBERS), [pandas.Series(row) for row in NUMBERS],
    ],
    ids=lambda given: type(given).__name__,
)  # fmt: skip
def test_arrays_of_numbers(given):
    features = as_features(given, 2)
    assert features.dtype.isnative
    assert features.dtype in (np.float32, np.float64)
    assert np.array_equal(features, NUMBERS)


def test_types_that_the_kernels_read_are_kept():
    for dtype in (np.uint8, np.float32, np.float64, np.int64, np.bool_):
        assert as_features(np.ones((2, 3), dtype), 3).dtype == dtype


def test_tensors():
    torch = pytest.importorskip("torch")
    for tensor in (torch.tensor(NUMBERS), torch.nn.Parameter(torch.tensor(NUMBERS))):
        assert np.array_equal(as_features(tensor, 2), NUMBERS)
    with pytest.raises(DataError, match="cannot be read as an array"):
        as_features(torch.tensor(NUMBERS).to_sparse(), 2)


def test_masked_values_are_missing():
    assert np.isnan(as_features(np.ma.masked_equal(NUMBERS, 1.5), 2)[0, 1])
    assert as_features(np.ma.masked_equal(NUMBERS.astype(int), 3), 2)["column_1"].to_list() == [
        0,
        -2,
        None,
    ]


@pytest.mark.parametrize("names", [None, ("a", "b")])
def test_no_rows(names):
    for none in (
        [],
        (),
        np.zeros((0, 2)),
        np.zeros(0),
        pandas.DataFrame({"a": [], "b": []}),
        {"a": [], "b": []},
    ):
        assert as_features(none, 2, names).shape == (0, 2)


def test_pictures_become_rows():
    pictures = np.arange(2 * 3 * 5 * 5, dtype=np.uint8).reshape(2, 3, 5, 5)
    assert np.array_equal(as_features(pictures, 75), np.moveaxis(pictures, 1, 3).reshape(2, 75))
    assert as_features(pictures[:, 0], 25).shape == (2, 25)
    assert as_features(pictures[:0], 75).shape == (0, 75)


COLUMNS = [
    (pandas.Series([1, 2], dtype="int8"), polars.Int8, [1, 2]),
    (pandas.Series([1, None], dtype="Int64"), polars.Int64, [1, None]),
    (pandas.Series([1.5, None], dtype="Float32"), polars.Float32, [1.5, None]),
    (pandas.Series([True, None], dtype="boolean"), polars.Boolean, [True, None]),
    (pandas.Series([True, None], dtype=object), polars.Boolean, [True, None]),
    (pandas.Series([1, None, True], dtype=object), polars.Int64, [1, None, 1]),
    (pandas.Series([1, 2.5, pandas.NA], dtype=object), polars.Float64, [1.0, 2.5, None]),
    (pandas.Series([decimal.Decimal("1.5"), decimal.Decimal("NaN")]), polars.Float64, [1.5, None]),
    (pandas.Series(["a", 1, None, 2.5], dtype=object), polars.String, ["a", "1", None, "2.5"]),
    (pandas.Series([b"a", None]), polars.String, ["a", None]),
    (pandas.Series(["01", None]), polars.String, ["01", None]),
    (pandas.Series([None, None], dtype=object), polars.Null, [None, None]),
    (pandas.Series([], dtype=object), polars.Null, []),
    (pandas.Series(["b", None], dtype="category"), polars.Enum(["b"]), ["b", None]),
    (pandas.Series(pandas.Categorical([2, 10])), polars.Enum(["2", "10"]), ["2", "10"]),
    (pandas.Series(pandas.Categorical([2.0, 0.5])), polars.Enum(["0.5", "2.0"]), ["2.0", "0.5"]),
    (pandas.cut(pandas.Series([1.0, 9.0]), [0, 5, 10]), polars.Enum(["(0, 5]", "(5, 10]"]),
        ["(0, 5]", "(5, 10]"]),
    (pandas.Series([MOMENT, None]), polars.Datetime("us"), [MOMENT, None]),
    (pandas.Series([MOMENT, pandas.NaT], dtype=object), polars.Datetime("us"), [MOMENT, None]),
    (pandas.Series([MOMENT]).dt.tz_localize("Europe/Berlin"), polars.Datetime("us"),
        [MOMENT - datetime.timedelta(hours=1)]),
    (pandas.Series([MOMENT.date(), None]), polars.Date, [MOMENT.date(), None]),
    (pandas.Series([MOMENT.time(), None]), polars.Time, [MOMENT.time(), None]),
    (pandas.Series([datetime.timedelta(hours=1), None]), polars.Duration("us"),
        [datetime.timedelta(hours=1), None]),
    (pandas.Series(pandas.period_range("2024-02", periods=1, freq="M")), polars.Datetime("us"),
        [FEBRUARY]),
    (pandas.Series(pandas.arrays.SparseArray([0.0, 1.0])), polars.Float64, [0.0, 1.0]),
    (np.array(["2024-02-29", "NaT"], "M8[D]"), polars.Datetime("us"),
        [datetime.datetime(2024, 2, 29), None]),
    (np.array(["a", "b"]), polars.String, ["a", "b"]),
    (np.array([b"a", b"b"]), polars.String, ["a", "b"]),
    (np.array([1.0, np.nan]), polars.Float64, [1.0, None]),
    (np.array([[1], [2]]), polars.Int64, [1, 2]),
    (range(2), polars.Int64, [0, 1]),
    ([2**70, None], polars.Float64, [2.0**70, None]),
    ([np.float32(0.5), np.int8(1)], polars.Float64, [0.5, 1.0]),
    ([np.datetime64("2024-02"), FEBRUARY.date()], polars.Datetime("us"), [FEBRUARY, FEBRUARY]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "kind", "expected"), COLUMNS, ids=lambda value: str(value)[:20].replace("\n", " ")
)
def test_a_column(given, kind, expected):
    series = to_series("c", given)
    assert_series_equal(series, polars.Series("c", expected, dtype=kind))


kinds = [
    st.sampled_from([None, "x", "y", "1"]),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.booleans(),
    st.integers(-5, 5),
    st.none() | st.datetimes(FEBRUARY, MOMENT),
]


@settings(deadline=None)
@given(st.data(), st.integers(1, 6))
def test_pandas_and_polars_say_the_same(data, rows):
    columns = {
        str(i): data.draw(st.lists(kind, min_size=rows, max_size=rows))
        for i, kind in enumerate(kinds)
    }
    of_polars = polars.DataFrame(columns, strict=False)
    of_pandas = as_features(
        pandas.DataFrame({int(name): column for name, column in columns.items()})
    )
    assert_frame_equal(of_pandas, of_polars, check_dtypes=False)


@pytest.mark.parametrize("names", [None, ("a", "b")])
@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (None, UsageError, "NoneType"),
        (7, UsageError, "type int"),
        ("data.csv", UsageError, "fastmlp.predict and fastmlp.evaluate read files"),
        (b"1,2", UsageError, "type bytes"),
        ({1, 2}, UsageError, "type set"),
        (iter([[1, 2]]), UsageError, "iterator"),
        (object(), UsageError, "type object"),
        (print, UsageError, "builtin_function"),
        (np.array(3.0), UsageError, "ndarray"),
        ([1, 2, 3], DataError, "one row of 3 values was given; a row has 2"),
        (np.arange(5), DataError, "one row of 5 values"),
        (pandas.Series([1.0]), DataError, "one row of 1 values"),
        (polars.Series([1, 2, 3]), DataError, "one row of 3"),
        ([[1, 2], [3]], DataError, "from 1 to 2 values"),
        ([[1, [2]], [3, 4]], DataError, "single values|list values"),
        (np.zeros((2, 2), complex), DataError, "complex"),
        ({"a": [1], "b": [1, 2]}, DataError, "has 2 values and 'a' has 1"),
        ({"a": [[1]], "b": [{}]}, DataError, "list values|column 'a'"),
        ({"a": np.zeros((2, 2)), "b": [1, 2]}, DataError, "shape"),
        (pandas.DataFrame([[1, 2, 3]], columns=["a", "a", "b"]), DataError, "'a' occurs twice"),
        (pandas.DataFrame({"a": [[1]], "b": [1]}), DataError, "list values"),
        (
            polars.LazyFrame({"a": [1], "b": ["x"]}).with_columns(
                polars.col("b").cast(polars.Int64)
            ),
            DataError,
            "lazy",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_refused_is_refused_in_one_line(given, error, words, names):
    with pytest.raises(error, match=words) as caught:
        as_features(given, 2, names)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "given", [{"a": [1]}, pandas.DataFrame({"a": [1]}), polars.LazyFrame({"a": [1]}), [{"a": 1}]]
)
def test_a_column_that_is_missing_is_named(given):
    with pytest.raises(
        DataError, match="no column 'ab', which the model was trained on; did you mean 'a'"
    ):
        as_features(given, 1, ("ab",))


X, Y = NUMBERS, ["u", "v", "u"]
LABELLED = {"a": [1, 2], "label": ["u", "v"], "b": [3, 4]}


@pytest.mark.parametrize(
    "target",
    [
        Y, tuple(Y), np.array(Y), np.array(Y, dtype=object), pandas.Series(Y, name="y"),
        polars.Series("y", Y),
        pandas.Series(Y, dtype="category"), pandas.DataFrame({"y": Y}), polars.DataFrame({"y": Y}),
        np.array(Y)[:, None], np.array(Y, dtype=object)[:, None],
    ],
    ids=lambda given: type(given).__name__,
)  # fmt: skip
def test_a_pair(target):
    source = as_source((X, target))
    assert source.target.tolist() == Y
    assert np.array_equal(source.features, X)
    assert source.target_name in (None, "y")


def test_targets_of_numbers():
    for target in (
        [1, 0, 1],
        np.array([1, 0, 1]),
        pandas.Series([1, 0, 1], dtype="Int64"),
        sparse_free([1, 0, 1]),
    ):
        assert as_source((X, target)).target.tolist() == [1, 0, 1]
    two = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    for target in (two, two.tolist(), pandas.DataFrame(two), polars.DataFrame(two)):
        assert np.array_equal(as_source((X, target)).target, two)


def sparse_free(values):
    return memoryview(np.array(values))


@pytest.mark.parametrize(
    "frame",
    [pandas.DataFrame(LABELLED), LABELLED],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_frame_with_its_target(frame):
    source = as_source(frame)
    assert (source.target.tolist(), source.target_name, source.feature_names) == (
        ["u", "v"],
        "label",
        ("a", "b"),
    )
    assert as_source(frame, "b").target.tolist() == [3, 4]
    assert as_source(frame, "0").target.tolist() == [1, 2]
    with pytest.raises(DataError, match=r"the frame has no column 'lable'.*'label'"):
        as_source(frame, "lable")


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (X, UsageError, "no target; give a pair"),
        ((X, None), UsageError, "NoneType cannot be used"),
        ((X, "y"), UsageError, "type str.*target='name'"),
        ((X, Y[:2]), DataError, "3 rows of features and 2 targets"),
        ((X, ["u", None, "v"]), DataError, "lacks 1 of 3 values"),
        ((X, pandas.Series([1, None, 2], dtype="Int64")), DataError, "lacks 1 of 3"),
        ((X, [{}, {}, {}]), FastMLPError, "target"),
        ((X, polars.DataFrame({"a": Y, "b": Y})), DataError, "several columns"),
        ((X, pandas.Series([MOMENT] * 3)), DataError, "labels, numbers or truth values"),
        ((np.zeros((0, 2)), []), DataError, "cannot be used|no rows"),
        (polars.DataFrame({"a": []}), DataError, "no rows"),
        ({}, DataError, "no columns"),
        (5, UsageError, "type int"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_source(given, error, words):
    with pytest.raises(error, match=words) as caught:
        as_source(given)
    assert "\n" not in str(caught.value)


def test_places(tmp_path):
    assert all(map(is_place, ("digits", tmp_path, ("a", "b"), [tmp_path, "b"])))
    assert not any(map(is_place, ((X, Y), X, ("a", Y), {"a": [1]}, None, ["a", "b", "c"])))
    assert place(tmp_path / "a") == str(tmp_path / "a")
    assert place(("a.npy", "b.npy")) == "a.npy,b.npy"


def test_a_path_is_no_data_sets_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"'\./digits' is neither a file"):
        load((tmp_path / "digits").relative_to(tmp_path))
    assert len(load("digits")) == 1797


def test_a_target_that_is_named_beside_a_pair():
    with pytest.raises(UsageError, match="brings its own target"):
        load((X, Y), target="y")


def test_test_rows_in_memory(tmp_path):
    frame = polars.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0], "y": ["u", "v"]})
    frame.write_csv(tmp_path / "t.csv")
    turned = frame.select("y", "b", "a")
    for train, test in (
        (frame, turned),
        (tmp_path / "t.csv", turned),
        (frame, (X[:2], Y[:2])),
        (frame, tmp_path / "t.csv"),
    ):
        held_out = load(train, target="y", test=test).test
        assert held_out.target.tolist() == ["u", "v"]
    assert len(load((X, Y), test=(X[:1], Y[:1])).test) == 1
    with pytest.raises(DataError, match="no column 'b'"):
        load(frame, target="y", test=frame.drop("b"))
