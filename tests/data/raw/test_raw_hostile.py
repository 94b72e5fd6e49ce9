"""Whatever a file holds, reading it ends with a table or with one line of our own errors."""

import gzip

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastmlp.data.raw.form.layout import Layout
from fastmlp.data.raw.read import read_table
from fastmlp.errors import DataError

SLOW_TO_MAKE = [HealthCheck.function_scoped_fixture]


def read_or_refuse(path, layout=None):
    try:
        table = read_table(path, layout)
    except DataError as error:
        assert str(path) in str(error)  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017
        return None
    assert table.frame.height > 0 < table.frame.width
    assert len(set(table.frame.columns)) == table.frame.width
    assert table.line_of(0)
    assert table.line_of(table.frame.height - 1)
    return table


signs = st.text(st.sampled_from(list("ab15.,;|\t \"'#\n\r\ufeff=é−")), max_size=40)


@settings(suppress_health_check=SLOW_TO_MAKE, max_examples=300, deadline=None)
@given(
    content=signs.map(str.encode)
    | signs.map(lambda text: text.encode("utf-16"))
    | st.binary(max_size=60),
    header=st.sampled_from([None, True, False]),
    separator=st.sampled_from([None, None, ",", "space", "§"]),
)
def test_any_text(tmp_path, content, header, separator):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    table = read_or_refuse(path, Layout(header, separator))
    if table is not None:
        assert set(table.frame.dtypes) == {pl.String}
        assert (
            header is None
            or table.has_header == header
            or any("no row has" in note for note in table.notes)
        )


def mutations(whole, count):
    random = np.random.default_rng(0)
    for number in range(count):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 1 + number % 4):
            damaged[place] = random.integers(256)
        yield bytes(damaged)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet", "t.arrow"])
def test_damaged_bytes(tmp_path, name, capfd):
    path = tmp_path / name
    frame = pl.DataFrame({"a": range(30), "b": ["x", "y", None] * 10, "c": [0.5, 1.5, 2.5] * 10})
    if name.endswith("parquet"):
        frame.write_parquet(path)
    elif name.endswith("arrow"):
        frame.write_ipc(path)
    else:
        text = frame.write_csv().encode()
        path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    for damaged in mutations(path.read_bytes(), 150):
        path.write_bytes(damaged)
        read_or_refuse(path)
