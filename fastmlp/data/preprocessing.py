"""FeaturePreprocessor: features of any source become the matrix that a network reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from fastmlp.data.features.encoding import Encoding
from fastmlp.data.features.frame import FramePlan
from fastmlp.data.features.inputs import InputColumn
from fastmlp.data.features.matrix import MatrixPlan
from fastmlp.data.features.scaling import NORMALIZATIONS, scale_and_shift
from fastmlp.data.features.statistics import TargetRows
from fastmlp.data.features.targets import TargetEncoder, infer_task
from fastmlp.data.mapped.rows import MappedRows, Matrix, whole
from fastmlp.data.memory import require_memory
from fastmlp.data.pictures.reading import PictureReading
from fastmlp.data.readings.reading import ColumnReading
from fastmlp.data.readings.schema import ColumnFacts, Schema
from fastmlp.data.staged.table import StagedTable
from fastmlp.errors import DataError, UsageError, choose

from . import stored

if TYPE_CHECKING:
    from fastmlp.data.staged.table import Table

__all__ = ["NORMALIZATIONS", "FeaturePreprocessor", "TargetEncoder", "infer_task"]

DTYPES = ("float32", "float64")


class FeaturePreprocessor:
    """Learns from the training rows how features become numbers, then does the same to any rows.

    ``transform`` imputes and encodes but does not normalise: the batch kernel computes ``x * scale
    + shift`` while it copies a batch, so that pixels can stay bytes.

    """

    def __init__(self):
        # float64 (output columns,), or None where nothing is to be normalised.
        self.scale: np.ndarray | None = None
        self.shift: np.ndarray | None = None
        self.normalize = "none"  # one of NORMALIZATIONS
        self.dtype = np.dtype(np.float32)  # of the network: float32 or float64
        self.image_shape: tuple[int, ...] | None = None  # (height, width[, channels])
        # How pixels become bytes; None where the rows were not read from pictures.
        self.pictures: PictureReading | None = None
        self._plan: FramePlan | MatrixPlan | None = None

    def fit(
        self,
        features: Matrix | Table,
        normalize: str = "standard",
        dtype: DTypeLike = np.float32,
        image_shape: tuple[int, ...] | None = None,
        feature_names: tuple[str, ...] | None = None,
        schema: Schema | None = None,
        pictures: PictureReading | None = None,
        encoding: Encoding = Encoding(),  # noqa: B008  it cannot be changed
        target: TargetRows | None = None,
    ) -> FeaturePreprocessor:
        """Learn medians, levels and the normalisation from the training rows.

        Parameters
        ----------
        features
            (rows, columns) array, rows in a file, or polars frame: the training rows only.
        normalize
            "none", "unit" (to [0, 1]), "standard" (mean 0, deviation 1) or "robust" (median 0,
            interquartile range 1): by column, for images over all pixels.
        dtype
            float32 or float64.
        image_shape
            (height, width) or (height, width, channels) if a row is a picture.
        feature_names
            Names of an array's columns; a frame brings its own.
        schema
            How a frame's columns are read; decided from the rows without one.
        pictures
            How the rows were read, where they are pictures: kept for those that come later.
        encoding
            How gaps and texts are encoded.
        target
            The rows' target, if texts have target statistics.

        Raises
        ------
        UsageError
            If ``normalize`` or ``dtype`` is not one of the above.
        DataError
            If there is no row or column, or a value is infinite or too large for ``dtype``.
        """
        how = image_shape, feature_names, schema, pictures, encoding, target
        self.fit_transform(features, normalize, dtype, *how)
        return self

    def fit_transform(
        self,
        features: Matrix | Table,
        normalize: str = "standard",
        dtype: DTypeLike = np.float32,
        image_shape: tuple[int, ...] | None = None,
        feature_names: tuple[str, ...] | None = None,
        schema: Schema | None = None,
        pictures: PictureReading | None = None,
        encoding: Encoding = Encoding(),  # noqa: B008  it cannot be changed
        target: TargetRows | None = None,
    ) -> Matrix:
        """Fit and return the rows as training reads them, with a table read once for both.

        They are what ``transform`` returns, but for target statistics: in the training rows these
        are cross-fitted, a row's own target left out, while any rows that come later have those of
        all training rows.
        """
        self.normalize = choose("normalize", normalize, NORMALIZATIONS)
        self.dtype = np.dtype(choose("dtype", _type_name(dtype), DTYPES))
        if 0 in features.shape:
            raise DataError(
                f"there is nothing to learn from {features.shape[0]:,} rows and "
                f"{features.shape[1]:,} columns."
            )
        self.image_shape = None if image_shape is None else tuple(image_shape)
        self.pictures = pictures
        if isinstance(features, (np.ndarray, MappedRows)):
            self._plan = MatrixPlan.fit(features, feature_names, self.image_shape, encoding)
            matrix = self._plan.transform(features, self.dtype)
        else:
            self._plan, read = FramePlan.learn(features, schema, encoding, target)
            matrix = self._plan.training_matrix_of(read, self.dtype, target)
        self.scale, self.shift = scale_and_shift(
            matrix, normalize, self.dtype, self.output_names, self.image_shape, self._plan.unscaled
        )
        return matrix

    def without_folds(
        self, features: Table, matrix: Matrix, target: TargetRows, folds: np.ndarray
    ) -> Matrix:
        """Return the training rows once for each fold, with target statistics that do not know it.

        Cross-fitted statistics do not hold a row's own target, but those of other rows, which
        others were left out for. A network that learns from these can work out what it was not to
        see: it knows the sum of a text's targets as its level's weight, and the statistic of a row
        of its own fold is that sum less the targets there.

        Parameters
        ----------
        features
            The training rows.
        matrix
            (rows, output columns), what ``fit_transform`` returned for them.
        target
            Their target, as it was given to ``fit_transform``.
        folds
            (rows,) from 0: each in turn is left out.

        Returns
        -------
        numpy.ndarray
            (folds·rows, output columns): in the first stack of rows no statistic depends on the
            first fold's targets. The rows of that fold have there what later rows would have.
        """
        assert isinstance(self._plan, FramePlan)
        stacks = int(folds.max()) + 1
        what = f"{len(matrix):,} training rows once for each of {stacks} folds"
        if not isinstance(features, StagedTable):
            require_memory(stacks * matrix.nbytes, what)
        return self._plan.without_folds(features, matrix, target, folds)

    def transform(
        self,
        features: Matrix | Table,
        feature_names: tuple[str, ...] | None = None,
        notes: list[str] | None = None,
    ) -> Matrix:
        """Return the rows as a matrix, imputed and encoded but not yet scaled.

        Parameters
        ----------
        features
            (rows, columns) array, polars frame, or list of lists of numbers. A frame's columns are
            found by name, in any order, others ignored.
        feature_names
            Names of an array's columns, to find them by; without them an array's columns are taken
            in order.
        notes
            Gets a sentence for each column of a table with cells that could not be read or were not
            seen in training.

        Returns
        -------
        numpy.ndarray or MappedRows
            (rows, output_columns), C-contiguous: uint8 if the features are a uint8 array, ``dtype``
            otherwise; columns that lie far from zero less their origin. It is the array itself, not
            a copy, where nothing had to be done. Of MappedRows it is MappedRows, which are imputed
            and encoded whenever they are read.

        Raises
        ------
        DataError
            If a column is missing, holds something else than in training, or holds an infinity.
        """
        if isinstance(features, (list, tuple)):
            features = _as_array(features)
        plan = self._fitted
        if isinstance(plan, MatrixPlan):
            if isinstance(features, StagedTable):
                raise DataError("the model was trained on an array; give rows that memory holds.")
            return plan.transform(features, self.dtype, feature_names, notes)
        if isinstance(features, MappedRows):
            features = whole(features, "the rows")
        return plan.transform(features, self.dtype, feature_names, notes)

    @property
    def input_names(self) -> tuple[str, ...] | None:
        """The names by which a frame's columns are found; None where columns are taken in order."""
        plan = self._fitted
        return plan.names if isinstance(plan, MatrixPlan) else plan.input_names

    @property
    def input_columns(self) -> int:
        """How many columns a row of features has."""
        plan = self._fitted
        return plan.columns if isinstance(plan, MatrixPlan) else len(plan.input_names)

    @property
    def inputs(self) -> tuple[InputColumn, ...]:
        """The columns of a row, with where they stand in the matrix and what they mean there."""
        return self._fitted.inputs

    @property
    def output_names(self) -> tuple[str, ...]:
        """The matrix's columns by name."""
        return self._fitted.output_names

    @property
    def output_columns(self) -> int:
        """How many columns the matrix has."""
        return len(self.output_names)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The matrix's columns that are numbers: no levels, indicators or codes."""
        unscaled = self._fitted.unscaled
        every = np.arange(self.output_columns)
        return tuple((every if unscaled is None else every[~unscaled]).tolist())

    @property
    def codes(self) -> tuple[tuple[int, int], ...]:
        """The matrix's columns of codes, each with the count of its codes."""
        return self._fitted.codes if isinstance(self._fitted, FramePlan) else ()

    def schema(self, target: ColumnReading | None = None) -> Schema:
        """Return how tables are read for this model: ``load(..., schema=)`` takes it."""
        plan = self._fitted
        if isinstance(plan, FramePlan):
            return Schema(tuple(column.reading for column in plan.columns), target, plan.facts)
        return Schema(tuple(ColumnReading(name, "number") for name in plan.names or ()), target)

    @property
    def facts(self) -> tuple[ColumnFacts, ...]:
        """What was decided of the training table's columns, in words; empty for arrays."""
        return self._fitted.facts if isinstance(self._fitted, FramePlan) else ()

    @property
    def has_statistics(self) -> bool:
        """Whether a column of texts has target statistics, so that training rows differ."""
        return isinstance(self._fitted, FramePlan) and self._fitted.has_statistics

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user, empty for a preprocessor that came from a file."""
        return self._fitted.notes

    @property
    def _fitted(self) -> FramePlan | MatrixPlan:
        if self._plan is None:
            raise UsageError(
                "this preprocessor has learnt nothing yet; call fit with the training rows first."
            )
        return self._plan

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the notes as JSON can hold it."""
        return {
            "features": self._fitted.to_dict(),
            "normalize": self.normalize,
            "dtype": self.dtype.name,
            "image_shape": None if self.image_shape is None else list(self.image_shape),
            "pictures": self.pictures and self.pictures.to_dict(),
            "scale": None if self.scale is None else self.scale.tolist(),
            "shift": None if self.shift is None else self.shift.tolist(),
        }

    @classmethod
    def from_dict(cls, kept: Any) -> FeaturePreprocessor:
        """Return the preprocessor that ``to_dict`` described.

        Raises
        ------
        ModelFileError
            If an entry is missing, of the wrong type or contradicts another.
        """
        preprocessor = cls()
        features = stored.entry(kept, "features", dict)
        kind = stored.word(features, "kind", ("table", "matrix"))
        plan = FramePlan if kind == "table" else MatrixPlan
        preprocessor._plan = plan.from_dict(features)
        preprocessor.normalize = stored.word(kept, "normalize", NORMALIZATIONS)
        preprocessor.dtype = np.dtype(stored.word(kept, "dtype", DTYPES))
        width = preprocessor.output_columns
        preprocessor.image_shape = shape = stored.shape(kept, "image_shape")
        if shape is not None and np.prod(shape, dtype=object) != width:
            raise stored.damaged("image_shape", f"the shape of {width:,} columns", shape)
        preprocessor.pictures = _kept_pictures(kept, shape)
        identity = preprocessor.normalize == "none"
        preprocessor.scale = stored.vector(kept, "scale", width, optional=identity, positive=True)
        preprocessor.shift = stored.vector(kept, "shift", width, optional=identity)
        if (preprocessor.scale is None) != (preprocessor.shift is None):
            raise stored.damaged("shift", "there exactly where 'scale' is", preprocessor.shift)
        return preprocessor


def _kept_pictures(
    kept: dict[str, Any], image_shape: tuple[int, ...] | None
) -> PictureReading | None:
    """Return how pictures are read; earlier versions did not store it and dropped alpha."""
    if "pictures" not in kept:
        return None if image_shape is None else PictureReading()
    return None if kept["pictures"] is None else PictureReading.from_dict(kept["pictures"])


def _as_array(rows: list | tuple) -> np.ndarray:
    """Return lists of numbers as a float64 matrix."""
    try:
        return np.array(rows, np.float64)
    except (TypeError, ValueError):
        raise DataError(
            "features given as lists must be rows of numbers, all of one length; give a frame for "
            "texts."
        ) from None


def _type_name(dtype: DTypeLike) -> str:
    try:
        return np.dtype(dtype).name
    except TypeError:
        return str(dtype)
