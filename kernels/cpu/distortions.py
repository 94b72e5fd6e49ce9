"""Pictures of a batch shifted, turned, scaled, mirrored and bent: what each row gets is a function
of (seed, epoch, the row's number in the data) alone.

A place of the new picture shows what the old one has at an affine map of the place, moved by an
elastic field. The field is that of Simard et al. 2003, noise smoothed by a Gaussian, with a cubic
B-spline in the Gaussian's stead: a knot every √3·σ holds uniform noise, and the spline around it
has the variance σ². Four words of random bits (``philox``) come from the counter (block, the row's
two words, epoch) under the key (seed's low word, its high word with the highest bit set, which
dropout never has): block 0 is for shift, rotation and scale, block 1 for the mirror, and those from
2 on are for the knots.
"""

from __future__ import annotations

import math

import numpy as np

from fastmlp.kernels.constants import BATCH_START, SPLINE_TAPS
from fastmlp.kernels.cpu.compiling.compiler import scalar
from fastmlp.kernels.operation import (
    First,
    Integer,
    Matrix,
    Real,
    Vector,
    by_row,
    operation,
    reads,
    writes,
)

from .inline.elementary import like
from .inline.philox import HALF_WORD, WORD, philox
from .inline.rows import ROWS_AT_ONCE, row_numbers

STREAM = np.uint64(0x80000000)  # keeps these draws apart from dropout's under the same seed
HALF_BIT = np.uint64(0x80000000)


@scalar
def between_ends(word):
    """Return the number in (−1, 1) that 32 random bits stand for: uniform."""
    return (float(word) + 0.5) / 2147483648.0 - 1.0


@scalar
def draw(block, row, epoch, seed):
    """Return four words of random bits for a row of an epoch."""
    seed, row = np.uint64(seed), np.uint64(row)
    key1 = (seed >> HALF_WORD) | STREAM
    return philox(
        np.uint64(block), row & WORD, row >> HALF_WORD, np.uint64(epoch) & WORD, seed & WORD, key1
    )


