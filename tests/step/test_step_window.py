"""Data that a device cannot hold at once: a window of rows, refilled in the order of the epoch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.step.batches import Batches
from fastmlp.step.counters import Counters
from fastmlp.step.window import Window
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
