"""Batches: every row once an epoch, in an order that seed and epoch decide; conversion, scaling,
labels and weights.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.comparison import assert_close

from fastmlp.step.batches import Batches
from fastmlp.step.counters import Counters


def numbered(backend, rows, batch_size, dtype=np.float64, **how):
    """Return batches whose single feature is the number of the row."""
    features = np.arange(rows, dtype=np.float64)[:, None]
    counters = Counters(backend)
    targets = how.pop("targets", np.arange(rows, dtype=np.int32))
    return Batches(
        backend, features, targets, counters, dtype=np.dtype(dtype), batch_size=batch_size, **how
    )


def epoch(batches):
    """Return the rows' numbers, labels and weights of one epoch, in the order they come in."""
    batches.counters.start_epoch(0)
    seen = []
    for start in range(0, batches.rows, batches.batch_size):
        rows = min(batches.batch_size, batches.rows - start)
        batches.begin(rows)
        x, t, w = batches.load(rows)
        seen.append((x[:, 0].copy(), None if t is None else t.copy(), w.copy()))
    return tuple(
        np.concatenate(part) if part[0] is not None else None for part in zip(*seen, strict=True)
    )


def order(backend, rows, seed, number):
    batches = numbered(backend, rows, 8)
    batches.shuffle(seed, number)
    return batches.order.copy()


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 70),
    batch_size=st.integers(1, 80),
    seed=st.integers(0, 2**63 - 1),
    number=st.integers(0, 10_000),
)
def test_every_row_comes_exactly_once(backend, rows, batch_size, seed, number):
    batches = numbered(backend, rows, batch_size)
    batches.shuffle(seed, number)
    x, labels, weights = epoch(batches)
    np.testing.assert_array_equal(x, batches.order)
    np.testing.assert_array_equal(labels, batches.order)
    np.testing.assert_array_equal(np.sort(x), np.arange(rows))
    np.testing.assert_array_equal(weights, 1)


def test_without_a_shuffle_rows_come_in_their_order(backend):
    np.testing.assert_array_equal(epoch(numbered(backend, 23, 5))[0], np.arange(23))


@pytest.mark.parametrize("seed", [0, 5, 2**53, 2**63 - 1])
def test_no_two_epochs_have_one_order(backend, seed):
    orders = {
        order(backend, 50, seed, number).tobytes() for number in [*range(200), 2047, 2048, 2049]
    }
    assert len(orders) == 203


def test_no_two_seeds_have_one_order(backend):
    seeds = [*range(100), 2**53, 2**53 + 1, 2**63 - 2, 2**63 - 1]
    assert len({order(backend, 50, seed, 1).tobytes() for seed in seeds}) == len(seeds)


def test_the_order_depends_on_seed_and_epoch_alone(backend):
    batches = numbered(backend, 50, 7, np.float32)
    for number in (4, 9, 3):  # whatever came before
        batches.shuffle(11, number)
    np.testing.assert_array_equal(batches.order, order(backend, 50, 11, 3))


def test_a_shuffle_favours_no_place(backend):
    """Each row's mean place over many epochs is the middle, within five standard errors."""
    places = np.mean([np.argsort(order(backend, 20, 1, number)) for number in range(400)], axis=0)
    assert np.abs(places - 9.5).max() < 5 * np.sqrt((20**2 - 1) / 12 / 400)


@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("scaling", ["none", "scale", "shift", "both"])
def test_features_are_converted_and_scaled(backend, dtype, random, kind, scaling):
    features = random.integers(0, 256, (17, 3)).astype(kind)
    original = features.copy()
    scale, shift = random.uniform(0.5, 2, 3), random.standard_normal(3)
    how = {
        "none": {},
        "scale": {"scale": scale},
        "shift": {"shift": shift},
        "both": {"scale": scale, "shift": shift},
    }
    batches = Batches(
        backend, features, None, Counters(backend), dtype=dtype, batch_size=17, **how[scaling]
    )
    batches.shuffle(1, 1)
    x, targets, _ = batches.load(17)
    assert targets is None
    assert x.dtype == dtype
    factor = scale.astype(dtype) if "scale" in how[scaling] else 1.0
    offset = shift.astype(dtype) if "shift" in how[scaling] else 0.0
    exact = original[batches.order].astype(np.float64) * factor + offset
    assert_close(
        x,
        exact,
        units=2,
        scale=np.abs(original[batches.order].astype(np.float64) * factor) + np.abs(offset),
    )
    np.testing.assert_array_equal(features, original)


def test_targets_and_weights_follow_their_rows(backend, dtype):
    targets = np.stack([np.arange(23.0), -np.arange(23.0)], axis=1)
    batches = numbered(backend, 23, 5, dtype, targets=targets, weights=np.arange(23) / 8)
    batches.shuffle(2, 0)
    x, t, w = epoch(batches)
    np.testing.assert_array_equal(t, np.stack([x, -x], axis=1))
    np.testing.assert_array_equal(w, x / 8)
    assert t.dtype == w.dtype == dtype


def test_labels_stay_whole_numbers(backend):
    _, labels, _ = epoch(numbered(backend, 9, 4, targets=np.full(9, 2**31 - 1, np.int32)))
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, 2**31 - 1)


def test_data_in_memory_maps_and_without_write_access_are_read_in_place(backend, tmp_path):
    np.save(tmp_path / "features.npy", np.arange(12.0).reshape(6, 2))
    features = np.load(tmp_path / "features.npy", mmap_mode="r")
    batches = Batches(
        backend, features, None, Counters(backend), dtype=np.dtype(np.float64), batch_size=6
    )
    np.testing.assert_array_equal(batches.load(6)[0], features)


def test_results_return_to_the_places_of_their_rows(backend, dtype):
    batches = numbered(backend, 23, 5, dtype)
    batches.shuffle(3, 3)
    batches.counters.start_epoch(0)
    destination = np.full((23, 1), np.nan, dtype)
    for start in range(0, 23, 5):
        batches.begin(min(5, 23 - start))
        x, _, _ = batches.load(min(5, 23 - start))
        batches.store(x, destination)
    np.testing.assert_array_equal(destination[:, 0], np.arange(23))