@operation
def draw_distortions(
    order: Vector[reads],
    counters: Vector[reads],
    epoch: Vector[reads],
    maps: Matrix[writes, by_row],
    knots: Matrix[writes, by_row],
    seed: Integer,
    height: Integer,
    width: Integer,
    shift: Real,
    rotation: Real,
    scale: Real,
    flip: Integer,
    amplitude: Real,
    first: First = 0,
):
    """Draw each row's map (x, y) → (a·x + b·y + c, d·x + e·y + f) and its knots.

    The new picture is the old one mirrored with probability ½ where ``flip`` is 1, turned about its
    middle by up to ``rotation`` radians, scaled by a factor in 1 ± ``scale``, and moved by up to
    ``shift`` pixels along each axis; the map is the inverse. Each knot is uniform in
    ±``amplitude``.
    """
    start, rows = counters[BATCH_START] + first, maps.shape[0]
    middle_x, middle_y = 0.5 * (width - 1), 0.5 * (height - 1)
    for row in range(rows):
        chosen = order[start + row]
        word0, word1, word2, word3 = draw(0, chosen, epoch[0], seed)
        angle, factor = rotation * between_ends(word2), 1.0 + scale * between_ends(word3)
        along, across = math.cos(angle) / factor, math.sin(angle) / factor
        mirrored = flip == 1 and draw(1, chosen, epoch[0], seed)[0] >= HALF_BIT
        sign = -1.0 if mirrored else 1.0
        from_x = middle_x + shift * between_ends(word0)
        from_y = middle_y + shift * between_ends(word1)
        maps[row, 0], maps[row, 1] = sign * along, sign * across
        maps[row, 2] = middle_x - sign * (along * from_x + across * from_y)
        maps[row, 3], maps[row, 4] = -across, along
        maps[row, 5] = middle_y + across * from_x - along * from_y
        for knot in range(0, knots.shape[1], 4):
            words = draw(2 + knot // 4, chosen, epoch[0], seed)
            for lane in range(min(4, knots.shape[1] - knot)):
                knots[row, knot + lane] = amplitude * between_ends(words[lane])


@operation
def spread_knots(
    knots: Matrix[reads, by_row],
    starts: Vector[reads],
    taps: Matrix[reads],
    spread: Matrix[writes, by_row],
    lines: Integer,
):
    """spread[line, x] = Σₖ taps[k, x]·knots[line, starts[x] + k]: splines along each line of knots.

    A row holds its ``lines`` one after the other.
    """
    width, count = starts.size, knots.shape[1] // max(lines, 1)
    for row in range(knots.shape[0]):
        held, target = knots[row], spread[row]
        for line in range(lines):
            for x in range(width):
                place = np.uint64(line * count + starts[x])
                total = taps[0, x] * held[place]
                for k in range(1, SPLINE_TAPS):
                    total += taps[k, x] * held[place + np.uint64(k)]
                target[line * width + x] = total


@scalar
def clamped(place, lowest, highest):
    """Return a number that is brought between two others; NaN to the lower."""
    place = place if place > lowest else lowest
    return place if place < highest else highest


@scalar
def neighbours(place, length):
    """Return the pixels on both sides of a place along an axis, and how much each of them weighs.

    A neighbour outside the picture weighs nothing, and one of the edge is named in its stead.
    """
    place = clamped(place, like(-1.0, place), like(length, place))
    below = np.floor(place)
    share, zero, last = place - below, like(0.0, place), like(length - np.int32(1), place)
    weight0 = like(1.0, place) - share if below >= zero else zero
    weight0 = weight0 if below <= last else zero
    weight1 = share if below < last else zero
    first, end = np.int32(below), np.int32(length - np.int32(1))
    return (
        clamped(first, np.int32(0), end),
        clamped(np.int32(first + np.int32(1)), np.int32(0), end),
        weight0,
        weight1,
    )


@scalar
def pixel(picture, line, column, channels, channel):
    """Return a pixel; ``line`` is the number of its first. No index counts from the end."""
    return picture[np.uint32(np.int32(np.int32(line + column) * channels) + channel)]


@scalar
def blended(picture, x, y, height, width, channels, channel):
    """Return what a picture shows at a place between its pixels: the four around it, bilinear."""
    left, right, weight_left, weight_right = neighbours(x, width)
    upper, lower, weight_upper, weight_lower = neighbours(y, height)
    upper, lower = np.int32(upper * width), np.int32(lower * width)
    above = weight_left * pixel(picture, upper, left, channels, channel)
    above += weight_right * pixel(picture, upper, right, channels, channel)
    below = weight_left * pixel(picture, lower, left, channels, channel)
    below += weight_right * pixel(picture, lower, right, channels, channel)
    return weight_upper * above + weight_lower * below


@scalar
def add_splines(places, count, spread, first, width, taps, y):
    """Add the field's splines along y to the first of some places, which stand side by side."""
    for k in range(SPLINE_TAPS):
        tap, line = taps[k, y], spread[first + k * width : first + k * width + count]
        for x in range(count):
            places[x] += tap * line[x]


@operation
def distort_pictures(
    pictures: Matrix[reads, by_row],
    maps: Matrix[reads, by_row],
    spread: Matrix[reads, by_row],
    starts: Vector[reads],
    taps: Matrix[reads],
    scale: Vector[reads],
    shift: Vector[reads],
    height: Integer,
    width: Integer,
    batch: Matrix[writes, by_row],
):
    """batch[r, place] = (picture r at map(place) + field(place))·scale + shift.

    Between pixels a picture is bilinear; outside it is 0. A row of ``spread`` holds the field's
    splines along x for each line of knots, first those for x and then those for y; the splines
    along y are taken here: Σₖ taps[k, y]·spread[starts[y] + k, x]. Without columns there is no
    field.
    """
    channels, lines = batch.shape[1] // (height * width), spread.shape[1] // (2 * width)
    element = pictures.dtype.type
    # On the stack: LLVM knows that no picture lies there, and so computes many pixels at once.
    places_x, places_y = row_numbers(element), row_numbers(element)
    seen = row_numbers(element)
    for row in range(batch.shape[0]):
        picture, field, target, numbers = pictures[row], spread[row], batch[row], maps[row]
        step_x, step_y = like(numbers[0], scale[0]), like(numbers[3], scale[0])
        for y in range(height):
            from_x = like(numbers[1] * y + numbers[2], scale[0])
            from_y = like(numbers[4] * y + numbers[5], scale[0])
            for left in range(0, width, ROWS_AT_ONCE):
                count = min(ROWS_AT_ONCE, width - left)
                for x in range(count):
                    column = like(left + x, scale[0])
                    places_x[x] = step_x * column + from_x
                    places_y[x] = step_y * column + from_y
                if lines > 0:
                    upper = starts[y] * width + left
                    add_splines(places_x, count, field, upper, width, taps, y)
                    add_splines(places_y, count, field, upper + lines * width, width, taps, y)
                for channel in range(channels):
                    shape = np.int32(height), np.int32(width), np.int32(channels)
                    for x in range(count):
                        place = places_x[x], places_y[x]
                        seen[x] = blended(picture, *place, *shape, np.int32(channel))
                    for x in range(count):
                        at = np.uint64((y * width + left + x) * channels + channel)
                        target[at] = seen[x] * scale[at] + shift[at]
