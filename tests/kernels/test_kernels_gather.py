"""Batches from data: gathering, converting, scaling, and counters that move at each step."""

import numpy as np
import pytest
from oracles.comparison import assert_close
from oracles.coverage import covers

ROWS, COLUMNS = 23, 5
SOURCES = [np.uint8, np.float32, np.float64]


def make_source(kind, random):
    if kind == np.uint8:
        return random.integers(0, 256, (ROWS, COLUMNS), np.uint8)
    return random.standard_normal((ROWS, COLUMNS)).astype(kind)


def counters_at(start):
    return np.array([7, 3, start, 99], np.int64)


@covers("gather_rows")
@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize(("start", "rows"), [(0, 0), (0, 1), (0, ROWS), (5, 7), (ROWS - 3, 3)])
def test_gather_rows(backend, dtype, random, kind, start, rows):
    source, order = make_source(kind, random), random.permutation(ROWS)
    batch = np.full((rows, COLUMNS), np.nan, dtype)
    backend.ops.gather_rows(source, order, counters_at(start), batch)
    np.testing.assert_array_equal(batch, source[order[start : start + rows]].astype(dtype))


@covers("gather_scaled_rows")
@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize(("start", "rows"), [(0, 0), (0, ROWS), (5, 7)])
def test_gather_scaled_rows(backend, dtype, random, kind, start, rows):
    source, order = make_source(kind, random), random.permutation(ROWS)
    scale, shift = (random.standard_normal(COLUMNS).astype(dtype) for _ in range(2))
    batch = np.full((rows, COLUMNS), np.nan, dtype)
    backend.ops.gather_scaled_rows(source, order, counters_at(start), scale, shift, batch)
    chosen = source[order[start : start + rows]].astype(dtype).astype(np.float64)
    assert_close(
        batch, chosen * scale + shift, units=2, scale=np.abs(chosen * scale) + np.abs(shift)
    )


@covers("gather_centred_rows")
@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize(("start", "rows"), [(0, 0), (0, ROWS), (5, 7)])
def test_gather_centred_rows(backend, dtype, random, kind, start, rows):
    source, order = make_source(kind, random), random.permutation(ROWS)
    origin = np.array([1.7e9, 0.0, -3e5, 1e15, 100.0]) * (1 if kind != np.uint8 else 0)
    source = (source + origin).astype(kind)
    scale, shift = (random.standard_normal(COLUMNS).astype(dtype) for _ in range(2))
    batch = np.full((rows, COLUMNS), np.nan, dtype)
    backend.ops.gather_centred_rows(source, order, counters_at(start), origin, scale, shift, batch)
    chosen = source[order[start : start + rows]].astype(np.float64) - origin
    assert_close(
        batch, chosen * scale + shift, units=3, scale=np.abs(chosen * scale) + np.abs(shift)
    )


@covers("gather_centred_rows")
@pytest.mark.parametrize("kind", SOURCES)
def test_with_origins_of_zero_the_bits_are_those_of_scaled_rows(backend, dtype, random, kind):
    source, order = make_source(kind, random), random.permutation(ROWS)
    scale, shift = (random.standard_normal(COLUMNS).astype(dtype) for _ in range(2))
    plain, centred = (np.full((ROWS, COLUMNS), np.nan, dtype) for _ in range(2))
    backend.ops.gather_scaled_rows(source, order, counters_at(0), scale, shift, plain)
    backend.ops.gather_centred_rows(
        source, order, counters_at(0), np.zeros(COLUMNS), scale, shift, centred
    )
    np.testing.assert_array_equal(centred.view(np.uint8), plain.view(np.uint8))


@covers("gather_elements")
@pytest.mark.parametrize("kind", [np.int32, np.float32, np.float64])
@pytest.mark.parametrize(("start", "rows"), [(0, 0), (0, ROWS), (5, 7)])
def test_gather_elements(backend, random, kind, start, rows):
    source, order = random.integers(0, 1000, ROWS).astype(kind), random.permutation(ROWS)
    batch = np.full(rows, -1, kind)
    backend.ops.gather_elements(source, order, counters_at(start), batch)
    np.testing.assert_array_equal(batch, source[order[start : start + rows]])


@covers("scatter_rows")
@pytest.mark.parametrize(("start", "rows"), [(0, 0), (0, ROWS), (5, 7)])
def test_scatter_rows(backend, dtype, random, start, rows):
    batch, order = random.standard_normal((rows, 3)).astype(dtype), random.permutation(ROWS)
    destination = np.full((ROWS, 3), -1, dtype)
    backend.ops.scatter_rows(batch, order, counters_at(start), destination)
    expected = np.full((ROWS, 3), -1, dtype)
    expected[order[start : start + rows]] = batch
    np.testing.assert_array_equal(destination, expected)


@covers("begin_batch")
def test_batches_follow_one_another(backend):
    counters = np.array([5, 2, 0, 0], np.int64)
    starts = []
    for rows in (4, 4, 3):
        backend.ops.begin_batch(counters, rows)
        starts.append(int(counters[2]))
    assert starts == [0, 4, 8]
    np.testing.assert_array_equal(counters, [5, 2, 8, 11])


@covers("begin_update")
def test_an_update_is_counted_and_takes_its_rate(backend):
    counters, rates, rate = (
        np.array([10, 0, 4, 8], np.int64),
        np.array([0.5, 0.25, 0.125]),
        np.zeros(1),
    )
    taken = []
    for _ in rates:
        backend.ops.begin_update(counters, 4, rates, rate)
        taken.append(rate[0])
    assert taken == [0.5, 0.25, 0.125]
    np.testing.assert_array_equal(counters, [13, 3, 16, 20])


@covers("take_of_step")
def test_an_update_takes_its_number_from_another_table_too(backend):
    counters, rates, rate = np.array([10, 0, 4, 8], np.int64), np.zeros(3), np.zeros(1)
    table, taken = np.array([1.0, 0.5, 0.25]), np.zeros(1)
    for expected in table:
        backend.ops.begin_update(counters, 4, rates, rate)
        backend.ops.take_of_step(table, counters, taken)
        assert taken[0] == expected


@covers("begin_folded_update")
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_a_folded_update_also_sets_its_factors(backend, dtype, decay):
    counters, rates, rate = (
        np.array([10, 1, 4, 8], np.int64),
        np.array([0.5, 0.25, 0.125]),
        np.zeros(1),
    )
    scale, keep = np.full(1, np.nan, dtype), np.full(1, np.nan, dtype)
    backend.ops.begin_folded_update(counters, 4, rates, decay, rate, scale, keep)
    assert rate[0] == 0.25
    assert_close(scale, np.array([-0.25]), units=1)
    assert_close(keep, np.array([1 - 0.25 * decay]), units=1)
    np.testing.assert_array_equal(counters, [11, 2, 8, 12])
