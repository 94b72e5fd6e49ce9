"""Columns of every type come back from their files as they went, whole and in part."""

import datetime

import numpy as np
import polars
import pytest

from fastmlp.data.staged import columns
from fastmlp.data.staged.columns import ColumnFiles

MOMENT = datetime.datetime(2024, 3, 31, 12, 30, 5, 123456)
COLUMNS = {
    "": polars.Series([1, None, 3], dtype=polars.Int64),
    "^a$": polars.Series([0.1, -0.0, 1e300]),
    "small": polars.Series([1, 255, None], dtype=polars.UInt8),
    "truth": polars.Series([True, None, False]),
    "moment": polars.Series([MOMENT, None, MOMENT - datetime.timedelta(days=999999 // 9)]),
    "day": polars.Series([MOMENT.date(), None, MOMENT.date()]),
    "time": polars.Series([MOMENT.time(), None, MOMENT.time()]),
    "span": polars.Series([datetime.timedelta(microseconds=3), None, datetime.timedelta(9)]),
    "text": polars.Series(["a", None, "ü" * 40]),
    "level": polars.Series(["a", "b", None], dtype=polars.Categorical),
    "nothing": polars.Series([None, None, None], dtype=polars.Null),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_comes_back(tmp_path, monkeypatch, name):
    monkeypatch.setattr(columns, "BATCH_ROWS", 2)
    files, series = ColumnFiles(tmp_path / "files"), COLUMNS[name].alias(name)
    files[name] = polars.Series(["another"])
    files[name] = series
    assert files[name].equals(series, check_dtypes=True, check_names=True)
    for start, stop in ((0, 3), (1, 3), (0, 1), (2, 2)):
        part = files.block(name, start, stop)
        assert part.equals(series.slice(start, stop - start), check_dtypes=True, check_names=True)
    assert files.schema == {name: series.dtype}
    del files[name]
    assert name not in files
    assert list((tmp_path / "files").iterdir()) == []


def test_a_column_may_be_replaced_by_what_was_read_of_it(tmp_path):
    files = ColumnFiles(tmp_path)
    files["a"] = polars.Series(np.arange(100_000))
    files["a"] = files["a"]
    assert files["a"].to_list() == list(range(100_000))
