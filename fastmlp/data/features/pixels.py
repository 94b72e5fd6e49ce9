"""Tables whose rows are pictures: whole numbers from 0 to 255 and a size, given or learnt."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastmlp.data.staged.table import StagedTable
from fastmlp.errors import DataError

if TYPE_CHECKING:
    import polars

    from fastmlp.data.staged.table import Table

FEWEST_PIXELS = 64


def as_pixels(frame: polars.DataFrame, shape: tuple[int, ...], where: str) -> np.ndarray:
    """Return a table of pixels, typed or as texts, as uint8 (rows, pixels).

    Raises
    ------
    DataError
        If there are other columns than pixels, or values other than whole numbers from 0 to 255.
    """
    pixels = pixels_or_none(frame, shape)
    if pixels is not None:
        return pixels
    if math.prod(shape) != frame.width:
        raise DataError(
            f"{where} has {frame.width:,} columns beside the target; pictures of "
            f"{'×'.join(map(str, shape))} have {math.prod(shape):,} pixels."
        )
    raise DataError(
        f"{where} holds no pictures: each column must be whole numbers from 0 to 255, without gaps."
    )


def pixels_or_none(frame: polars.DataFrame, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return what ``as_pixels`` returns, or None where the table is another."""
    import polars

    could_be = all(each.is_numeric() or each == polars.String for each in frame.dtypes)
    if math.prod(shape) != frame.width or not could_be:
        return None
    values = frame.select(polars.all().cast(polars.Float64, strict=False))
    are_bytes = polars.all().is_between(0, 255) & (polars.all() == polars.all().floor())
    fits = values.select(are_bytes.fill_null(False).all())
    return np.ascontiguousarray(values.cast(polars.UInt8).to_numpy()) if all(fits.row(0)) else None


def could_be_pictures(frame: Table) -> bool:
    """Return whether a table's columns are pixels and a square number of them, at least 64."""
    import polars

    square = frame.width >= FEWEST_PIXELS and math.isqrt(frame.width) ** 2 == frame.width
    if not square or not all(dtype.is_integer() for dtype in frame.dtypes):
        return False
    if isinstance(frame, StagedTable):
        return all(series.is_between(0, 255).all() for series in frame)
    return all(frame.select(polars.all().is_between(0, 255).all()).row(0))
