"""From a source and settings to matrices: splits, preprocessing, encoded targets, row weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from fastmlp.data.features.encoding import Encoding
from fastmlp.data.features.statistics import TargetRows
from fastmlp.data.features.targets import TargetEncoder, infer_task
from fastmlp.data.loading import load
from fastmlp.data.pictures.reading import PictureReading
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.data.readings.schema import Schema
from fastmlp.data.row_hashes import row_hashes
from fastmlp.data.source import Source
from fastmlp.data.splits import fold_numbers, split_rows
from fastmlp.errors import DataError, UsageError, did_you_mean
from fastmlp.nn.losses import loss_kind
from fastmlp.settings.presets import FEWEST_ROWS
from fastmlp.settings.settings import Settings

from .given import Given
from .known_rows import KnownRows

FINGERPRINT_ROWS = 1000
DEFAULT_VALIDATION_FRACTION = 0.1  # with early stopping, which cannot do without
STATISTICS_FOLDS = 5  # in which target statistics are cross-fitted where the run has no folds


@dataclass(frozen=True)
class Part:
    """The rows of one split, ready for batches: features (rows, columns) and encoded targets."""

    features: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True)
class PreparedData:
    """Everything that training needs to know of the data."""

    name: str  # of the source
    settings: Settings  # with those of the preset that was chosen by the data
    train: Part
    validation: Part | None  # None where there are no such rows
    test: Part | None
    features: FeaturePreprocessor  # fitted
    targets: TargetEncoder  # fitted
    # (training rows,) weight of each row, mean 1; None for equal weights
    weights: np.ndarray | None = None
    input_shape: tuple[int, ...] | None = None  # (height, width[, channels]) for images, else None
    # (training rows,) the fold of each row; None without folds
    folds: np.ndarray | None = None
    # what the target is called in the source, if it has a name there
    target_name: str | None = None
    # what a user should know: rows left out, columns grouped, parts missing
    notes: list[str] = field(default_factory=list)
    # (training rows,) uint64, the hashes of what ``transform`` makes of the training rows where
    # that differs from ``train``, as target statistics do
    train_hashes: np.ndarray | None = None
    # with folds and target statistics: the training rows once for each fold, as the members see
    # them that do not learn from it, with statistics to which its targets do not count
    stacked: Part | None = None

    @property
    def validating(self) -> Part | None:
        """The rows that validate: with folds all training rows do, each out of its fold."""
        return self.validation if self.folds is None else self.train

    @property
    def parts(self) -> dict[str, Part | None]:
        """The splits by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def rows(self) -> dict[str, int]:
        """The number of rows of each split."""
        return {name: 0 if part is None else len(part) for name, part in self.parts.items()}

    @cached_property
    def known_rows(self) -> KnownRows:
        """What tells later whether data are these."""
        known = {} if self.train_hashes is None else {"train": self.train_hashes}
        for name, part in self.parts.items():
            if part is not None and name not in known:
                known[name] = row_hashes(part.features, part.targets)
        return KnownRows.of(known)


def prepare(settings: Settings, given: Given | None = None) -> PreparedData:
    """Read, split and encode the data of a run; statistics come from the training rows alone.

    Parameters
    ----------
    settings
        What they are and how to prepare them.
    given
        Data in memory that take the place of those that the settings name.

    Raises
    ------
    DataError, UsageError
        If the data cannot be read or does not fit the settings.
    """
    return prepare_source(read_source(settings, given), settings)


def prepare_source(source: Source, settings: Settings) -> PreparedData:
    """Split and encode data that were read; ``prepare`` of what is read once for many runs."""
    task = task_of(settings, source)
    settings = settings.with_preset(preset_for(source), task, len(source))
    try:
        return _prepared(source, settings, task)
    except DataError:
        _check_all_rows(source, settings)
        raise


def task_of(settings: Settings, source: Source) -> str:
    """Return what is to be learnt: as the settings say, else as the target tells."""
    task = _task(settings)
    return infer_task(source.known_target) if task == "auto" else task


def preset_for(source: Source) -> str:
    """Return the preset that ``auto`` takes for data: that of tables, if there are rows enough and
    they are no pictures.
    """
    is_table = source.schema is not None and source.image_shape is None
    return "tables" if is_table and len(source) >= FEWEST_ROWS else "plain"


