"""The run's data, read again, beside what the model says of each row."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.data.source import Source
from fastmlp.errors import FastMLPError
from fastmlp.metrics.score import Answers
from fastmlp.model.held_out import FoundSplits, find_splits
from fastmlp.model.model import Model, load
from fastmlp.preparation.prepare import read_source
from fastmlp.settings.settings import settings_from

from .finished_run import SPLITS, FinishedRun
from .words import share

PIXEL_NAMES = ("pixel", "px", "pix")
SMALLEST_PICTURE = 5  # pixels a side: fewer columns called pixel are not looked at as a picture
FREE_DIFFERENCE = 0.002  # of accuracies that two devices may give


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of one split with what is true and what is predicted of them."""

    name: str  # ``"train"``, ``"validation"`` or ``"test"``
    source: Source  # the rows as they were read
    # (rows,) class numbers; (rows, outputs) of 0 and 1 for multilabel; (rows, outputs) values in
    # their own unit for regression
    encoded: np.ndarray
    # (rows, classes) or (rows, outputs) of what the model says, in the same unit
    outputs: np.ndarray
    # (rows,) predicted class numbers, or (rows, outputs) of 0 and 1; the outputs for regression
    decided: np.ndarray

    def __len__(self) -> int:
        return len(self.source)

    @property
    def places(self) -> tuple[str, ...]:
        """Where each row was found."""
        assert self.source.row_names is not None
        return self.source.row_names


@dataclass(frozen=True, eq=False)
class Evidence:
    """The model and its data, as far as both could be had."""

    model: Model | None  # None if its file is missing or damaged
    # by name, those that have rows; empty if the data could not be read again
    splits: dict[str, Split] = field(default_factory=dict)
    # (height, width) or (height, width, channels) if a row is a picture, else None
    image_shape: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()  # what the reader of the data wants to be known
    # sentences on what is missing and how to give it
    problems: list[str] = field(default_factory=list)

    @property
    def answering(self) -> Model:
        """The model, which there is where rows were answered."""
        assert self.model is not None
        return self.model

    @property
    def judged(self) -> Split | None:
        """The split by which the model is judged: test, else validation, else train."""
        return next((self.splits[name] for name in reversed(SPLITS) if name in self.splits), None)

    @property
    def class_names(self) -> list[str]:
        """The classes as texts; for several labels their numbers."""
        if self.model is None or self.model.task == "regression":
            return []
        if self.model.task == "multilabel":
            return [str(number) for number in range(1, self.model.targets.output_width + 1)]
        return [str(label) for label in self.model.classes or ()]

    @property
    def gives_probabilities(self) -> bool:
        """Whether the outputs are probabilities; those of a squared error need not be."""
        return all(
            split.outputs.size and split.outputs.min() >= 0 and split.outputs.max() <= 1 + 1e-6
            for split in self.splits.values()
        )


def gather(
    run: FinishedRun,
    data: str | Path | None = None,
    data_dir: str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> Evidence:
    """Load a run's model, read its data as training did, and predict every row.

    Parameters
    ----------
    run
        The run.
    data, data_dir
        Where the data are now, if they are not where they were.
    device, threads
        As in ``fastmlp.load``.

    Raises
    ------
    DataError, UsageError
        Only if ``data`` or ``data_dir`` was given and cannot be used; else a problem is noted.
    """
    try:
        model = load(run.folder, device=device, threads=threads)
    except FastMLPError as error:
        return Evidence(None, problems=[f"Nothing can be said of single rows and classes: {error}"])
    given = {"dataset": data and str(data), "data_dir": data_dir and str(data_dir)}
    changes = {name: value for name, value in given.items() if value}
    try:
        source, found = _split_again(model, changes)
        answered = {name: _answered(name, part, model) for name, part in found.parts.items()}
    except (FastMLPError, OSError) as error:
        if changes:
            raise
        remedy = "Give the place where they are now: fastmlp report RUN --data PATH"
        return Evidence(model, problems=[f"The data cannot be read again: {error} {remedy}."])
    problems = _disagreements(answered, model, run.metrics)
    return Evidence(model, answered, _image_shape(source), (*source.notes, *found.notes), problems)


def _split_again(model: Model, changes: dict[str, str]) -> tuple[Source, FoundSplits]:
    """Return the source and those of its splits that have rows, in the source's row numbers."""
    settings = settings_from(model.settings, changes)
    source = read_source(settings, schema=model.schema, pictures=model.features.pictures)
    source = _with_row_names(source)
    if source.test is not None:
        source = replace(source, test=_with_row_names(source.test))
    return source, find_splits(model, source, settings)


def _with_row_names(source: Source) -> Source:
    if source.row_names is not None:
        return source
    return replace(source, row_names=tuple(f"row {number}" for number in range(1, len(source) + 1)))


def _answered(name: str, part: Source, model: Model) -> Split:
    encoded = model.targets.encode(part.known_target)
    if model.task == "regression":
        encoded = np.asarray(part.known_target, np.float64).reshape(len(part), -1)
    outputs = model.predict_outputs(part.features, part.feature_names)
    if model.task == "regression":
        if model.levels:  # the pictures are of the middle one
            outputs = Answers(model.task, encoded, outputs, levels=model.levels).values
        return Split(name, part, encoded, outputs, outputs)
    return Split(name, part, encoded, outputs, model.answers(encoded, outputs).decided)


def _disagreements(splits: dict[str, Split], model: Model, metrics: dict[str, Any]) -> list[str]:
    """Report rows on which the model is not as accurate as in training: they are others."""
    problems = []
    if model.task != "classification" or metrics.get("diverged"):
        return problems
    for name, split in splits.items():
        if name == "train" and model.features.has_statistics:
            continue  # training read other numbers there, of which no row's own target was a part
        now, then = float(np.mean(split.decided == split.encoded)), metrics.get(f"{name}_accuracy")
        tolerance = max(FREE_DIFFERENCE, 1.5 / len(split))
        if isinstance(then, (int, float)) and abs(now - then) > tolerance:
            problems.append(
                f"The data may have changed since training: of the {name} rows {share(now)} "
                f"are right now, and {share(then)} were when the run ended."
            )
    return problems


def _image_shape(source: Source) -> tuple[int, ...] | None:
    """Return the shape of a row's picture: the source's, or a square if all columns are pixels."""
    if source.image_shape is not None:
        return source.image_shape
    columns = source.features.shape[1]
    side = math.isqrt(columns)
    names = source.feature_names or tuple(getattr(source.features, "columns", ()))
    if not names or side * side != columns or side < SMALLEST_PICTURE:
        return None
    are_pixels = all(str(name).lower().startswith(PIXEL_NAMES) for name in names)
    return (side, side) if are_pixels else None
