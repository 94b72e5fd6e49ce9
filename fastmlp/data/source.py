"""Source: rows of features with their target, as any reader of this package returns them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fastmlp.data.pictures.reading import PictureReading
from fastmlp.errors import DataError

if TYPE_CHECKING:
    import polars

    from fastmlp.data.readings.schema import Schema


@dataclass(frozen=True, eq=False)
class Source:
    """A data set as it was read: nothing is scaled, imputed or encoded yet.

    Parameters
    ----------
    name
        The data set's name (``"digits"``) or the stem of the file it came from.
    features
        2-D C-contiguous array (rows, columns) of uint8, float32 or float64, maybe a
        ``numpy.memmap``; for a table a polars frame whose columns keep their own types.
    target
        (rows,) of integers, strings, booleans or floats, or (rows, outputs); None where the source
        has none.
    target_name
        What the target is called in the source.
    feature_names
        One name a column where the source gives names.
    image_shape
        (height, width) or (height, width, channels) where a row is a picture, flattened in that
        order.
    test
        The source's own test split.
    notes
        Sentences for the user on what the reader did beyond reading, such as rows it left out.
    row_names
        One name a row where rows have names, such as the files of an image folder.
    schema
        How a table's columns were read; of a table that a model is to read, how that model does.
    pictures
        How pixels became bytes, where rows were read from pictures; a model keeps it for the
        pictures that it sees later.

    Raises
    ------
    DataError
        If the parts do not agree on the number of rows or columns.
    """

    name: str
    features: np.ndarray | polars.DataFrame
    target: np.ndarray | None = None
    target_name: str | None = None
    feature_names: tuple[str, ...] | None = None
    image_shape: tuple[int, ...] | None = None
    test: Source | None = None
    notes: tuple[str, ...] = ()
    row_names: tuple[str, ...] | None = None
    schema: Schema | None = None
    pictures: PictureReading | None = None

    def __post_init__(self):
        rows, columns = self.features.shape
        for what, part in (("targets", self.target), ("row names", self.row_names)):
            if part is not None and len(part) != rows:
                raise DataError(
                    f"{self.name} has {rows:,} rows of features and {len(part):,} {what}; they "
                    "must be as many."
                )
        if self.feature_names is not None and len(self.feature_names) != columns:
            raise DataError(
                f"{self.name} has {columns:,} columns and {len(self.feature_names):,} names for "
                "them."
            )
        if self.image_shape is not None and int(np.prod(self.image_shape)) != columns:
            shape = "×".join(map(str, self.image_shape))
            raise DataError(
                f"{self.name} has {columns:,} columns, which are not the pixels of {shape} images."
            )

    def __len__(self) -> int:
        return self.features.shape[0]

    def take(self, rows: np.ndarray) -> Source:
        """Return the given rows, in the given order, as a source of its own without a test split.

        Parameters
        ----------
        rows
            1-D integer array of row numbers.
        """
        return replace(
            self,
            features=self.features[rows],
            target=None if self.target is None else self.target[rows],
            row_names=None
            if self.row_names is None
            else tuple(self.row_names[row] for row in rows),
            test=None,
        )


def numbered_names(count: int) -> Sequence[str]:
    """Return ``column_1`` … for columns that have no names."""
    return tuple(f"column_{number}" for number in range(1, count + 1))