def _check_all_rows(source: Source, settings: Settings) -> None:
    """Check all rows before the split, so that an error counts rows as the user's file does."""
    standardize = settings.standardize_target and loss_kind(settings.loss_word).standardizes
    kind = standardize, settings.dtype, settings.clamp_outputs
    TargetEncoder().fit(source.known_target, _task(settings), *kind)
    layout = (source.image_shape, source.feature_names, source.schema)
    FeaturePreprocessor().fit(source.features, "none", settings.dtype, *layout)


def _task(settings: Settings) -> str:
    """Return the task of the settings, or the only one of their loss where that is for values."""
    counts = settings.task == "auto" and loss_kind(settings.loss_word).tasks == ("regression",)
    return "regression" if counts else settings.task


def _prepared(source: Source, settings: Settings, task: str) -> PreparedData:
    train, validation, test = split_source(source, settings, task)
    standardize = settings.standardize_target and loss_kind(settings.loss_word).standardizes
    kind = standardize, settings.dtype, settings.clamp_outputs
    encoder = TargetEncoder().fit(train.known_target, task, *kind)
    preprocessor = FeaturePreprocessor()
    layout = (source.image_shape, source.feature_names, source.schema, source.pictures)
    levels = settings.max_levels, settings.level_rows, settings.embed_above
    encoding = Encoding(settings.missing, *levels, settings.target_statistics)
    targets = encoder.encode(train.known_target)
    folds = None
    if settings.folds is not None:
        among = {"folds": settings.folds, "task": task, "seed": settings.seed}
        folds = fold_numbers(train.known_target, **among)
    target = None
    if settings.target_statistics:
        target = TargetRows.of(encoder, targets, _statistics_folds(train, task, settings, folds))
    how = (settings.normalize, settings.dtype, *layout, encoding, target)
    matrix = preprocessor.fit_transform(train.features, *how)
    if source.schema is not None:
        encoder.reading = source.schema.target
    surprises: list[str] = []

    def part(rows: Source | None) -> Part | None:
        if rows is None or not len(rows):
            return None
        matrix = preprocessor.transform(rows.features, rows.feature_names, surprises)
        return Part(matrix, encoder.encode(rows.known_target))

    train_part, train_hashes, stacked = Part(matrix, targets), None, None
    if target is not None and preprocessor.has_statistics:
        later = preprocessor.transform(train.features, train.feature_names)
        train_hashes = row_hashes(later, targets)
        if folds is not None:
            assert not isinstance(train.features, np.ndarray)  # which hold no texts
            without = preprocessor.without_folds(train.features, matrix, target, folds)
            stacked = Part(without, np.concatenate([targets] * (int(folds.max()) + 1)))
    elif settings.target_statistics:
        surprises.append(
            f"no column holds more than {settings.target_statistics:,} different texts, so none "
            "has target statistics."
        )
    weights = class_weights(settings.class_weight, encoder, train_part.targets)
    validation_part, test_part = part(validation), part(test)
    test_notes = () if source.test is None else source.test.notes
    notes = list(dict.fromkeys([*source.notes, *test_notes, *preprocessor.notes, *surprises]))
    parts = (train_part, validation_part, test_part)
    described = (source.image_shape, folds, source.target_name, notes, train_hashes, stacked)
    fitted = preprocessor, encoder, weights
    return PreparedData(source.name, settings, *parts, *fitted, *described)


