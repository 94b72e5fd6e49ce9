"""Columns that lie together become rows that do, in a file aside."""

import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fastmlp.data.mapped.rewritten import in_row_order
from fastmlp.data.mapped.rows import MappedRows
from fastmlp.errors import DataError


@pytest.mark.parametrize("memory", [1, 1000, 10**6])
def test_the_same_rows(tmp_path, random, monkeypatch, memory):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "aside"))
    (tmp_path / "aside").mkdir()
    array = np.asfortranarray(random.integers(-9, 9, (57, 3, 4)).astype(">i4"))
    np.save(tmp_path / "x.npy", array)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert not mapped.flags.c_contiguous
    stored = in_row_order(mapped, memory)
    assert Path(stored.path).parent == tmp_path / "aside"
    rows = MappedRows.of(stored, memory)
    del stored
    np.testing.assert_array_equal(rows[:], array.reshape(57, -1))
    del rows
    assert list((tmp_path / "aside").iterdir()) == []


def test_no_room_is_one_line(random, monkeypatch):
    array = np.asfortranarray(random.normal(size=(100, 4)))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=3199))
    with pytest.raises(DataError, match=r"the rows need 3\.2 kB in .* which has 3\.2 kB; set TMPD"):
        in_row_order(array, 1000)
