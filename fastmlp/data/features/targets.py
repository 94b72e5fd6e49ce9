"""TargetEncoder: labels become class numbers, quantities are standardised, and both go back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastmlp.data import stored
from fastmlp.data.readings.reading import ColumnReading
from fastmlp.data.splits import TASKS
from fastmlp.errors import DataError, UsageError, choose

from . import stored_targets

FEW_CLASSES = 20
MANY_CLASSES = 1000


def infer_task(target: np.ndarray) -> str:
    """Tell what a target asks for: "classification", "regression" or "multilabel".

    Texts and booleans are classes. Whole numbers, also such as are stored as floats, are classes
    where they are

    - at most two different values, or
    - at most 20 different values, each in two rows on average (digits, stars, wine quality), or
    - codes without a gap from 0 or 1 on, at most 1,000, each in ten rows on average (49 characters,
      62 letters),

    and quantities otherwise (prices, years, counts). Other floats are quantities. A matrix of 0 and
    1 is multilabel, any other matrix is several quantities.

    Parameters
    ----------
    target
        (rows,) or (rows, outputs).
    """
    values = _flattened(target)
    if values.ndim == 2:
        binary = values.dtype.kind in "buif" and bool(np.isin(values, (0, 1)).all())
        return "multilabel" if binary else "regression"
    if values.dtype.kind not in "uif":
        return "classification"
    is_whole = np.isfinite(values).all() and (values == np.round(values)).all()
    if values.dtype.kind == "f" and not is_whole:
        return "regression"
    distinct = np.unique(values)
    count, rows = len(distinct), len(values)
    few = count <= 2 or (count <= FEW_CLASSES and rows >= 2 * count)
    without_gap = distinct[0] in (0, 1) and distinct[-1] - distinct[0] == count - 1
    codes = without_gap and count <= MANY_CLASSES and rows >= 10 * count
    return "classification" if few or codes else "regression"


class TargetEncoder:
    """Learns the classes, or the mean and deviation, of the training rows' target."""

    def __init__(self):
        self.task = ""  # one of TASKS
        # Of classification: the labels in ascending order as str, int, bool or float, and how many
        # training rows each has.
        self.classes: list | None = None
        self.class_counts: list[int] | None = None
        self.output_width = 0  # number of classes, or of outputs
        # Of regression: float64 (outputs,), 0 and 1 if it is not standardised.
        self.mean: np.ndarray | None = None
        self.deviation: np.ndarray | None = None
        # Of regression: the least and largest values of the training rows, (outputs,) each, between
        # which predictions are kept; None for no limits.
        self.limits: tuple[np.ndarray, np.ndarray] | None = None
        self.dtype = np.dtype(np.float32)  # of an encoded target that is not labels
        self.reading: ColumnReading | None = None  # of a table's target column

    def fit(
        self,
        target: np.ndarray,
        task: str = "auto",
        standardize: bool = True,
        dtype: DTypeLike = np.float32,
        clamp: bool = False,
    ) -> TargetEncoder:
        """Learn from the training rows' target.

        Parameters
        ----------
        target
            (rows,) of integers, strings, booleans or floats, or (rows, outputs) of numbers.
        task
            "auto" (see ``infer_task``), "classification", "regression" or "multilabel".
        standardize
            Whether regression targets are brought to mean 0 and deviation 1 by output.
        dtype
            float32 or float64.
        clamp
            Whether decoded values of a regression are kept within those of the training rows.

        Raises
        ------
        UsageError
            If the task is none of these, or has no values to clamp.
        DataError
            If the target is empty, has missing values, has one class only, has as many classes as
            rows, or does not fit the task.
        """
        choose("task", task, ("auto", *TASKS))
        values = _flattened(target)
        if len(values) == 0:
            raise DataError("the target has no rows; there is nothing to learn from.")
        _check_present(values)
        self.task = infer_task(values) if task == "auto" else task
        self.dtype = np.dtype(dtype)
        if clamp and self.task != "regression":
            raise UsageError(
                f"clamp_outputs goes with regression, not with {self.task}; leave it out."
            )
        if self.task == "classification":
            self._fit_classes(values, asked=task == "classification")
        else:
            self._fit_outputs(values, standardize)
        if clamp:
            numbers = _quantities(values)
            self.limits = numbers.min(axis=0), numbers.max(axis=0)
        return self

    def _fit_classes(self, values: np.ndarray, asked: bool) -> None:
        distinct, counts = np.unique(_labels(values), return_counts=True)
        width, rows = len(distinct), len(values)
        if width == 1:
            raise DataError(
                f"the target has one class only, {distinct[0].item()!r}; give rows of at least two "
                "classes."
            )
        if width > FEW_CLASSES and width > 0.5 * rows and not asked:
            raise DataError(
                f"the target has {width:,} different values in {rows:,} rows, which cannot be "
                "learnt as classes; give task regression, another target, or task classification "
                "to learn them all the same."
            )
        self.classes, self.class_counts = distinct.tolist(), counts.tolist()
        self.output_width = width

    def _fit_outputs(self, values: np.ndarray, standardize: bool) -> None:
        numbers = _binary(values) if self.task == "multilabel" else _quantities(values)
        self.output_width = numbers.shape[1]
        if self.task == "multilabel":
            return
        self.mean, self.deviation = np.zeros(self.output_width), np.ones(self.output_width)
        if standardize:
            with np.errstate(over="ignore", invalid="ignore"):
                mean, deviation = numbers.mean(axis=0), numbers.std(axis=0)
            if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
                raise DataError(
                    "the target's values are too large to standardise; divide them by a constant."
                )
            constant = (numbers == numbers[0]).all(axis=0) | (deviation == 0)
            self.mean = np.where(constant, numbers[0], mean)
            self.deviation = np.where(constant, 1.0, deviation)

    def encode(self, target: np.ndarray) -> np.ndarray:
        """Return a target as the network learns it.

        Parameters
        ----------
        target
            As in ``fit``.

        Returns
        -------
        numpy.ndarray
            Classification: (rows,) int32 class numbers. Otherwise (rows, outputs) in ``dtype``,
            C-contiguous: 0 and 1 for multilabel, standardised values for regression.

        Raises
        ------
        DataError
            If a value is missing, a label was not seen in training, or the width differs from the
            training target's.
        """
        self._check_fitted()
        values = _flattened(target)
        _check_present(values)
        if self.task == "classification":
            return self._class_numbers(_labels(values))
        numbers = _binary(values) if self.task == "multilabel" else _quantities(values)
        if numbers.shape[1] != self.output_width:
            raise DataError(
                f"the target has {numbers.shape[1]:,} outputs; the model was trained on "
                f"{self.output_width:,}."
            )
        if self.task == "regression":
            numbers = (numbers - self.mean) / self.deviation
        with np.errstate(over="ignore"):
            encoded = np.ascontiguousarray(numbers, self.dtype)
        if not np.isfinite(encoded).all():
            raise DataError(
                f"the target holds values too large for {self.dtype.name}; standardise it, or use "
                "float64."
            )
        return encoded

    def _class_numbers(self, labels: np.ndarray) -> np.ndarray:
        assert self.classes is not None  # of a classification
        classes = np.array(self.classes)
        known = _like(labels, classes)
        numbers = np.minimum(np.searchsorted(classes, known), len(classes) - 1)
        unseen = classes[numbers] != known
        if unseen.any() and classes.dtype.kind == "U":
            numbers[unseen] = _by_value(known[unseen], self.classes)
            unseen = numbers < 0
        if unseen.any():
            label = labels[np.argmax(unseen)].item()
            shown = ", ".join([*map(repr, self.classes[:10]), *["…"] * (len(self.classes) > 10)])
            raise DataError(
                f"the label {label!r} does not occur in the training rows, whose classes are "
                f"{shown}."
            )
        return numbers.astype(np.int32)

    def decode_labels(self, indices: np.ndarray) -> np.ndarray:
        """Return the labels, as they were in the data, of class numbers of any shape."""
        self._check_fitted()
        if self.classes is None:
            raise UsageError(f"a {self.task} target has no classes to decode.")
        return np.array(self.classes)[indices]

    def decode_values(self, matrix: np.ndarray) -> np.ndarray:
        """Return float64 regression (rows, outputs) or multilabel outputs in the target's unit,
        within the limits where there are some.
        """
        self._check_fitted()
        values = np.asarray(matrix, np.float64)
        if self.mean is None or self.deviation is None:
            return values
        values = values * self.deviation + self.mean
        return values if self.limits is None else np.clip(values, *self.limits)

    def _check_fitted(self) -> None:
        if not self.task:
            raise UsageError(
                "this encoder has learnt nothing yet; call fit with the training rows' target "
                "first."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the encoder as JSON can hold it."""
        self._check_fitted()
        return {
            "task": self.task,
            "dtype": self.dtype.name,
            "classes": self.classes,
            "class_counts": self.class_counts,
            "output_width": self.output_width,
            "mean": None if self.mean is None else self.mean.tolist(),
            "deviation": None if self.deviation is None else self.deviation.tolist(),
            "limits": None if self.limits is None else [each.tolist() for each in self.limits],
            "reading": None if self.reading is None else self.reading.to_dict(),
        }

    @classmethod
    def from_dict(cls, kept: Any) -> TargetEncoder:
        """Return the encoder that ``to_dict`` described.

        Raises
        ------
        ModelFileError
            If an entry is missing, of the wrong type or contradicts another.
        """
        encoder = cls()
        encoder.task = stored.word(kept, "task", TASKS)
        encoder.dtype = np.dtype(stored.word(kept, "dtype", ("float32", "float64")))
        encoder.output_width = width = stored.entry(kept, "output_width", int)
        if not 0 < width <= stored.MAXIMUM_LENGTH:
            raise stored.damaged("output_width", "a count of outputs", width)
        if encoder.task == "classification":
            encoder.classes = stored_targets.stored_classes(kept, width)
            encoder.class_counts = stored_targets.stored_counts(kept, width)
        elif encoder.task == "regression":
            encoder.mean = stored.vector(kept, "mean", width)
            encoder.deviation = stored.vector(kept, "deviation", width, positive=True)
            encoder.limits = stored_targets.stored_limits(kept, width)
        if kept.get("reading") is not None:
            encoder.reading = ColumnReading.from_dict(kept["reading"])
        return encoder


def _flattened(target: np.ndarray) -> np.ndarray:
    """Return the target as an array of one or two dimensions; a single column counts as one."""
    values = np.asarray(target)
    if values.dtype == object:
        values = _typed(values)
    if values.ndim == 2 and values.shape[1] == 1:
        return values[:, 0]
    if values.ndim not in (1, 2) or (values.ndim == 2 and values.shape[1] == 0):
        raise DataError(
            f"a target of shape {values.shape} cannot be used; give one value, or one row of "
            "values, a row."
        )
    if values.dtype.kind not in "buifU":
        raise DataError(
            f"a target of type {values.dtype} cannot be used; give numbers, texts or truth values."
        )
    return values


def _typed(values: np.ndarray) -> np.ndarray:
    for each in values.flat:
        if each is None or each != each:
            raise DataError("the target has missing values; leave those rows out.")
    if all(isinstance(each, str) for each in values.flat):
        return values.astype(str)
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError("the target mixes texts with other values; give one type.") from None


def _check_present(values: np.ndarray) -> None:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise DataError(
            f"the target is missing or infinite in row {row + 1:,}; leave such rows out."
        )


def _labels(values: np.ndarray) -> np.ndarray:
    """Return class labels (rows,); one-hot rows give the number of their column."""
    if values.ndim == 1:
        return values
    is_binary = values.dtype.kind in "buif" and np.isin(values, (0, 1)).all()
    if is_binary and (values.sum(axis=1) == 1).all():
        return values.argmax(axis=1)
    raise DataError(
        f"a target of {values.shape[1]:,} columns gives no one class a row; give one column, "
        "one-hot columns, or task multilabel."
    )


def _like(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return labels comparable with the classes: a test file may hold "3" for training's 3."""
    is_text, are_texts = labels.dtype.kind == "U", classes.dtype.kind == "U"
    if is_text == are_texts:
        return labels
    if are_texts:
        return np.array([str(label) for label in labels.tolist()], dtype=str)
    words = {"true": 1.0, "false": 0.0} if classes.dtype.kind == "b" else {}
    numbers = [words.get(label.lower(), _number_or_nan(label)) for label in labels.tolist()]
    return np.array(numbers, np.float64)


def _by_value(labels: np.ndarray, classes: list[str]) -> list[int]:
    """Return numbers of classes of the same value, as 1.0 is 01; -1 where none or several are."""
    values = np.array([_number_or_nan(each) for each in classes])
    found = [np.flatnonzero(values == _number_or_nan(label)) for label in labels.tolist()]
    return [int(each[0]) if len(each) == 1 else -1 for each in found]


def _number_or_nan(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _quantities(values: np.ndarray) -> np.ndarray:
    """Return a regression target as float64 (rows, outputs)."""
    matrix = values.reshape(len(values), -1)
    if matrix.dtype.kind == "U":
        for row, text in enumerate(matrix[:, 0].tolist()):
            if not np.isfinite(_number_or_nan(text)):
                raise DataError(
                    f"the target of a regression must be numbers; row {row + 1:,} holds {text!r}."
                )
    return matrix.astype(np.float64)


def _binary(values: np.ndarray) -> np.ndarray:
    """Return a multilabel target as float64 (rows, outputs) of 0 and 1."""
    matrix = values.reshape(len(values), -1)
    wrong = np.full(matrix.shape, True) if matrix.dtype.kind == "U" else ~np.isin(matrix, (0, 1))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(
            f"a multilabel target must be 0 and 1; row {row + 1:,}, output {column + 1:,} holds "
            f"{matrix[row, column].item()!r}."
        )
    return matrix.astype(np.float64)
