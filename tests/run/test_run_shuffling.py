"""Whether rows in a file are shuffled freely or in blocks: by the disk, and as one likes."""

from types import SimpleNamespace

import numpy as np
import pytest

from fastmlp.data.mapped.probe import ReadingSpeed
from fastmlp.data.mapped.reader import Stored
from fastmlp.data.mapped.rows import MappedRows
from fastmlp.run import shuffling
from fastmlp.settings.settings import Settings

DISK, SSD = ReadingSpeed(120, 150e6), ReadingSpeed(90_000, 400e6)


def many(rows, row_bytes, memory):
    """Return rows that are said to be there, for what only looks at their sizes."""
    stored = SimpleNamespace(row_bytes=row_bytes, rows=rows)
    conversions = (SimpleNamespace(columns=row_bytes // 4, dtype=np.dtype(np.float32)),)
    return MappedRows(stored, conversions, memory)


@pytest.mark.parametrize(
    ("rows", "row_bytes", "speed", "block"),
    [
        (1_000_000, 3136, DISK, 1337),  # hours against seconds
        (1_000_000, 3136, SSD, 0),
        (1_000, 3136, DISK, 0),  # eight seconds
        (500_000_000, 16, SSD, 262_144),  # a page for sixteen bytes
    ],
)
def test_blocks_where_the_disk_asks_for_them(monkeypatch, rows, row_bytes, speed, block):
    monkeypatch.setattr(shuffling, "reading_speed", lambda reader: speed)
    train = many(rows, row_bytes, 2 << 30)
    data = SimpleNamespace(train=SimpleNamespace(features=train), notes=[])
    assert shuffling.with_shuffle_block(Settings(), data).shuffle_block == block
    assert len(data.notes) == bool(block)
    if block:
        assert f"in blocks of {block:,} (--shuffle-block 0 shuffles them freely)" in data.notes[0]


def test_nothing_is_measured_where_nothing_is_to_be_chosen(monkeypatch, tmp_path):
    monkeypatch.delattr(shuffling, "reading_speed")
    np.save(tmp_path / "x.npy", np.ones((50, 4)))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    rows = MappedRows.of(Stored.of(mapped), 100)
    for features, settings in (
        (np.ones((50, 4)), Settings()),
        (mapped, Settings()),
        (rows, Settings(shuffle_block=0)),
        (rows, Settings(shuffle_block=12)),
        (rows, Settings(shuffle=False)),
    ):
        data = SimpleNamespace(train=SimpleNamespace(features=features), notes=[])
        assert shuffling.with_shuffle_block(settings, data) is settings
        assert data.notes == []
