"""A 64-bit hash for each row of prepared data, the same on every machine and in every version."""

from __future__ import annotations

import numpy as np

from .mapped.rows import Matrix

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
# Steele et al. 2014, SplitMix64.
MIX_1, MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
BLOCK = 1 << 18  # bytes at a time, which stay in the processor's cache


def row_hashes(*matrices: Matrix) -> np.ndarray:
    """Return a hash of each row, over what all the matrices hold there.

    Hashes of equal rows are equal, wherever the rows stand; of different rows they are equal by
    chance alone, once in 2⁶⁴. They depend on the types of the matrices as well: a row of bytes and
    the same numbers as floats differ.

    Parameters
    ----------
    *matrices
        (rows,) or (rows, columns) of numbers each.

    Returns
    -------
    numpy.ndarray
        uint64 (rows,).
    """
    total = np.zeros(len(matrices[0]), np.uint64)
    for matrix in matrices:
        total *= MIX_1
        total += _hashes(matrix)
        _mix(total)
    return total


def _hashes(matrix: Matrix) -> np.ndarray:
    if isinstance(matrix, np.ndarray) and matrix.ndim == 1:
        matrix = matrix[:, None]
    width = matrix.shape[1] * matrix.itemsize
    words = -(-width // 8)
    # One key for each word of a row, so that the words' order counts, and one for the width.
    keys = np.arange(1, words + 2, dtype=np.uint64) * GOLDEN
    _mix(keys)
    result = np.empty(len(matrix), np.uint64)
    step = max(BLOCK // max(8 * words, 1), 1)
    padded = np.zeros((step, 8 * words), np.uint8)
    for start in range(0, len(matrix), step):
        part = np.ascontiguousarray(matrix[start : start + step], matrix.dtype.newbyteorder("<"))
        block = padded[: len(part)]
        block[:, :width] = part.view(np.uint8).reshape(len(part), width)
        mixed = block.view("<u8") ^ keys[:-1]
        _mix(mixed)
        np.sum(mixed, axis=1, out=result[start : start + len(part)])
    result += keys[-1:] * np.uint64(width)
    _mix(result)
    return result


def _mix(words: np.ndarray) -> None:
    """Spread every bit of each word over the whole word, in place."""
    words ^= words >> np.uint64(30)
    words *= MIX_1
    words ^= words >> np.uint64(27)
    words *= MIX_2
    words ^= words >> np.uint64(31)
