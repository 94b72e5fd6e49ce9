"""From a source and settings to matrices: splits, preprocessing, encoded targets, row weights."""

from __future__ import annotations

import hashlib

import numpy as np

from fastmlp.data.features.encoding import Encoding
from fastmlp.data.features.statistics import TargetRows
from fastmlp.data.features.targets import TargetEncoder, infer_task
from fastmlp.data.loading import load
from fastmlp.data.mapped.rows import MappedRows
from fastmlp.data.pictures.reading import PictureReading
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.data.readings.schema import Schema
from fastmlp.data.row_hashes import row_hashes
from fastmlp.data.source import Source
from fastmlp.data.splits import fold_numbers, split_rows
from fastmlp.data.staged.workspace import Report, Workspace, silent
from fastmlp.errors import DataError
from fastmlp.nn.losses import loss_kind
from fastmlp.settings.presets import FEWEST_ROWS
from fastmlp.settings.settings import Settings

from .given import Given
from .prepared import Part, PreparedData
from .staged import Staging
from .weights import class_weights

FINGERPRINT_ROWS = 1000
DEFAULT_VALIDATION_FRACTION = 0.1  # with early stopping, which cannot do without
STATISTICS_FOLDS = 5  # in which target statistics are cross-fitted where the run has no folds


__all__ = ["Part", "PreparedData", "prepare", "preset_for", "same_data"]


def prepare(
    settings: Settings, given: Given | None = None, report: Report = silent
) -> PreparedData:
    """Read, split and encode the data of a run; statistics come from the training rows alone.

    Tables that memory does not hold are read in parts, and their encoded rows kept in a cache: see
    ``Staging``.

    Parameters
    ----------
    settings
        What they are and how to prepare them.
    given
        Data in memory that take the place of those that the settings name.
    report
        Told how far the reading of large tables is.

    Raises
    ------
    DataError, UsageError
        If the data cannot be read or does not fit the settings.
    """
    staging = Staging.of(settings, *(given or Given()).or_named(settings), report=report)
    if staging is None:
        return prepare_source(read_source(settings, given), settings)
    return staging.prepared(
        settings, lambda space: prepare_source(read_source(settings, given, space=space), settings)
    )


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
            # Neither of which holds texts:
            assert not isinstance(train.features, (np.ndarray, MappedRows))
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
    space: Workspace | None = None,
) -> Source:
    """Read the data that the settings name, or those that are given in their place.

    Tables are read in parts where there is a ``space`` for them.

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
        memory=settings.memory,
        space=space,
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
