"""``fastmlp.explain``: a trained model's columns by what it needs them for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.data.mapped.rows import Matrix, whole
from fastmlp.errors import DataError, UsageError, choose
from fastmlp.model.evaluate import rows_to_measure
from fastmlp.model.held_out import SPLITS
from fastmlp.model.model import Model, load
from fastmlp.model.new_data import layout_of

from .answers import answer_in_blocks, seconds_for_a_row
from .dependence import partial_dependence
from .groups import Group, groups_of_columns, groups_of_pixels
from .importance import draw_orders, permutation_importances
from .results import Explanation
from .scores import metric_of, score_of

LARGEST_SEED = 1 << 63
SAMPLE_STREAM = 0x5A3B  # keeps the sample's draw apart from other draws under the same seed
MOST_ROWS = 1 << 40  # where the budget is infinite
FEWEST_ROWS = 100  # of a sample: fewer tell too little, however short the time is


@dataclass(frozen=True)
class Wishes:
    """What is to be explained, and how thoroughly.

    Raises
    ------
    UsageError
        If a number is out of its range.
    """

    # metric, columns, block: as the user gave them, None for fastmlp's choice
    metric: str | None = None
    columns: Sequence[str] | None = None
    block: int | None = None
    repeats: int = 5  # shuffles of each column
    seed: int = 0
    dependence: int = 6  # of how many columns the partial dependence is computed
    points: int = 20  # of a curve
    budget: float = 30.0  # seconds, from which the number of rows follows

    def __post_init__(self):
        ranges = {"repeats": 1, "seed": 0, "dependence": 0, "points": 2}
        for name, least in ranges.items():
            given = getattr(self, name)
            is_whole = isinstance(given, (int, np.integer)) and not isinstance(given, bool)
            if not is_whole or not least <= given < LARGEST_SEED:
                raise UsageError(f"{name} must be a whole number from {least} on; got {given!r}.")
        if not self.budget > 0:
            raise UsageError(f"budget must be a number of seconds over 0; got {self.budget!r}.")
        if isinstance(self.columns, str):
            raise UsageError(f"columns must be a list of names; give [{self.columns!r}].")


def explain(
    run: str | Path | Model,
    data: Any = None,
    y: Any = None,
    *,
    rows: str | None = None,
    columns: Sequence[str] | None = None,
    metric: str | None = None,
    repeats: int = 5,
    seed: int = 0,
    dependence: int = 6,
    points: int = 20,
    block: int | None = None,
    budget: float = 30.0,
    target: str | None = None,
    data_dir: str | Path | None = None,
    header: bool | None = None,
    separator: str | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> Explanation:
    """Tell which columns a trained model needs, and how its answer moves with them.

    The importance of a column is what the metric loses where its values are shuffled among the
    rows, and with them all columns of the matrix that come from it. Of pictures blocks of pixels
    are shuffled. The partial dependence is the mean answer if every row had the same value in a
    column.

    Parameters
    ----------
    run
        A run's folder, a model file, or a model.
    data, y, target, data_dir, header, separator
        As in ``evaluate``: default the run's own data.
    rows
        ``test``, ``validation`` or ``train``: the rows that training used so; default test, or all
        rows of other data without a test set.
    columns
        Names of the columns to explain; default all, and the dependence of the most important ones.
    metric
        ``accuracy`` or ``log_loss``, for regression ``rmse`` or ``mae``, in the target's own unit;
        the first is the default.
    repeats, seed
        How often each column is shuffled, and by which seed.
    dependence
        Of how many columns the partial dependence is computed, the most important first.
    points
        How many values of a column, quantiles of these rows, a curve has at most.
    block
        Of pictures: pixels along a side of a block; default so many that a side has at most 8.
    budget
        About how many seconds it may take on one core: where all rows would take longer, a sample
        is drawn of them, by the seed, of at least 100.
    device, threads
        As in ``load``; a model stays where it is.

    Raises
    ------
    ModelFileError, DataError, UsageError
        With one line that says what is wrong.
    """
    if rows is not None:
        choose("rows", rows, SPLITS)
    wishes = Wishes(metric, columns, block, repeats, seed, dependence, points, budget)
    layout = layout_of(data if y is None else (data, y), header, separator)
    model = run if isinstance(run, Model) else load(run, device=device, threads=threads)
    given = data if y is None else (data, y)
    source, split, notes = rows_to_measure(model, given, target, data_dir, rows, layout)
    if source.target is None:
        raise DataError(
            f"{source.name} has no target to compare with; name its column, or give other data."
        )
    told = list(notes)
    matrix = model.features.transform(source.features, source.feature_names, told)
    return explain_matrix(model, matrix, source.target, wishes, source.name, split, told)


def explain_matrix(
    model: Model,
    matrix: Matrix,
    target: np.ndarray,
    wishes: Wishes,
    data: str,
    split: str,
    notes: Sequence[str] = (),
) -> Explanation:
    """Explain a model on rows of the matrix that ``features.transform`` made, and their target.

    Parameters
    ----------
    model, wishes
        What is explained, and how.
    matrix, target
        (rows, columns), and (rows,) or (rows, outputs) as the user has it.
    data, split, notes
        What the rows are called, and what is to be told of them.
    """
    metric = metric_of(model, wishes.metric)
    groups, shape = _groups(model, wishes)
    if len(matrix) < 2:
        raise DataError(f"{data} has {len(matrix)} row to shuffle; give at least two.")
    kept = _sample(len(matrix), rows_within(model, len(groups), wishes), wishes.seed)
    if kept is not None:
        notes = (*notes, f"a sample of {len(kept):,} of the {len(matrix):,} rows is measured.")
        matrix, target = matrix[kept], target[kept]
    matrix = whole(matrix, data)
    answer = partial(answer_in_blocks, model)
    if not np.isfinite(answer(matrix)).all():
        raise DataError(
            f"not all answers for {data} are finite numbers, as of a training that diverged; "
            "train again with a smaller learning rate."
        )
    score = score_of(model, target, metric)
    orders = draw_orders(len(matrix), wishes.repeats, wishes.seed)
    baseline, found = permutation_importances(answer, matrix, groups, score, orders)
    heat_map = None if shape is None else np.array([each.mean for each in found]).reshape(shape)
    order = np.argsort([-each.mean for each in found], kind="stable")
    curves = [
        partial_dependence(answer, matrix, column, curve_names(model), wishes.points)
        for column in (groups[place].column for place in order[: wishes.dependence])
        if column is not None
    ]
    importances = tuple(found[place] for place in order)
    said = "prediction" if model.task == "regression" else "output"
    said = "probability" if model.gives_probabilities else said
    about = (data, split, len(matrix), model.task, metric, baseline, said)
    return Explanation(*about, importances, tuple(curves), heat_map, tuple(notes))


def _groups(model: Model, wishes: Wishes) -> tuple[list[Group], tuple[int, int] | None]:
    """Return what is shuffled together, and of pictures how many blocks lie down and across."""
    shape = model.features.image_shape
    if shape is None:
        if wishes.block is not None:
            raise UsageError("block divides pictures, and these rows are none; leave it out.")
        return groups_of_columns(model.features.inputs, wishes.columns), None
    if wishes.columns is not None:
        raise UsageError(
            "columns names those of a table, and these rows are pictures, whose blocks of pixels "
            "are shuffled; leave it out, or give block."
        )
    return groups_of_pixels(shape, wishes.block)


def rows_within(model: Model, groups: int, wishes: Wishes) -> int:
    """Return how many rows can be explained in the budget; it follows from the shapes alone."""
    rows = wishes.budget / seconds_for(model, groups, wishes)
    return max(FEWEST_ROWS, int(min(rows, MOST_ROWS)))


def seconds_for(model: Model, groups: int, wishes: Wishes, rows: int = 1) -> float:
    """Return about how many seconds it takes to explain so many rows on one core."""
    passes = 1 + groups * wishes.repeats
    if model.features.image_shape is None:
        passes += min(groups, wishes.dependence) * wishes.points
    return rows * passes * seconds_for_a_row(model)


def _sample(rows: int, most: int, seed: int) -> np.ndarray | None:
    """Return ``most`` of the rows' numbers, ascending; None if there are no more."""
    if rows <= most:
        return None
    key = np.array([seed, SAMPLE_STREAM], np.uint64)
    generator = np.random.Generator(np.random.Philox(key=key))
    return np.sort(generator.choice(rows, most, replace=False))


def curve_names(model: Model) -> tuple[str, ...]:
    """Return what the outputs of a model are called: classes, labels, or the target."""
    if model.classes is not None:
        return tuple(str(label) for label in model.classes)
    numbers = range(1, model.targets.output_width + 1)
    if model.task == "multilabel":
        return tuple(f"label {number}" for number in numbers)
    name = model.target_name or "prediction"
    return (name,) if len(numbers) == 1 else tuple(f"{name} {number}" for number in numbers)
