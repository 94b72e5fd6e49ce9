"""Fixtures: a text becomes a file, and what is read of it."""

import pytest

from fastmlp.data.raw.read import read_table


@pytest.fixture
def read(tmp_path):
    def read(text, layout=None, name="t.csv"):
        (tmp_path / name).write_bytes(text.encode())
        return read_table(tmp_path / name, layout)

    return read
