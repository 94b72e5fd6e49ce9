"""Pictures of training batches: like SciPy's, the same for every batch size, new in each epoch."""

import math

import numpy as np
import pytest
from oracles.distortions import distorted, field_of, knots_of, map_of
from scipy import ndimage

from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.step.augmentation import Augmentation
from fastmlp.step.batches import Batches
from fastmlp.step.counters import Counters
from fastmlp.step.distortions import Distortions, knot_count

ROWS, SEED, EPOCH = 23, 6, 4
ALL = Augmentation(shift=2, rotate=20, scale=0.2, alpha=20, sigma=2.5, flip=True)


def batches(backend, features, shape, dtype, augmentation=ALL, batch_size=8, **how):
    dtype = np.dtype(dtype)
    distortions = Distortions(backend, augmentation, shape, SEED, dtype, batch_size)
    counters = Counters(backend)
    return Batches(
        backend, features, None, counters, dtype=dtype, batch_size=batch_size,
        distortions=distortions, **how,
    )  # fmt: skip


def seen(made, epoch=EPOCH):
    """Return the pictures of an epoch, in the order of the data."""
    made.shuffle(SEED, epoch)
    made.start_epoch(epoch)
    made.counters.start_epoch(0)
    result = np.full((made.rows, made._x.shape[1]), np.nan, made._x.dtype)
    for start in range(0, made.rows, made.batch_size):
        rows = min(made.batch_size, made.rows - start)
        made.begin(rows)
        x, _, _ = made.load(rows)
        made.store(x, result)
    return result


def pictures(random, shape, kind=np.uint8, rows=ROWS):
    return random.integers(0, 256, (rows, math.prod(shape))).astype(kind)


@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (9, 7), (7, 9, 3), (28, 28)], ids=str)
def test_as_by_scipy(backend, dtype, random, shape, kind):
    features = pictures(random, shape, kind)
    scale, shift = np.full(features.shape[1], 1 / 64), np.full(features.shape[1], -2.0)
    result = seen(batches(backend, features, shape, dtype, scale=scale, shift=shift))
    size, spacing = shape[:2], ALL.sigma * math.sqrt(3)
    count = [knot_count(length, spacing) for length in size]
    # A Gaussian's share of the noise that it smooths, and the spline's.
    amplitude = ALL.alpha * math.sqrt(1 / (4 * math.pi * ALL.sigma**2)) / (151 / 315)
    how = {"shift": 2, "rotation": math.radians(20), "scale": 0.2, "flip": True}
    for row, given in enumerate(features):
        knots = knots_of(row, EPOCH, SEED, 2 * math.prod(count), amplitude)
        field = field_of(knots.reshape(2, *count), size, spacing)
        matrix = map_of(row, EPOCH, SEED, size, **how)
        picture = distorted(given.reshape(*size, -1), matrix, field).reshape(-1)
        tolerance = 500 * max(size) * np.finfo(dtype).eps
        np.testing.assert_allclose(result[row], picture / 64 - 2, rtol=0, atol=tolerance)


def test_the_bits_depend_neither_on_the_batch_size_nor_on_threads(backend, dtype, random):
    shape = (9, 7, 3)
    features = pictures(random, shape)
    expected = seen(batches(backend, features, shape, dtype))
    for threads, size in [(1, 1), (1, 23), (2, 5), (2, 11)]:
        made = batches(CpuBackend(threads=threads), features, shape, dtype, batch_size=size)
        with made.backend.record() as program:
            made.begin(size)
            x, _, _ = made.load(size)
            made.store(x, result := np.zeros_like(expected))
        made.shuffle(SEED, EPOCH)
        made.start_epoch(EPOCH)
        made.counters.start_epoch(0)
        program.hold(threads)
        program.replay(ROWS // size)
        visited = made.order[: ROWS // size * size]
        np.testing.assert_array_equal(result[visited], expected[visited])


def test_an_epoch_has_pictures_of_its_own_whatever_came_before(backend, random):
    features = pictures(random, (9, 7))
    made = batches(backend, features, (9, 7), np.float32)
    fourth, fifth = seen(made, 4), seen(made, 5)
    assert (fourth != fifth).any(axis=1).all()
    np.testing.assert_array_equal(seen(made, 4), fourth)


def test_a_device_that_holds_a_window_of_the_rows_sees_the_same(backend, random):
    features = pictures(random, (9, 7))
    expected = seen(batches(backend, features, (9, 7), np.float32))
    made = batches(backend, features, (9, 7), np.float32, window_bytes=features[:16].nbytes)
    made.shuffle(SEED, EPOCH)
    made.start_epoch(EPOCH)
    made.counters.start_epoch(0)
    window = made.window
    window.start(0)
    for start in range(0, ROWS, 8):
        if start // 8 % window.steps == 0:
            window.take()
            window.prefetch()
        rows = min(8, ROWS - start)
        made.begin(rows)
        x, _, _ = made.load(rows)
        np.testing.assert_array_equal(x, expected[made.order[start : start + rows]])


def test_what_changes_nothing_leaves_the_bits(backend, dtype, random):
    features = pictures(random, (9, 7, 3))
    result = seen(batches(backend, features, (9, 7, 3), dtype, Augmentation()))
    np.testing.assert_array_equal(result, features)


def test_the_field_is_as_large_and_as_smooth_as_simards(backend):
    """Its deviation, and its correlation at some distances, beside smoothed noise."""
    alpha, sigma, size, rows = 20.0, 2.5, 33, 300
    ramp = np.tile(np.arange(1000.0, 1000 + size), (rows, size))  # shows where a pixel came from
    given = Augmentation(alpha=alpha, sigma=sigma)
    made = batches(backend, ramp, (size, size), np.float64, given)
    field = (seen(made) - ramp).reshape(rows, size, size)[:, 8:-8, 8:-8]
    noise = np.random.default_rng(3).uniform(-1, 1, (rows, size, size))
    smooth = alpha * ndimage.gaussian_filter(noise, (0, sigma, sigma), mode="wrap")
    for distance in (0, 2, 4, 8):
        ours, theirs = (
            (each[..., distance:] * each[..., : each.shape[-1] - distance]).mean() / smooth.var()
            for each in (field, smooth)
        )
        assert abs(ours - theirs) < 0.06


def test_an_origin_is_refused(backend, random):
    with pytest.raises(ValueError, match="cannot be distorted"):
        batches(backend, pictures(random, (9, 7)), (9, 7), np.float32, origin=np.ones(63))
