"""Rows of few classes, transposed on the stack: every row's result is its own, however many rows
stand in its block.
"""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from fastmlp.backend.cpu.backend import CpuBackend
from fastmlp.kernels.cpu.inline.few_classes import class_peaks, put_classes, take_classes
from fastmlp.kernels.cpu.inline.rows import FEW, ROWS_AT_ONCE, class_numbers, row_numbers

FLOATS = [np.float32, np.float64]
SIZES = [1, 2, 3, 4, 5, 7, 31, ROWS_AT_ONCE]


@njit
def there_and_back(z, a, scale, shift):
    factor, offset, block = (
        row_numbers(z.dtype.type),
        row_numbers(z.dtype.type),
        class_numbers(z.dtype.type),
    )
    factor[:], offset[:] = scale, shift
    take_classes(z, block)
    put_classes(block, a, factor, offset)


@njit
def peaks(z, places):
    largest, best, block = (
        row_numbers(z.dtype.type),
        row_numbers(z.dtype.type),
        class_numbers(z.dtype.type),
    )
    take_classes(z, block)
    class_peaks(block, z.shape[1], largest, best)
    for i in range(z.shape[0]):
        places[i] = best[i]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("classes", [1, 2, 3, 4, 6, 11, FEW])
def test_rows_are_exchanged_and_nothing_is_written_beside_them(dtype, classes):
    for rows in SIZES:
        z = np.random.default_rng(rows).integers(-9, 9, (rows, classes)).astype(dtype)
        held = np.full((rows + 2, classes), 99, dtype)
        scale, shift = (
            np.arange(1, ROWS_AT_ONCE + 1, dtype=dtype),
            np.arange(ROWS_AT_ONCE, dtype=dtype),
        )
        there_and_back(z, held[1 : rows + 1], scale, shift)
        np.testing.assert_array_equal(held[1:-1], z * scale[:rows, None] + shift[:rows, None])
        assert (held[[0, -1]] == 99).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_peak_is_the_first_of_the_largest(dtype):
    z = np.random.default_rng(1).integers(0, 3, (ROWS_AT_ONCE, 9)).astype(dtype)
    z[3], z[4, :8] = -np.inf, -np.inf
    places = np.empty(ROWS_AT_ONCE, np.int64)
    peaks(z, places)
    np.testing.assert_array_equal(places, z.argmax(axis=1))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("classes", [1, 2, 3, 10, FEW, FEW + 1])
def test_a_row_has_the_same_bits_in_every_block(dtype, classes):
    backend, random, rows = CpuBackend(threads=1), np.random.default_rng(classes), ROWS_AT_ONCE + 8
    logits, weights = (
        random.normal(size=(rows, classes)).astype(dtype),
        random.random(rows).astype(dtype),
    )
    labels = random.integers(0, classes, rows).astype(np.int32)

    def results(first, last):
        gradient, loss, right = (
            np.empty((last - first, classes), dtype),
            np.empty(last - first),
            np.empty(last - first),
        )
        part = slice(first, last)
        backend.ops.softmax_cross_entropy(
            logits[part], labels[part], weights[part], 0.1, 0.25, gradient, loss, right
        )
        return gradient, loss, right

    whole = results(0, rows)
    for first, last in ((0, 1), (0, 31), (1, rows), (5, 12), (7, rows - 2), (rows - 1, rows)):
        for part, all_rows in zip(results(first, last), whole, strict=True):
            assert part.tobytes() == all_rows[first:last].tobytes()
