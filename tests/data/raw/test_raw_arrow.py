"""Parquet, Arrow and Feather as raw tables."""

import json

import polars as pl
import pytest

from fastmlp.data import memory
from fastmlp.data.raw.read import read_table
from fastmlp.errors import DataError

SUFFIXES = ["parquet", "arrow", "feather", "ipc"]
FRAME = pl.DataFrame(
    {"n": [1, None, 3], "x": [0.5, 1.5, None], "s": ["a", None, "c"], "l": [[1], [], None]}
)


def write(frame, path, **options):
    (frame.write_parquet if path.suffix == ".parquet" else frame.write_ipc)(path, **options)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_types_stay(tmp_path, suffix):
    table = read_table(write(FRAME, tmp_path / f"t[1]*.{suffix}"))
    assert table.frame.equals(FRAME)
    assert (table.notes, table.separator, table.has_header, table.line_of(0)) == (
        (),
        None,
        True,
        "row 1",
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("cut", [0, 4, 30, 200])
def test_damaged_files(tmp_path, suffix, cut):
    path = write(FRAME, tmp_path / f"t.{suffix}")
    path.write_bytes(path.read_bytes()[:-cut] if cut else b"")
    with pytest.raises(DataError, match="cannot be read") as caught:
        read_table(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_rows_are_counted_before_they_are_unpacked(tmp_path, monkeypatch, suffix):
    frame = pl.DataFrame({"a": pl.zeros(1_000_000, dtype=pl.Int64, eager=True)})
    path = write(frame, tmp_path / f"t.{suffix}", compression="zstd")
    monkeypatch.setattr(memory, "available_memory", lambda: 1_000_000)
    with pytest.raises(DataError, match="needs 4 MB of memory"):
        read_table(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_index_of_a_pandas_frame_is_left_out(tmp_path, suffix):
    frame = FRAME.with_columns(
        pl.Series("__index_level_0__", [2, 0, 1]), pl.Series("__index_level_1__", [2, 0, 1])
    )
    table = read_table(write(frame, tmp_path / f"t.{suffix}"))
    assert table.frame.equals(FRAME)
    assert table.notes == (
        "'__index_level_0__', '__index_level_1__' is the index of a pandas frame and was left out.",
    )


def test_a_named_index_stays_and_is_told(tmp_path):
    meta = json.dumps({"index_columns": ["n", {"kind": "range"}, "absent"], "columns": []})
    table = read_table(write(FRAME, tmp_path / "t.parquet", metadata={"pandas": meta}))
    assert table.frame.equals(FRAME)
    assert table.notes == ("column 'n' was the index of a pandas frame and is read as a column.",)


@pytest.mark.parametrize(
    "meta", ["", "[]", "{", '{"index_columns": 5}', '{"index_columns": [[1]]}', "[" * 100_000]
)
def test_metadata_of_another_kind_is_no_matter(tmp_path, meta):
    assert read_table(write(FRAME, tmp_path / "t.parquet", metadata={"pandas": meta})).notes == ()


def test_an_index_alone_stays(tmp_path):
    frame = pl.DataFrame({"__index_level_0__": [1, 2]})
    assert read_table(write(frame, tmp_path / "t.parquet")).frame.equals(frame)


@pytest.mark.parametrize(("frame", "part"), [(FRAME.head(0), "rows"), (pl.DataFrame(), "columns")])
def test_nothing_in_it(tmp_path, frame, part):
    with pytest.raises(DataError, match=f"has no {part}"):
        read_table(write(frame, tmp_path / "t.parquet"))
