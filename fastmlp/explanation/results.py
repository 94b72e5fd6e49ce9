"""What an explanation holds: the importance of each column, and how the answer moves with some."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Importance:
    """What the measure loses where one column, or one block of pixels, is shuffled.

    Attributes
    ----------
    column
        Its name; of a picture the pixels of a block, in words.
    losses
        (repeats,) how much worse the measure becomes with each shuffle; below 0 where it becomes
        better.
    """

    column: str
    losses: np.ndarray

    @property
    def mean(self) -> float:
        """The importance: the mean over the repeats."""
        return float(self.losses.mean())

    @property
    def deviation(self) -> float:
        """The standard deviation over the repeats; 0 where there is one."""
        return float(self.losses.std())


@dataclass(frozen=True, eq=False)
class Dependence:
    """What a model says on average if every row had the same value in one column.

    Attributes
    ----------
    column
        Its name.
    kind
        How it is read: ``number``, ``truth``, ``date``, ``time``, ``duration`` or ``text``.
    values
        The values as people write them.
    places
        (values,) where they stand on an axis: numbers, days since 1970 or seconds; of texts and
        truth values 0, 1, 2 …
    curves
        The names of the classes, labels or outputs.
    means
        (values, curves) mean probabilities, or values in the target's own unit.
    """

    column: str
    kind: str
    values: tuple[str, ...]
    places: np.ndarray
    curves: tuple[str, ...]
    means: np.ndarray


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a model makes of its columns.

    Attributes
    ----------
    data, split, rows
        Whose rows were shuffled, which part of them, and how many.
    task
        Of the model.
    metric
        What was measured: ``accuracy``, ``log_loss``, ``rmse`` or ``mae``.
    baseline
        The measure of these rows as they are.
    answer
        What the model's numbers are: ``probability``, ``output`` where they need not be any, or
        ``prediction``.
    importances
        One a column or block of pixels, the most important first.
    dependences
        Of the first few of these columns; none of pixels.
    heat_map
        Of pictures, (blocks down, blocks across): the importance of each block; else None.
    notes
        Sentences on the rows.
    """

    data: str
    split: str
    rows: int
    task: str
    metric: str
    baseline: float
    answer: str
    importances: tuple[Importance, ...]
    dependences: tuple[Dependence, ...]
    heat_map: np.ndarray | None = None
    notes: tuple[str, ...] = ()
