"""The blocks of an ensemble's rows against NumPy's: each member's own scales, the mean of all."""

import numpy as np
import pytest
from oracles.comparison import assert_close
from oracles.coverage import covers

# Members, rows of each, columns.
SIZES = [(1, 1, 1), (2, 0, 3), (2, 1, 5), (3, 7, 1), (5, 4, 33), (2, 33, 16), (32, 3, 7)]


BY_SIZE = pytest.mark.parametrize("sizes", SIZES, ids=str)


def blocks(random, sizes, dtype):
    members, rows, columns = sizes
    return random.standard_normal((members * rows, columns)).astype(dtype)


def of_members(random, sizes, dtype):
    return random.standard_normal((sizes[0], sizes[2])).astype(dtype)


def repeated(values, sizes):
    """Return each member's row for all of its rows, float64."""
    return np.repeat(values.astype(np.float64), sizes[1], axis=0)


def by_member(values, sizes):
    return values.astype(np.float64).reshape(sizes)


@covers("copy_rows")
@BY_SIZE
def test_copy(backend, dtype, random, sizes):
    source = blocks(random, sizes, dtype)
    destination = np.full_like(source, np.nan)
    backend.ops.copy_rows(source, destination)
    np.testing.assert_array_equal(destination, source)


@covers("mean_of_members")
@BY_SIZE
def test_mean(backend, dtype, random, sizes):
    values = blocks(random, sizes, dtype)
    mean = np.full(sizes[1:], np.nan, dtype)
    backend.ops.mean_of_members(values, sizes[1], mean)
    expected = by_member(values, sizes).mean(axis=0)
    assert_close(mean, expected, units=sizes[0], scale=by_member(abs(values), sizes).mean(axis=0))


def test_mean_of_one_member_that_is_not_a_number(backend, dtype):
    values = np.arange(6, dtype=dtype).reshape(3, 2)
    values[1, 0] = np.nan
    mean = np.zeros((1, 2), dtype)
    backend.ops.mean_of_members(values, 1, mean)
    np.testing.assert_array_equal(mean, [[np.nan, 3]])


@covers("scale_members")
@BY_SIZE
def test_scale(backend, dtype, random, sizes):
    x, scale = blocks(random, sizes, dtype), of_members(random, sizes, dtype)
    y = np.full_like(x, np.nan)
    backend.ops.scale_members(x, scale, sizes[1], y)
    assert_close(y, x.astype(np.float64) * repeated(scale, sizes), units=1)


@covers("scale_members")
@BY_SIZE
def test_scale_of_the_same_rows_for_all(backend, dtype, random, sizes):
    members, rows, columns = sizes
    x, scale = (
        random.standard_normal((rows, columns)).astype(dtype),
        of_members(random, sizes, dtype),
    )
    y = np.full((members * rows, columns), np.nan, dtype)
    backend.ops.scale_members(x, scale, rows, y)
    expected = np.tile(x.astype(np.float64), (members, 1)) * repeated(scale, sizes)
    assert_close(y, expected, units=1)


@covers("scale_and_shift_members")
@BY_SIZE
def test_scale_and_shift(backend, dtype, random, sizes):
    x, scale, shift = (f(random, sizes, dtype) for f in (blocks, of_members, of_members))
    y = np.full_like(x, np.nan)
    backend.ops.scale_and_shift_members(x, scale, shift, sizes[1], y)
    product = x.astype(np.float64) * repeated(scale, sizes)
    size = np.abs(product) + np.abs(repeated(shift, sizes))
    assert_close(y, product + repeated(shift, sizes), units=2, scale=size)


@covers("scale_members_backward")
@BY_SIZE
def test_scale_backward(backend, dtype, random, sizes):
    dy, x, scale = (f(random, sizes, dtype) for f in (blocks, blocks, of_members))
    dx, dscale = dy.copy(), np.full_like(scale, np.nan)
    backend.ops.scale_members_backward(dx, x, scale, sizes[1], dscale)
    assert_close(dx, dy.astype(np.float64) * repeated(scale, sizes), units=1)
    terms = by_member(dy, sizes) * by_member(x, sizes)
    assert_close(dscale, terms.sum(axis=1), units=4 + sizes[1], scale=np.abs(terms).sum(axis=1))


@covers("shift_members_backward")
@BY_SIZE
def test_shift_backward(backend, dtype, random, sizes):
    dy, dshift = blocks(random, sizes, dtype), np.full((sizes[0], sizes[2]), np.nan, dtype)
    backend.ops.shift_members_backward(dy, sizes[1], dshift)
    size = by_member(abs(dy), sizes).sum(axis=1)
    assert_close(dshift, by_member(dy, sizes).sum(axis=1), units=4 + sizes[1], scale=size)


@pytest.mark.parametrize("name", ["logarithm", "log_odds"])
def test_what_takes_probabilities_back(backend, dtype, name):
    """Within the numbers that a mean of probabilities can be, 0 and 1 included."""
    p = np.array([[0, 1e-37, 1e-20, 0.25, 0.5, 0.75, 1, np.nan]], dtype)
    found = np.zeros_like(p)
    backend.ops.activation_forward(backend.scalar_function(name), p, found, 0.0)
    exact = p.astype(np.float64)
    held, rest = np.maximum(exact, 1e-30), np.maximum(1 - exact, 1e-30)
    expected = np.log(held) - (np.log(rest) if name == "log_odds" else 0)
    np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(dtype).eps)
