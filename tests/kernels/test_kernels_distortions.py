"""Distorted pictures against SciPy's, and their random numbers against Philox in whole numbers."""

import numpy as np
import pytest
from oracles.coverage import covers
from oracles.distortions import SPLINE, distorted, field_of, knots_of, map_of
from scipy import stats

AFFINE = {"shift": 2.5, "rotation": 0.4, "scale": 0.3, "flip": True}
SIZES = [(1, 1), (1, 5), (5, 1), (7, 9), (28, 28), (3, 70)]
SEED, EPOCH = (5 << 32) + 77, 9


def draw(backend, dtype, order, *, start=0, rows=None, knots=0, size=(7, 9), seed=SEED, **how):
    """Return maps (rows, 2, 3) and knots of the rows from ``start`` on."""
    rows = len(order) - start if rows is None else rows
    maps = np.full((rows, 6), np.nan)
    values = np.full((rows, knots), np.nan, dtype)
    numbers = [float(how.get(name, 0)) for name in ("shift", "rotation", "scale")]
    backend.ops.draw_distortions(
        np.asarray(order, np.int64),
        np.array([3, 1, start, 99], np.int64),
        np.array([how.get("epoch", EPOCH)], np.int64),
        maps,
        values,
        seed,
        *size,
        *numbers,
        int(how.get("flip", False)),
        float(how.get("amplitude", 1.0)),
    )
    return maps.reshape(rows, 2, 3), values


@covers("draw_distortions")
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    "how", [{}, {"shift": 2.5}, {"rotation": 0.4}, {"scale": 0.3}, {"flip": True}, AFFINE], ids=str
)
def test_maps_undo_mirror_turn_growth_and_move(backend, dtype, size, how):
    order = [4, 0, (7 << 32) + 1, 12, 3]
    maps, _ = draw(backend, dtype, order, size=size, **how)
    expected = [map_of(row, EPOCH, SEED, size, **how)[:2] for row in order]
    np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-13 * (1 + max(size)))


@covers("draw_distortions")
@pytest.mark.parametrize("count", [0, 1, 4, 98, 131])
def test_knots(backend, dtype, count):
    order = [11, 2, 5]
    _, knots = draw(backend, dtype, order, start=1, knots=count, amplitude=5.0)
    expected = [knots_of(row, EPOCH, SEED, count, 5.0) for row in order[1:]]
    np.testing.assert_allclose(knots, expected, rtol=0, atol=10 * np.finfo(dtype).eps)


def test_what_a_row_gets_depends_on_row_epoch_and_seed_alone(backend, dtype, random):
    order = random.permutation(40)
    maps, knots = draw(backend, dtype, order, knots=9, **AFFINE)
    for start, rows in [(0, 1), (7, 5), (39, 1), (40, 0)]:
        there = slice(start, start + rows)
        part, some = draw(backend, dtype, order, start=start, rows=rows, knots=9, **AFFINE)
        np.testing.assert_array_equal(part, maps[there])
        np.testing.assert_array_equal(some, knots[there])
    for change in ({"seed": SEED + 1}, {"seed": SEED + (1 << 40)}, {"epoch": EPOCH + 1}):
        other, _ = draw(backend, dtype, order, knots=9, **{**AFFINE, **change})
        assert (other != maps).all(axis=(1, 2)).all()


def test_draws_are_uniform_and_a_mirror_comes_half_the_time(backend):
    maps, knots = draw(backend, np.float64, np.arange(4000), knots=4, shift=1.0, size=(1, 1))
    for values in (-maps[:, 0, 2], -maps[:, 1, 2], *knots.T):
        assert stats.kstest(values, "uniform", (-1, 2)).pvalue > 1e-4
    mirrored = draw(backend, np.float64, np.arange(4000), flip=True)[0][:, 0, 0] < 0
    assert stats.binomtest(int(mirrored.sum()), 4000, 0.5).pvalue > 1e-4


def splines(length, spacing, dtype):
    """Return the first knot of each place, the weights of four by SciPy's spline, and the count."""
    places = np.arange(length) / spacing
    starts = np.floor(places).astype(np.int64)
    rows = [np.nan_to_num(SPLINE(places - (starts + k - 1))) for k in range(4)]
    return starts, np.stack(rows).astype(dtype), int(starts[-1]) + 4


def spread(backend, dtype, knots, starts, taps):
    """Return (rows, 2, lines, width) of knots (rows, 2, lines, columns)."""
    rows, _, lines, columns = knots.shape
    result = np.full((rows, 2 * lines * len(starts)), np.nan, dtype)
    backend.ops.spread_knots(
        knots.reshape(rows, 2 * lines * columns), starts, taps, result, 2 * lines
    )
    return result.reshape(rows, 2, lines, len(starts))


