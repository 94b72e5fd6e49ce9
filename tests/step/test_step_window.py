"""Data that a device cannot hold at once: a window of rows, refilled in the order of the epoch."""

import os
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.ranks import ranks_of

from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.data.mapped.reader import Stored
from fastmlp.data.mapped.rows import MappedRows
from fastmlp.errors import DataError
from fastmlp.step.batches import Batches
from fastmlp.step.counters import Counters
from fastmlp.step.window import SHARE, Window
from fastmlp.training.recorded_pass import RecordedPass


def epoch(backend, features, batch_size, window_bytes, order_seed=None):
    """Return the rows of one epoch as a pass brings them."""
    batches = Batches(
        backend,
        features,
        None,
        Counters(backend),
        dtype=np.dtype(np.float64),
        batch_size=batch_size,
        window_bytes=window_bytes,
    )
    seen = []

    class Noting:
        """A Program that looks at the batch after each step."""

        def __init__(self, rows):
            with backend.record() as self.program:
                batches.begin(rows)
                self.x, _, _ = batches.load(rows)

        def replay(self, steps=1):
            for _ in range(steps):
                self.program.replay()
                seen.append(self.x.copy())

    recorded_pass = RecordedPass(
        backend, batches.rows, batch_size, lambda rows: None, window=batches.window
    )
    full, ragged = divmod(batches.rows, batch_size)
    recorded_pass._full, recorded_pass._ragged = (
        Noting(batch_size) if full else None,
        Noting(ragged) if ragged else None,
    )
    if order_seed is not None:
        batches.shuffle(order_seed, 1)
    batches.counters.start_epoch(0)
    for _ in recorded_pass.run():
        pass
    order = batches.order.copy()
    return np.concatenate(seen), order


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 60),
    batch_size=st.integers(1, 20),
    window_bytes=st.integers(1, 1500),
    shuffled=st.booleans(),
)
def test_every_row_comes_once_in_the_order_of_the_epoch(
    backend, rows, batch_size, window_bytes, shuffled
):
    features = np.arange(3.0 * rows).reshape(rows, 3)
    seen, order = epoch(backend, features, batch_size, window_bytes, 7 if shuffled else None)
    np.testing.assert_array_equal(seen, features[order])


def test_rows_of_a_file_are_read_as_they_are_needed(backend, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(200, dtype=np.uint8).reshape(50, 4))
    seen, order = epoch(backend, np.load(tmp_path / "x.npy", mmap_mode="r"), 7, 100, 3)
    np.testing.assert_array_equal(seen, np.arange(200).reshape(50, 4)[order])


