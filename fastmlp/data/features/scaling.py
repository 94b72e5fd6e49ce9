"""Statistics of the training rows, and the scale and shift that normalise them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fastmlp.data.mapped.rows import Matrix
from fastmlp.errors import DataError

from .order_statistics.quantiles import column_quantiles

NORMALIZATIONS = ("none", "unit", "standard", "robust")
CHUNK_BYTES = 4 << 20
# Of a column's width: where float32's steps are larger, the column lies far from zero.
COARSE = 1e-4


@dataclass(frozen=True)
class ColumnStatistics:
    """Minimum, maximum, mean and population deviation of each column, float64 (columns,)."""

    minimum: np.ndarray
    maximum: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    def pooled(self, channels: int) -> ColumnStatistics:
        """Return the statistics of all pixels of each channel together, repeated for every column.

        Columns are pixels with their channels side by side, so column i belongs to channel i modulo
        ``channels``.
        """

        def by_channel(values):
            return values.reshape(-1, channels)

        size = self.mean.size
        lowest, highest = by_channel(self.minimum).min(axis=0), by_channel(self.maximum).max(axis=0)
        mean = by_channel(self.mean).mean(axis=0)
        between = (self.mean - np.resize(mean, size)) ** 2
        spread = by_channel(self.deviation**2).mean(axis=0) + by_channel(between).mean(axis=0)
        parts = (lowest, highest, mean, np.sqrt(spread))
        return ColumnStatistics(*(np.resize(part, size) for part in parts))


def row_chunks(matrix: Matrix) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (first row number, rows) in pieces that fit the cache; a file is never read whole."""
    step = max(1, CHUNK_BYTES // max(1, 8 * matrix.shape[1]))
    for start in range(0, matrix.shape[0], step):
        yield start, matrix[start : start + step]


def column_statistics(matrix: Matrix) -> ColumnStatistics:
    """Return the statistics of each column of a finite (rows, columns) matrix with rows.

    Two passes in float64: one pass over sums of squares would lose the digits of columns far from
    zero.
    """
    rows, columns = matrix.shape
    minimum, maximum = np.full(columns, np.inf), np.full(columns, -np.inf)
    total, squares = np.zeros(columns), np.zeros(columns)
    for _, chunk in row_chunks(matrix):
        np.minimum(minimum, chunk.min(axis=0), out=minimum)
        np.maximum(maximum, chunk.max(axis=0), out=maximum)
        total += chunk.sum(axis=0, dtype=np.float64)
    mean = np.clip(total / rows, minimum, maximum)
    with np.errstate(over="ignore"):  # reported by the caller, who knows the columns' names
        for _, chunk in row_chunks(matrix):
            difference = chunk - mean
            squares += np.einsum("rc,rc->c", difference, difference)
    return ColumnStatistics(minimum, maximum, mean, np.sqrt(squares / rows))


def far_from_zero(lowest: np.ndarray, highest: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Return for which columns float32 is too coarse unless an origin is subtracted first.

    Parameters
    ----------
    lowest, highest
        (columns,) float64, the range of their values.
    width
        (columns,) over how much the values spread; a column of width 0 is never far from zero.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        furthest = np.maximum(np.abs(lowest), np.abs(highest)).astype(np.float32)
        steps = np.spacing(furthest).astype(np.float64)
        return np.isfinite(steps) & (width > 0) & (steps > COARSE * width)


def scale_and_shift(
    matrix: Matrix,
    normalize: str,
    dtype: np.dtype,
    names: tuple[str, ...],
    image_shape: tuple[int, ...] | None = None,
    unscaled: np.ndarray | None = None,
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the vectors that normalise by ``matrix * scale + shift``; None, None for the identity.

    Parameters
    ----------
    matrix
        (rows, columns) training rows as the preprocessor's ``transform`` returns them: finite, at
        least one row.
    normalize
        "none"; "unit": to [0, 1] by column, and for images by one range of all pixels, which for
        uint8 starts at 0; "standard": to mean 0 and deviation 1 by column, and for images by one
        mean and deviation of a channel's pixels; "robust": to median 0 and interquartile range 1 by
        column, and for images by those of all of a channel's pixels.
    dtype
        The floating-point type in which the network computes.
    names
        The columns' names, for messages.
    image_shape
        (height, width) or (height, width, channels) if a row is a picture.
    unscaled
        (columns,) booleans: columns to leave as they are, such as one-hot levels.

    Raises
    ------
    DataError
        If the values of a column are too large for their deviation to be computed.
    """
    if normalize == "none":
        return None, None
    statistics, channels = column_statistics(matrix), None
    if image_shape is not None:
        channels = image_shape[2] if len(image_shape) == 3 else 1
        statistics = statistics.pooled(channels)
    centre, width = _centre_and_width(matrix, statistics, normalize, dtype, names, channels)
    scale, shift = 1.0 / width, -centre / width
    if unscaled is not None:
        scale, shift = np.where(unscaled, 1.0, scale), np.where(unscaled, 0.0, shift)
    return scale, shift + 0.0  # + 0.0 turns -0.0 into 0.0


def origin_scale_and_shift(
    matrix: np.ndarray, normalize: str, dtype: np.dtype, names: tuple[str, ...]
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Return what normalises a matrix in its own type by ``(matrix - origin) * scale + shift``.

    Parameters
    ----------
    matrix, normalize, dtype, names
        As for ``scale_and_shift``; no row is a picture.

    Returns
    -------
    origin, scale, shift
        float64 (columns,), or three times None for the identity. The origin is 0 but for columns
        far from zero, to be subtracted before the values are narrowed to ``dtype``; None where it
        would be 0 throughout.

    Raises
    ------
    DataError
        As ``scale_and_shift``.
    """
    if normalize == "none":
        return None, None, None
    statistics = column_statistics(matrix)
    centre, width = _centre_and_width(matrix, statistics, normalize, dtype, names)
    with np.errstate(over="ignore"):
        spread = statistics.maximum - statistics.minimum
    # A column that was constant has width 1: rows to come may tell it from its neighbours.
    spread = np.where(spread > 0, spread, width)
    far = far_from_zero(statistics.minimum, statistics.maximum, spread)
    origin = np.where(far, centre, 0.0)
    return (origin if far.any() else None), 1.0 / width, (origin - centre) / width + 0.0


def _centre_and_width(
    matrix: Matrix,
    statistics: ColumnStatistics,
    normalize: str,
    dtype: np.dtype,
    names: tuple[str, ...],
    channels: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what is 0 in each column and what is 1; ``channels`` are those of pictures."""
    if normalize == "standard":
        centre, width = statistics.mean, statistics.deviation
    elif normalize == "robust":
        centre, width = _median_and_spread(matrix, statistics, channels)
    elif channels is not None and matrix.dtype == np.uint8:
        # One range for all channels, and 0 stays 0: the brightest pixel of the training rows is
        # white.
        centre = np.zeros_like(statistics.mean)
        width = np.full_like(statistics.mean, statistics.maximum.max())
    else:
        with np.errstate(over="ignore"):
            centre, width = statistics.minimum, statistics.maximum - statistics.minimum
    if not np.isfinite(width).all():
        column = int(np.argmin(np.isfinite(width)))
        raise DataError(
            f"column {names[column]!r} holds values too large to normalise; divide them, or give "
            "normalize none."
        )
    # A constant column has no width; its mean may differ from its value by rounding, so its value
    # is taken instead.
    constant = (statistics.minimum == statistics.maximum) | (width < np.finfo(dtype).tiny)
    if normalize == "standard":
        centre = np.where(constant, statistics.minimum, centre)
    return centre, np.where(constant, 1.0, width)


def _median_and_spread(
    matrix: Matrix, statistics: ColumnStatistics, channels: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return medians and interquartile ranges, or half of the range where three quarters are alike.

    As Holzmüller, Grinsztajn and Steinwart 2024 (RealMLP) scale numbers.
    """
    columns = matrix.shape[1]
    quartiles = column_quantiles(matrix, (0.25, 0.5, 0.75), channels)
    low, median, high = (np.resize(each, columns) for each in quartiles)
    with np.errstate(over="ignore"):
        spread = high - low
    half = 0.5 * statistics.maximum - 0.5 * statistics.minimum
    return median, np.where(spread == 0, half, spread)