@covers("spread_knots")
@pytest.mark.parametrize("rows", [0, 1, 5])
@pytest.mark.parametrize("length", [1, 9, 28])
def test_spread_knots(backend, dtype, random, rows, length):
    starts, taps, count = splines(length, 3.5, dtype)
    knots = random.standard_normal((rows, 2, 3, count)).astype(dtype)
    expected = np.zeros((rows, 2, 3, length))
    for x in range(length):
        for k in range(4):
            expected[..., x] += taps[k, x].astype(np.float64) * knots[..., starts[x] + k]
    result = spread(backend, dtype, knots, starts, taps)
    np.testing.assert_allclose(result, expected, rtol=0, atol=20 * np.finfo(dtype).eps)


def distort(backend, pictures, maps, lifts, down, scale=None, shift=None):
    """Return pictures (rows, height, width, channels) under maps (rows, 2, 3)."""
    rows, height, width, channels = pictures.shape
    dtype, pixels = pictures.dtype, height * width * channels
    batch = np.full((rows, pixels), np.nan, dtype)
    backend.ops.distort_pictures(
        np.ascontiguousarray(pictures.reshape(rows, pixels)),
        np.ascontiguousarray(maps.reshape(rows, 6)),
        np.ascontiguousarray(lifts.reshape(rows, -1) if lifts.size else lifts),
        *down,
        np.ones(pixels, dtype) if scale is None else scale,
        np.zeros(pixels, dtype) if shift is None else shift,
        height,
        width,
        batch,
    )
    return batch.reshape(pictures.shape)


def no_field(rows, height, dtype):
    """Return what stands for no field."""
    down = np.zeros(height, np.int64), np.zeros((4, height), dtype)
    return np.empty((rows, 0), dtype), down


@covers("distort_pictures")
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_maps_as_ndimage(backend, dtype, random, size, channels):
    rows = 6
    pictures = random.uniform(0, 255, (rows, *size, channels)).astype(dtype)
    matrices = np.array([map_of(row, 1, 2, size, **AFFINE) for row in range(rows)])
    matrices[0, 0, 2] += 1e30  # nothing but background
    scale, shift = (random.standard_normal(pictures[0].size).astype(dtype) for _ in range(2))
    lifts, down = no_field(rows, size[0], dtype)
    result = distort(backend, pictures, matrices[:, :2], lifts, down, scale, shift)
    seen = np.stack([distorted(*each) for each in zip(pictures, matrices, strict=True)])
    scale, shift = (each.reshape(pictures.shape[1:]).astype(np.float64) for each in (scale, shift))
    tolerance = 255 * 30 * max(size) * np.finfo(dtype).eps
    np.testing.assert_allclose(result, seen * scale + shift, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(result[0], shift.astype(dtype))


@covers("spread_knots", "distort_pictures")
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("spacing", [0.9, 3.5, 50.0])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_elastic_field_as_splines_and_ndimage(backend, dtype, random, size, spacing, channels):
    rows = 3
    pictures = random.uniform(0, 1, (rows, *size, channels)).astype(dtype)
    *down, lines = splines(size[0], spacing, dtype)
    *across, columns = splines(size[1], spacing, dtype)
    knots = random.uniform(-3, 3, (rows, 2, lines, columns)).astype(dtype)
    matrices = np.array([map_of(row, 1, 2, size, **AFFINE) for row in range(rows)])
    lifts = spread(backend, dtype, knots, *across)
    result = distort(backend, pictures, matrices[:, :2], lifts, down)
    fields = [field_of(each.astype(np.float64), size, spacing) for each in knots]
    seen = np.stack([distorted(*each) for each in zip(pictures, matrices, fields, strict=True)])
    tolerance = 100 * max(size) * np.finfo(dtype).eps
    np.testing.assert_allclose(result, seen, rtol=0, atol=tolerance)


@covers("distort_pictures")
@pytest.mark.parametrize("channels", [1, 3])
def test_without_a_change_pixels_are_scaled_alone(backend, dtype, random, channels):
    pictures = random.integers(0, 256, (4, 9, 33, channels)).astype(dtype)
    maps, _ = draw(backend, dtype, [0, 1, 2, 3], size=(9, 33))
    result = distort(backend, pictures, maps, *no_field(4, 9, dtype))
    np.testing.assert_array_equal(result, pictures)
    mirror = np.tile([-1.0, 0, 32, 0, 1, 0], (4, 1)).reshape(4, 2, 3)
    result = distort(backend, pictures, mirror, *no_field(4, 9, dtype))
    np.testing.assert_array_equal(result, pictures[:, :, ::-1])


def test_an_empty_batch_is_left_alone(backend, dtype):
    lifts, down = no_field(0, 5, dtype)
    assert (
        distort(backend, np.empty((0, 5, 5, 1), dtype), np.empty((0, 2, 3)), lifts, down).size == 0
    )
