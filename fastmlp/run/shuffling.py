"""How rows are shuffled that stay in their file: freely, or in blocks where a disk is slow."""

from __future__ import annotations

from dataclasses import replace

from fastmlp.data.mapped.probe import ReadingSpeed, reading_speed
from fastmlp.data.mapped.rows import MappedRows, within
from fastmlp.preparation.prepare import PreparedData
from fastmlp.settings.settings import Settings
from fastmlp.step.window import window_bytes

TIMES = 8  # blocks are taken where rows at random take so many times as long to read,
SECONDS = 20.0  # and at least so many seconds of each epoch
BLOCK = 4 << 20  # bytes


def with_shuffle_block(settings: Settings, data: PreparedData) -> Settings:
    """Return the settings with the size of a block in which rows are shuffled, 0 for none.

    If it is not given, the disk is measured, and blocks are noted in ``data.notes``.
    """
    if settings.shuffle_block is not None or not settings.shuffle:
        return settings
    train = within(data.train.features, settings.memory)
    if not isinstance(train, MappedRows):
        return settings
    speed = reading_speed(train.reader)
    freely, in_blocks = epoch_seconds(train, speed)
    if freely < TIMES * in_blocks or freely < SECONDS:
        return replace(settings, shuffle_block=0)
    block = max(BLOCK // train.reader.row_bytes, 1)
    data.notes.append(
        f"to read the rows at random would take about {freely:,.0f} s of each epoch, and "
        f"{in_blocks:,.0f} s in a row: they are shuffled in blocks of {block:,} "
        "(--shuffle-block 0 shuffles them freely)."
    )
    return replace(settings, shuffle_block=block)


def epoch_seconds(rows: MappedRows, speed: ReadingSpeed) -> tuple[float, float]:
    """Return how long an epoch's reading takes, rows at random and rows in blocks.

    At random, each row is a read of its own, or each window is picked out of the whole file,
    whichever is faster.
    """
    size = len(rows) * rows.reader.row_bytes
    windows = max(rows.nbytes / max(window_bytes(rows), 1), 1)
    in_blocks = size / speed.scanned
    return min(len(rows) / speed.picked, windows * in_blocks), in_blocks
