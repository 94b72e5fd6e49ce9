"""Distorted pictures by SciPy: transforms composed as 3×3 matrices, splines, ndimage's sampling."""

import math

import numpy as np
from scipy import ndimage
from scipy.interpolate import BSpline

from .philox import philox

SPLINE = BSpline.basis_element([-2, -1, 0, 1, 2], extrapolate=False)


def uniform(block, row, epoch, seed):
    """Return the four numbers in (−1, 1) of a block of random bits."""
    counter = (block, row % (1 << 32), row >> 32, epoch)
    words = philox(counter, (seed % (1 << 32), (seed >> 32) + (1 << 31)))
    return [(word + 0.5) / (1 << 31) - 1 for word in words]


def map_of(row, epoch, seed, size, *, shift=0.0, rotation=0.0, scale=0.0, flip=False):
    """Return the 3×3 matrix from places (x, y, 1) of the new picture to those of the old one."""
    height, width = size
    right, down, turn, growth = uniform(0, row, epoch, seed)
    mirror = flip and uniform(1, row, epoch, seed)[0] > 0
    angle, factor = rotation * turn, 1 + scale * growth
    to_middle = np.array([[1, 0, -(width - 1) / 2], [0, 1, -(height - 1) / 2], [0, 0, 1]])
    mirrored = np.diag([-1.0 if mirror else 1.0, 1, 1])
    cos, sin = math.cos(angle), math.sin(angle)
    turned = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    grown = np.diag([factor, factor, 1])
    moved = np.array([[1, 0, shift * right], [0, 1, shift * down], [0, 0, 1]])
    forward = moved @ np.linalg.inv(to_middle) @ grown @ turned @ mirrored @ to_middle
    return np.linalg.inv(forward)


def knots_of(row, epoch, seed, count, amplitude):
    """Return ``count`` knots."""
    blocks = [uniform(2 + block, row, epoch, seed) for block in range(-(-count // 4))]
    return amplitude * np.array(blocks).reshape(-1)[:count]


def field_of(knots, size, spacing):
    """Return (2, height, width): the field of knots (2, lines, columns), along x and along y.

    Knot 0 lies one spacing before the first pixel.
    """
    bases = []
    for length, count in zip(size, knots.shape[1:], strict=True):
        distances = np.arange(length)[:, None] / spacing - (np.arange(count) - 1)
        bases.append(np.nan_to_num(SPLINE(distances)))
    return np.einsum("yj,cjk,xk->cyx", bases[0], knots, bases[1])


def distorted(picture, matrix, field=None):
    """Return a picture (height, width, channels) under a map and a field; outside it is 0."""
    height, width, channels = picture.shape
    y, x = np.mgrid[:height, :width].astype(np.float64)
    old_x, old_y, _ = np.einsum("ij,jyx->iyx", matrix, np.stack([x, y, np.ones_like(x)]))
    if field is not None:
        old_x, old_y = old_x + field[0], old_y + field[1]
    how = {"order": 1, "mode": "grid-constant", "cval": 0.0}
    layers = [
        ndimage.map_coordinates(picture[..., channel].astype(np.float64), [old_y, old_x], **how)
        for channel in range(channels)
    ]
    return np.stack(layers, axis=-1)
