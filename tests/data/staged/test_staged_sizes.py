"""What a table would take in memory is told about right before it is read."""

import gzip

import numpy as np
import polars
import pytest

from fastmlp.data.raw.read import read_table
from fastmlp.data.staged.sizes import COPIES, memory_of, memory_of_pictures


def table(rows):
    random = np.random.default_rng(0)
    numbers = polars.from_numpy(random.normal(size=(rows, 6)).round(3))
    return numbers.with_columns(text=polars.Series([f"a text {row}" for row in range(rows)]))


@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet", "arrow"])
def test_a_table_takes_about_what_is_told(tmp_path, form):
    # Of packed texts the beginning is unpacked: more of them are judged than that.
    frame, path = table(120_000), tmp_path / f"table.{form}"
    write = {"csv": frame.write_csv, "parquet": frame.write_parquet, "arrow": frame.write_ipc}
    if form == "csv.gz":
        path.write_bytes(gzip.compress(frame.write_csv().encode(), 1))
    else:
        write[form](path)
    read = read_table(path).frame
    texts = sum(dtype == polars.String for dtype in read.dtypes)
    taken = read.estimated_size() + 16 * texts * read.height  # polars counts the letters alone
    assert 0.6 * taken < memory_of([path]) / COPIES < 1.8 * taken
    assert memory_of([path, path]) == pytest.approx(2 * memory_of([path]), abs=1)


def test_nothing_takes_nothing(tmp_path):
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "torn.csv.gz").write_bytes(b"\x1f\x8b\x08")
    assert memory_of([tmp_path / "empty.csv", tmp_path / "torn.csv.gz"]) == 0
    assert memory_of_pictures([], None, False) == 0
    (tmp_path / "no.png").write_bytes(b"none")
    assert memory_of_pictures([tmp_path / "no.png"], None, False) == 0
    assert memory_of_pictures([tmp_path / "no.png"] * 3, (4, 5), True) == 2 * 3 * 60