def _statistics_folds(
    train: Source, task: str, settings: Settings, folds: np.ndarray | None
) -> np.ndarray:
    """Return folds in which target statistics are cross-fitted: the run's, or 5 of their own.

    Two folds are not enough: without one, the rows of the other would have nothing left. And there
    are fewer than 5 where these would have no two rows each.
    """
    if folds is not None and folds.max() >= 2:
        return folds
    count = min(STATISTICS_FOLDS, len(train) // 2)
    if count < 2:
        return np.arange(len(train))
    return fold_numbers(train.known_target, folds=count, task=task, seed=settings.seed)


def same_data(data: PreparedData, kept: str) -> bool:
    """Return whether data match a checkpoint's ``known_rows.order`` or an older fingerprint."""
    return kept in (data.known_rows.order, sampled_fingerprint(data))


def sampled_fingerprint(data: PreparedData) -> str:
    """Return what checkpoints kept before models knew their rows.

    It is a SHA-256 of the prepared data: of all targets, and of up to FINGERPRINT_ROWS rows of
    features in each split.
    """
    total = hashlib.sha256()
    for name, part in data.parts.items():
        if part is None:
            continue
        rows = np.linspace(0, len(part) - 1, min(len(part), FINGERPRINT_ROWS)).astype(np.int64)
        features, targets = part.features, part.targets
        total.update(f"{name} {features.dtype} {features.shape} {targets.dtype}".encode())
        total.update(np.ascontiguousarray(features[rows]).data)
        total.update(np.ascontiguousarray(targets).data)
    return total.hexdigest()


def read_source(
    settings: Settings,
    given: Given | None = None,
    *,
    schema: Schema | None = None,
    pictures: PictureReading | None = None,
) -> Source:
    """Read the data that the settings name, or those that are given in their place.

    ``schema`` and ``pictures`` are how a model that was trained on them reads tables and pictures.
    """
    dataset, test = (given or Given()).or_named(settings)
    return load(
        dataset,
        target=settings.target,
        test=test,
        data_dir=settings.data_dir,
        image_size=settings.image_size,
        colour=settings.colour,
        task=settings.task,
        layout=settings.layout,
        columns=settings.columns,
        schema=schema,
        ground=settings.ground,
        pictures=pictures,
    )


def split_source(
    source: Source, settings: Settings, task: str
) -> tuple[Source, Source | None, Source | None]:
    """Return the training, validation and test rows of a source."""
    train, *held_out = split_numbers(source, settings, task)
    validation, test = (None if part is None else source.take(part) for part in held_out)
    return source.take(train), validation, source.test if source.test is not None else test


def split_numbers(
    source: Source, settings: Settings, task: str
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Return the rows of training, validation and test; None for a part that has no rows here."""
    fraction = settings.validation_fraction
    if fraction is None:
        needs_rows = settings.early_stopping is not None and settings.folds is None
        fraction = DEFAULT_VALIDATION_FRACTION if needs_rows else 0.0
    return split_rows(
        source.known_target,
        test_fraction=settings.test_fraction,
        validation_fraction=fraction,
        task=task,
        seed=settings.seed,
        has_test=source.test is not None,
    )


def class_weights(text: str, encoder: TargetEncoder, labels: np.ndarray) -> np.ndarray | None:
    """Return the weight of each training row, float64 with mean 1; None where all are equal.

    Parameters
    ----------
    text
        ``none``; ``balanced``: rows/(classes · rows of the class); or ``label=weight,…``, 1 for
        labels left out.
    encoder
        Knows the classes.
    labels
        (rows,) class numbers.

    Raises
    ------
    UsageError
        If the task has no classes, a label is not known, or a weight is not a number of at least 0.
    """
    if text == "none":
        return None
    if encoder.task != "classification":
        raise UsageError(f"class_weight needs a classification task; this is {encoder.task}.")
    assert encoder.classes is not None  # as of every classification
    counts = np.bincount(labels, minlength=len(encoder.classes))
    balanced = len(labels) / (len(counts) * np.maximum(counts, 1))
    by_class = balanced if text == "balanced" else _weights_by_label(text, encoder.classes)
    weights = by_class[labels]
    if not weights.sum() > 0:
        raise UsageError(f"class_weight {text!r} gives every training row the weight 0.")
    return weights / weights.mean()


def _weights_by_label(text: str, classes: list) -> np.ndarray:
    names = [str(label) for label in classes]
    weights = np.ones(len(names))
    for part in text.split(","):
        label, equals, number = part.rpartition("=")
        label = label.strip()
        if not equals:
            raise UsageError(
                f"class_weight {part!r} cannot be read; give none, balanced, or "
                "label=weight,label=weight."
            )
        if label not in names:
            raise UsageError(
                f"class_weight names the label {label!r}, which the target lacks"
                f"{did_you_mean(label, names)}"
            )
        try:
            weight = float(number)
        except ValueError:
            weight = -1.0
        if not 0 <= weight < float("inf"):
            raise UsageError(
                f"class_weight of {label!r} must be a number of at least 0; got {number!r}."
            )
        weights[names.index(label)] = weight
    return weights
