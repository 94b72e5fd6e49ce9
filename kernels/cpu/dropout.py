"""Dropout with a mask that is a function of (seed, update, layer, element): Philox in the kernel.

The mask needs no state to resume, and is the same on every device and for every number of threads.
Element (row, column) takes word column % 4 of the block whose counter is (row·⌈width/4⌉ + column //
4, low word of the update, layer, high word of the update), under the key (seed's two words).
"""

from __future__ import annotations

import numpy as np

from fastmlp.kernels.constants import UPDATE
from fastmlp.kernels.operation import (
    First,
    Integer,
    Matrix,
    Real,
    Vector,
    by_row,
    operation,
    reads,
    updates,
    writes,
)

from .inline.elementary import like
from .inline.philox import HALF_WORD, WORD, philox
from .inline.rows import end_to_end


@operation
def dropout_forward(
    x: Matrix[reads, by_row],
    mask: Matrix[writes, by_row],
    y: Matrix[writes, by_row],
    counters: Vector[reads],
    seed: Integer,
    layer: Integer,
    rate: Real,
    share: Vector[reads],
    whole_units: Integer,
    offset: Integer,
    first: First = 0,
):
    """y = x·mask/keep; each element of the mask is 1 with probability keep = 1 − rate·share.

    With ``whole_units`` the mask of row 0 serves every row: a unit is dropped for the whole batch.
    ``offset`` is the place of x's first row in the batch, of which a rank may have a part.
    """
    key0, key1 = np.uint64(seed) & WORD, np.uint64(seed) >> HALF_WORD
    update = np.uint64(counters[UPDATE])
    low, high, stream = update & WORD, update >> HALF_WORD, np.uint64(layer)
    keep = 1.0 - rate * share[0]
    threshold = np.uint64(keep * 4294967296.0)
    rows, width = x.shape
    blocks, whole_blocks = (width + 3) // 4, width // 4
    for row in range(rows):
        place = offset + first + row
        first_block = np.uint64(0 if whole_units else place * blocks)
        row_mask = mask[row]
        for block in range(
            whole_blocks
        ):  # no branch inside, so that several blocks become one vector
            w0, w1, w2, w3 = philox(first_block + np.uint64(block), low, stream, high, key0, key1)
            row_mask[4 * block] = w0 < threshold
            row_mask[4 * block + 1] = w1 < threshold
            row_mask[4 * block + 2] = w2 < threshold
            row_mask[4 * block + 3] = w3 < threshold
        words = philox(first_block + np.uint64(whole_blocks), low, stream, high, key0, key1)
        for lane in range(width - 4 * whole_blocks):
            row_mask[4 * whole_blocks + lane] = words[lane] < threshold
        inverse = like(1.0 / keep, x[row, 0])
        for column in range(width):
            y[row, column] = x[row, column] * inverse if mask[row, column] else like(0.0, inverse)


@operation
def dropout_backward(
    upstream: Matrix[updates, by_row], mask: Matrix[reads, by_row], rate: Real, share: Vector[reads]
):
    """dx = dy·mask/keep, in place of the upstream gradient dy."""
    inverse = like(1.0 / (1.0 - rate * share[0]), upstream[0, 0])
    upstream, mask = end_to_end(upstream), end_to_end(mask)
    for i in range(upstream.size):
        upstream[i] = upstream[i] * inverse if mask[i] else like(0.0, inverse)