def mapped(folder, features, memory=1000):
    np.save(folder / "x.npy", features)
    return MappedRows.of(Stored.of(np.load(folder / "x.npy", mmap_mode="r")), memory)


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("memory", [1, 10_000, 30_000])
def test_rows_that_stay_in_their_file_come_through_a_window(backend, tmp_path, seed, memory):
    features = np.arange(600.0).reshape(200, 3)
    rows = mapped(tmp_path, features, memory)
    batches = Batches(
        backend, rows, None, Counters(backend), dtype=np.dtype(np.float64), batch_size=7
    )
    assert batches.window is not None
    assert len(batches.window.array) == max(memory // SHARE // 24 // 7, 1) * 7
    seen, order = epoch(backend, rows, 7, None, seed)
    np.testing.assert_array_equal(seen, features[order])


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize(
    ("blocks", "block", "ragged"), [(1, 8, 7), (1, 2, 1), (3, 4, 1), (2, 7, 0)]
)
def test_each_rank_reads_its_own_rows_alone(backend, size, blocks, block, ragged):
    visits = blocks * (5 * block + ragged)
    features, order = np.arange(2.0 * visits).reshape(visits, 2), None
    for ranks in ranks_of(size):
        batches = Batches(
            backend, features, None, Counters(backend), dtype=np.dtype(np.float64),
            batch_size=blocks * block, blocks=blocks, ranks=ranks, window_bytes=1,
        )  # fmt: skip
        window = batches.window
        read = []
        window._feed.prefetch = lambda fill, window=window, read=read: (
            read.append(window.array.copy()), fill(read[-1])
        )  # fmt: skip
        window._feed.take = lambda window=window, read=read: np.copyto(window.array, read[-1])
        batches.shuffle(4, 1)
        order, own = batches.order.copy(), []
        batches.counters.start_epoch(0)
        window.start()
        for start in range(0, visits, blocks * block):
            rows = min(blocks * block, visits - start)
            window.take()
            batches.begin(rows)
            x, _, _ = batches.load(rows)
            first = start + batches.own_start(rows)
            np.testing.assert_array_equal(x, features[order[first : first + len(x)]])
            own += order[first : first + len(x)].tolist()
        assert window.steps == 1
        assert len(window.array) == blocks * -(-block // size)
        if min(block, ragged or block) >= size:
            assert {int(row) for each in read for row in each[:, 0] / 2} == set(own)


def test_rows_are_announced_once_before_they_are_read(backend, tmp_path, monkeypatch):
    rows = mapped(tmp_path, np.arange(90.0).reshape(30, 3))
    done = []
    monkeypatch.setattr(rows, "announce", lambda wanted: done.append(("announced", *wanted)))
    take = rows.take
    monkeypatch.setattr(
        rows, "take", lambda wanted, out: (done.append(("read", *wanted)), take(wanted, out))
    )
    window = Window(backend, rows, 5, 24 * 10)
    window.set_order(np.arange(30)[::-1])
    for _ in range(2):  # an evaluation goes on in the same order
        window.start()
        for _ in range(3):
            window.take()
        window.prefetch()  # there is nothing more
    stretches = [tuple(range(29 - 10 * number, 19 - 10 * number, -1)) for number in range(3)]
    read = [("read", *stretch) for stretch in stretches]
    told = [("announced", *stretch) for stretch in stretches]
    one = [told[0], read[0], told[1], read[1], told[2], read[2], ("announced",)]
    assert done == one + one


def test_what_goes_wrong_in_the_thread_is_raised_where_rows_are_taken(backend, tmp_path):
    rows = mapped(tmp_path, np.ones((1000, 500)))
    window = Window(backend, rows, 5)
    os.truncate(tmp_path / "x.npy", 1000)
    with pytest.raises(DataError, match="has become shorter"):
        window.take()


def test_contents_that_nobody_took_are_no_error_and_not_mixed_up(backend):
    array = backend.zeros((4,), np.float64)
    feed, gate, filled = backend.feed(array), threading.Event(), []

    def slow(target):
        gate.wait(10)
        filled.append("slow")
        target[:] = 1
        raise DataError("nobody looks")

    def fast(target):
        filled.append("fast")
        target[:] = 2

    feed.prefetch(slow)
    gate.set()
    feed.prefetch(fast)
    feed.take()
    assert filled == ["slow", "fast"]
    np.testing.assert_array_equal(array, 2)


def test_a_device_that_has_room_gets_all_rows_of_a_file(tmp_path):
    features = np.arange(600.0).reshape(200, 3)
    for free, streams in ((9600, False), (9599, True)):
        device = SmallDevice(threads=1)
        device.free = free
        rows = mapped(tmp_path, features, 100)
        how = {"dtype": np.dtype(np.float64), "batch_size": 10}
        batches = Batches(device, rows, None, Counters(device), **how)
        assert (batches.window is not None) == streams
        if not streams:
            np.testing.assert_array_equal(batches._features, features)
            other = Batches(device, rows, None, Counters(device), shared=batches, **how)
            assert other._features is batches._features


def test_a_window_holds_a_batch_at_least_and_no_more_bytes_than_it_may(backend):
    features = np.zeros((100, 5), np.float32)
    assert Window(backend, features, 8, 1).array.shape == (8, 5)
    assert Window(backend, features, 8, 20 * 8 * 3 + 19).array.shape == (24, 5)


class SmallDevice(CpuBackend):
    """A CPU that says it has memory of its own, and how much."""

    free = 0

    def free_memory(self):
        return self.free


@pytest.mark.parametrize(("free", "streams"), [(8000, False), (7999, True), (0, True)])
def test_data_that_fill_half_the_free_memory_are_streamed(free, streams):
    device = SmallDevice(threads=1)
    device.free = free
    features = np.zeros((100, 5))  # 4000 bytes
    batches = Batches(
        device, features, None, Counters(device), dtype=np.dtype(np.float64), batch_size=10
    )
    assert (batches.window is not None) == streams


def test_batches_of_the_same_array_share_it(backend, monkeypatch):
    features, counters, how = (
        np.zeros((6, 2)),
        Counters(backend),
        {"dtype": np.dtype(np.float64), "batch_size": 3},
    )
    first = Batches(backend, features, None, counters, **how)
    copied = []
    monkeypatch.setattr(
        backend, "from_numpy", lambda values: copied.append(values) or values.copy()
    )
    Batches(backend, features, None, counters, shared=first, **how)
    assert not any(values is features for values in copied)
    Batches(backend, features.copy(), None, counters, shared=first, **how)
    assert any(values.shape == (6, 2) for values in copied)
