"""Distorts the pictures of a batch on the device, after they are gathered."""

from __future__ import annotations

import math

import numpy as np

from fastmlp.backend.contract import Array, Backend
from fastmlp.kernels.constants import MAP_NUMBERS, SPLINE_TAPS

from .augmentation import Augmentation

# ∫B², of the cubic B-spline B on knots one apart.
SPLINE_ENERGY = 151 / 315
# Variance of that spline: it resembles a Gaussian of deviation σ where knots are √3·σ apart.
SPLINE_VARIANCE = 1 / 3


class Distortions:
    """The random changes to training pictures: a function of (seed, epoch, row) alone.

    Parameters
    ----------
    backend
        The device.
    augmentation
        What is done.
    shape
        (height, width) or (height, width, channels) of a picture; a row of features is flattened
        so.
    seed
        Of the random numbers.
    dtype
        float32 or float64, of the batch.
    batch_size
        Rows in a full batch.
    """

    def __init__(
        self,
        backend: Backend,
        augmentation: Augmentation,
        shape: tuple[int, ...],
        seed: int,
        dtype: np.dtype,
        batch_size: int,
    ):
        self._backend, self._augmentation, self._seed = backend, augmentation, seed
        self._height, self._width = shape[:2]
        self._epoch = backend.zeros((1,), np.int64)
        spacing = augmentation.sigma / math.sqrt(SPLINE_VARIANCE)
        is_elastic = augmentation.alpha > 0
        self._down = _splines(backend, self._height, spacing, dtype)
        self._across = _splines(backend, self._width, spacing, dtype)
        rows, columns = (knot_count(length, spacing) for length in shape[:2])
        self._lines = 2 * rows if is_elastic else 0
        self._maps = backend.empty((batch_size, MAP_NUMBERS), np.float64)
        self._knots = backend.empty((batch_size, self._lines * columns), dtype)
        self._spread = backend.empty((batch_size, self._lines * self._width), dtype)
        self._pictures = backend.empty((batch_size, math.prod(shape)), dtype)

    def start_epoch(self, epoch: int) -> None:
        """Go to an epoch: its pictures differ from those of all others."""
        self._backend.assign(self._epoch, np.array([epoch], np.int64))

    def pictures(self, rows: int) -> Array:
        """Return where the pictures of a batch are to be gathered: (rows, pixels), not scaled."""
        return self._pictures[:rows]

    def apply(
        self, order: Array, counters: Array, scale: Array, shift: Array, batch: Array
    ) -> None:
        """Launch what distorts the gathered pictures, then scales: batch = picture·scale + shift.

        Parameters
        ----------
        order, counters
            Which row of the data each row of the batch is.
        scale, shift
            (pixels,) as the batch has them; background is 0 before they act.
        batch
            (rows, pixels): where the result goes.
        """
        ops, given, rows = self._backend.ops, self._augmentation, batch.shape[0]
        maps, knots, spread = self._maps[:rows], self._knots[:rows], self._spread[:rows]
        size = self._height, self._width
        affine = given.shift, math.radians(given.rotate), given.scale, int(given.flip)
        ops.draw_distortions(
            order, counters, self._epoch, maps, knots, self._seed, *size, *affine, self._amplitude()
        )
        if self._lines:
            ops.spread_knots(knots, *self._across, spread, self._lines)
        ops.distort_pictures(
            self._pictures[:rows], maps, spread, *self._down, scale, shift, *size, batch
        )

    def _amplitude(self) -> float:
        """Return how far a knot's noise reaches, for the field's deviation to be Simard's.

        A Gaussian of deviation σ leaves of the variance v of noise at every pixel v/(4π·σ²); a
        spline in two dimensions leaves of that of noise at every knot (∫B²)²·v, on the average
        over places.
        """
        given = self._augmentation
        return given.alpha / (2 * math.sqrt(math.pi) * given.sigma * SPLINE_ENERGY)


def knot_count(length: int, spacing: float) -> int:
    """Return how many knots the splines of ``length`` pixels have along an axis."""
    return math.floor((length - 1) / spacing) + SPLINE_TAPS


def _splines(backend: Backend, length: int, spacing: float, dtype: np.dtype) -> tuple[Array, Array]:
    """Return for each place of an axis its first knot, and the weights of that and the next three.

    Returns
    -------
    starts : (length,) int64
    taps : (4, length) of ``dtype``: the cubic B-spline at the distances from the knots.
    """
    places = np.arange(length) / spacing
    starts = np.floor(places).astype(np.int64)
    u = places - starts
    taps = np.stack(
        [
            (1 - u) ** 3 / 6,
            (3 * u**3 - 6 * u**2 + 4) / 6,
            (-3 * u**3 + 3 * u**2 + 3 * u + 1) / 6,
            u**3 / 6,
        ]
    )
    return backend.from_numpy(starts), backend.from_numpy(taps.astype(dtype))
