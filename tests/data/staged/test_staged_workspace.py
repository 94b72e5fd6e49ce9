"""Matrices are written row after row, and refused where the disk has no room."""

import numpy as np
import pytest

from fastmlp.data.staged import workspace
from fastmlp.data.staged.workspace import Workspace
from fastmlp.errors import DataError


def test_blocks_become_a_matrix(tmp_path):
    told = []
    space = Workspace(tmp_path, 1 << 20, lambda *what: told.append(what))
    rows = np.arange(35, dtype=np.float32).reshape(7, 5)
    written = space.write((7, 5), rows.dtype, (rows[:3], rows[3:]), "the rows")
    assert np.array_equal(np.load(written.filename), rows)
    assert told == [("encoding", 3, 7), ("encoding", 7, 7)]
    assert not written.flags.writeable


def test_rows_come_in_any_order(tmp_path):
    file = Workspace(tmp_path, 1 << 20).bytes_of((4, 3), "the rows")
    rows = np.arange(12, dtype=np.uint8).reshape(4, 3)
    for row in (2, 0, 3):
        file[row] = rows[row]
    assert np.array_equal(file.mapped()[[0, 2, 3]], rows[[0, 2, 3]])
    file[1] = rows[1]
    assert np.array_equal(file.finished()[:], rows)


def test_a_full_disk_is_told_beforehand(tmp_path, monkeypatch):
    usage = workspace.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(workspace.shutil, "disk_usage", lambda _: usage._replace(free=100))
    with pytest.raises(DataError, match=r"the rows need 140 bytes on the disk of .*has 100 bytes"):
        Workspace(tmp_path, 1 << 20).write((7, 5), np.dtype("f4"), (), "the rows")
