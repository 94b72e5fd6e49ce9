"""The speed of a disk, from reads of a made-up one; what memory holds is left out."""

import os

import numpy as np
import pytest

from fastmlp.data.mapped import probe
from fastmlp.data.mapped.reader import RowReader, Stored

pytestmark = pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="Linux tells what it holds")


class Disk:
    """Ten thousand rows, of which memory holds those below a number; and a clock of its own."""

    rows, row_bytes = 100_000, 1000

    def __init__(self, held, seek, rate):
        self.below, self.seek, self.rate, self.now = held, seek, rate, 0.0

    def held(self, rows):
        return rows < self.below

    def announce(self, rows):
        assert (rows >= self.below).all()

    def read(self, rows, out):
        self.now += self.seek + len(rows) * self.row_bytes / self.rate

    def perf_counter(self):
        return self.now


@pytest.mark.parametrize(("seek", "rate"), [(0.008, 150e6), (0.0001, 500e6)])
def test_a_disk(seek, rate, monkeypatch):
    disk = Disk(2000, seek, rate)
    monkeypatch.setattr(probe, "time", disk)
    speed = probe.reading_speed(disk)
    assert speed.picked == pytest.approx(1 / (seek + 1000 / rate))
    stretch = 4194 * 1000
    assert speed.scanned == pytest.approx(stretch / (seek + stretch / rate), rel=0.01)
    assert disk.now < 2 * probe.SECONDS + 2 * (seek + stretch / rate)


def test_a_file_that_memory_holds(monkeypatch):
    disk = Disk(Disk.rows, 1, 1)
    monkeypatch.setattr(probe, "time", disk)
    speed = probe.reading_speed(disk)
    assert (speed.picked, speed.scanned) == (probe.PICKED_FROM_MEMORY, probe.SCANNED_FROM_MEMORY)
    assert disk.now == 0


def test_a_real_file_that_was_just_written(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((500, 400)))
    reader = RowReader(Stored.of(np.load(tmp_path / "x.npy", mmap_mode="r")))
    assert reader.held(np.arange(500)).dtype == bool
    speed = probe.reading_speed(reader)
    assert speed.picked > 0
    assert speed.scanned > 0
