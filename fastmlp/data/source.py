"""Source: rows of features with their target, as any reader of this package returns them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fastmlp.data.mapped.rows import MappedRows, Matrix
from fastmlp.data.pictures.reading import PictureReading
from fastmlp.errors import DataError

if TYPE_CHECKING:
    from fastmlp.data.readings.schema import Schema
    from fastmlp.data.staged.table import Table


@dataclass(frozen=True, eq=False)
class Source:
    """A data set as it was read: nothing is scaled, imputed or encoded yet.

    Raises
    ------
    DataError
        If the parts do not agree on the number of rows or columns.
    """

    name: str  # the data set's name ("digits") or the stem of its file
    # 2-D C-contiguous array (rows, columns) of uint8, float32 or float64, maybe a memmap; rows that
    # stay in their file; for a table a polars frame whose columns keep their own types, or columns
    # that stay in files
    features: Matrix | Table
    # (rows,) of integers, strings, booleans or floats, or (rows, outputs)
    target: np.ndarray | None = None
    target_name: str | None = None  # what the source calls the target
    feature_names: tuple[str, ...] | None = None  # one a column where the source gives names
    # (height, width) or (height, width, channels) where a row is a picture, flattened so
    image_shape: tuple[int, ...] | None = None
    test: Source | None = None  # the source's own test split
    notes: tuple[str, ...] = ()  # sentences for the user, as on rows that were left out
    row_names: tuple[str, ...] | None = None  # as the files of an image folder
    schema: Schema | None = None  # how a table's columns were read, or a model reads them
    # how pixels became bytes, where rows were read from pictures; a model keeps it
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

    @property
    def known_target(self) -> np.ndarray:
        """The target of rows that were read with one."""
        assert self.target is not None
        return self.target

    def __len__(self) -> int:
        return self.features.shape[0]

    def take(self, rows: np.ndarray) -> Source:
        """Return the given rows, in the given order, as a source of its own without a test split.

        Parameters
        ----------
        rows
            1-D integer array of row numbers.
        """
        target = None if self.target is None else self.target[rows]
        names = None if self.row_names is None else tuple(self.row_names[row] for row in rows)
        features = self.features
        features = features.only(rows) if isinstance(features, MappedRows) else features[rows]
        return replace(self, features=features, target=target, row_names=names, test=None)


def numbered_names(count: int) -> tuple[str, ...]:
    """Return ``column_1`` … for columns that have no names."""
    return tuple(f"column_{number}" for number in range(1, count + 1))
