"""Vector code along a row: peaks, sums of exponentials, and what is written, at widths around those
of registers.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba import njit

from fastmlp.kernels.cpu.inline.rows import (
    row_address,
    row_exp_sum,
    row_numbers,
    row_peak,
    row_shifted_sum,
    write_row_exp,
)

WIDTHS = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100, 1000]
FLOATS = [np.float32, np.float64]


@njit
def peak(rows, row):
    return row_peak(row_address(rows, row), rows.shape[1], rows.dtype.type)


@njit
def exp_sum(rows, row, shift):
    return row_exp_sum(row_address(rows, row), rows.shape[1], shift)


@njit
def write_exp(rows, target, row, shift, factor, offset):
    write_row_exp(
        row_address(rows, row), row_address(target, row), rows.shape[1], shift, factor, offset
    )


def some_rows(width, dtype):
    return (10 * np.random.default_rng(width).standard_normal((3, width))).astype(dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_peak_is_the_first_of_the_largest(width, dtype):
    rows = some_rows(width, dtype)
    for place in {0, width // 2, width - 1}:
        rows[1] = -50.0
        rows[1, place] = rows[1, -1] = 7.0
        assert peak(rows, 1) == (7.0, place)
    assert peak(rows, 0) == (rows[0].max(), rows[0].argmax())
    assert peak(rows, 2) == (rows[2].max(), rows[2].argmax())


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_peak_of_infinities(dtype):
    rows = np.full((1, 20), -np.inf, dtype)
    assert peak(rows, 0) == (-np.inf, 0)
    rows[0, 18] = np.inf
    assert peak(rows, 0) == (np.inf, 18)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_sum_of_exponentials(width, dtype):
    rows = some_rows(width, dtype)
    for row in range(3):
        shift = rows[row].max()
        exact = math.fsum(math.exp(x - shift) for x in rows[row].astype(float))
        # The difference x − shift is rounded before its exponential is taken, which multiplies the
        # error by its size.
        assert exp_sum(rows, row, shift) == pytest.approx(
            exact, rel=40 * float(np.finfo(dtype).eps)
        )
    rows[1, width // 3] = np.nan
    assert math.isnan(exp_sum(rows, 1, dtype(0)))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_row_is_written_and_nothing_beside_it(width, dtype):
    rows, target = some_rows(width, dtype), np.full((3, width), 99, dtype)
    write_exp(rows, target, 1, dtype(2), dtype(3), dtype(-0.5))
    assert (target[[0, 2]] == 99).all()
    exact = 3 * np.exp(rows[1].astype(np.longdouble) - 2) - 0.5
    epsilon = np.finfo(dtype).eps
    np.testing.assert_allclose(target[1], exact.astype(dtype), rtol=60 * epsilon, atol=epsilon)


@pytest.mark.parametrize("dtype", FLOATS)
def test_exponentials_of_one_value_are_as_exact_as_their_type(dtype):
    x = np.linspace(-87, 88, 4001).astype(dtype)[None]
    target = np.empty_like(x)
    write_exp(x, target, 0, dtype(0), dtype(1), dtype(0))
    exact = np.exp(x.astype(np.longdouble))
    assert np.max(np.abs(target - exact) / exact) < 2 * np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", FLOATS)
def test_exponentials_saturate(dtype):
    x = np.array([[-np.inf, -1e30, 0, np.nan, 1e30]], dtype)
    target = np.empty_like(x)
    write_exp(x, target, 0, dtype(0), dtype(1), dtype(0))
    assert (target[0, :2] < 1.3e-38).all()
    assert target[0, 2] == 1
    assert np.isnan(target[0, 3])
    assert target[0, 4] > 2e38


def test_the_sum_of_shifted_numbers():
    rows = np.array([[1.0, 2.0, 4.0]])
    assert njit(lambda rows: row_shifted_sum(rows, 0, 4.0))(rows) == -5


def test_numbers_of_rows_lie_apart():
    @njit
    def two():
        first, second = row_numbers(np.float32), row_numbers(np.float32)
        first[:], second[:] = 1, 2
        return first.sum(), second.sum(), first.size

    ones, twos, size = two()
    assert (ones, twos) == (size, 2 * size)
