"""How good a trained model is on data with known answers: the run's own test rows, or other data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.data.loading import load as load_source
from fastmlp.data.source import Source
from fastmlp.data.tables import is_table_name
from fastmlp.errors import DataError, choose

from .model import Model, load
from .preparation import read_source, split_source
from .settings import settings_from

SPLITS = ("train", "validation", "test")


def evaluate(
    run: str | Path | Model,
    data: str | Path | None = None,
    *,
    target: str | None = None,
    data_dir: str | Path | None = None,
    split: str | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> dict[str, Any]:
    """Measure a trained model.

    Parameters
    ----------
    run
        A run's folder, a model file, or a model.
    data
        As for training. Default the run's own data, of which the same rows are held out as in training.
    target
        Target column of ``data``; default as in training.
    data_dir
        Folder with the files of a named data set.
    split
        ``train``, ``validation`` or ``test``: the rows that training used so. Default the test rows of the run's own
        data; of other data their test set if they have one, else all rows.
    device, threads
        As in ``load``; a model stays where it is.

    Returns
    -------
    dict
        ``data``, ``split``, ``rows``, ``loss`` and, by the task, what ``classification_report``,
        ``multilabel_report`` or ``regression_report`` return.

    Raises
    ------
    ModelFileError, DataError, UsageError
        With one line that says what is wrong; a label that did not occur in training is such an error.
    """
    if split is not None:
        choose("split", split, SPLITS)
    model = run if isinstance(run, Model) else load(run, device=device, threads=threads)
    source, part = _rows(model, data, target, data_dir, split)
    if source.target is None:
        raise DataError(f"{source.name} has no target to compare with; name its column, or use predict.")
    measured = model.measure(source)
    outputs = model.predict_outputs(source.features, source.feature_names)
    encoded = model.targets.encode(source.target)
    if model.task == "classification":
        report = classification_report(encoded, outputs.argmax(axis=1), model.classes)
    elif model.task == "multilabel":
        report = multilabel_report(encoded, model.decide(outputs))
    else:
        report = regression_report(model.targets.decode_values(encoded), outputs)
    return {"data": source.name, "split": part, "rows": len(source), "task": model.task, **measured, **report}


def classification_report(labels: np.ndarray, predicted: np.ndarray, classes: list) -> dict[str, Any]:
    """Return precision, recall and F1 of each class, their averages, and the confusion matrix.

    Parameters
    ----------
    labels, predicted
        (rows,) class numbers.
    classes
        The label of each number.

    Returns
    -------
    dict
        ``labels``: the classes as texts; ``per_class``: for each of these precision, recall, f1 and support;
        ``macro_avg`` and ``weighted_avg``: the same numbers, averaged; ``confusion_matrix``: rows are the true
        classes, columns the predicted ones. A quotient 0/0 is given as 0.
    """
    from sklearn.metrics import confusion_matrix

    numbers = list(range(len(classes)))
    names = [str(label) for label in classes]
    return {
        "labels": names,
        **_scores(labels, predicted, names, labels=numbers),
        "confusion_matrix": confusion_matrix(labels, predicted, labels=numbers).tolist(),
    }


def multilabel_report(labels: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """Return precision, recall and F1 of each output of (rows, outputs) 0 and 1, and their averages."""
    names = [str(number) for number in range(1, labels.shape[1] + 1)]
    labels = labels.astype(np.int64)
    if len(names) == 1:  # of which scikit-learn would also score the zeros
        return {"labels": names, **_scores(labels[:, 0], predicted[:, 0], names, labels=[1])}
    return {"labels": names, **_scores(labels, predicted, names)}


def regression_report(targets: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return the mean absolute error of (rows, outputs) values in the target's own unit; outputs are averaged."""
    return {"mae": float(np.abs(targets - predicted).mean())}


def _scores(true: np.ndarray, predicted: np.ndarray, names: list[str], **which: Any) -> dict[str, Any]:
    from sklearn.metrics import precision_recall_fscore_support

    def scores(average: str | None) -> tuple:
        return precision_recall_fscore_support(true, predicted, average=average, zero_division=0, **which)

    columns = zip(*(array.tolist() for array in scores(None)), strict=True)
    per_class = {
        name: {"precision": precision, "recall": recall, "f1": f1, "support": support}
        for name, (precision, recall, f1, support) in zip(names, columns, strict=True)
    }
    support = sum(entry["support"] for entry in per_class.values())
    averages = {}
    for average in ("macro", "weighted"):
        precision, recall, f1, _ = (None if value is None else float(value) for value in scores(average))
        averages[f"{average}_avg"] = {"precision": precision, "recall": recall, "f1": f1, "support": support}
    return {"per_class": per_class, **averages}


def _rows(
    model: Model, data: str | Path | None, target: str | None, data_dir: str | Path | None, split: str | None
) -> tuple[Source, str]:
    """Return the rows to measure and what they are: a split's name, or ``"all"``."""
    own = data is None or str(data) == model.settings["dataset"]
    changes = {"dataset": None if data is None else str(data), "target": target, "data_dir": data_dir and str(data_dir)}
    settings = settings_from(model.settings, {name: value for name, value in changes.items() if value is not None})
    if own:
        source = read_source(settings, model.features.pictures)
    else:
        shape = model.features.image_shape
        source = load_source(
            data,
            target=target or _remembered_target(model, str(data)),
            data_dir=data_dir,
            image_size=None if shape is None else shape[:2],
            colour=shape is not None and len(shape) == 3,
            text_columns=model.features.text_columns,
            pictures=model.features.pictures,
        )
        if split is None:
            return (source, "all") if source.test is None else (source.test, "test")
    split = split or "test"
    part = dict(zip(SPLITS, split_source(source, settings, model.task), strict=True))[split]
    if part is None or not len(part):
        used = ", ".join(name for name, count in model.rows.items() if count) or "none"
        raise DataError(f"the run has no {split} rows; name other data, or a split that it has: {used}.")
    if own and model.rows.get(split) != len(part):
        raise DataError(
            f"{settings.dataset} is not what it was in training: its {split} split has {len(part):,} rows and had "
            f"{model.rows.get(split, 0):,}. Restore the data, or name the data to evaluate on."
        )
    return part, split


def _remembered_target(model: Model, data: str) -> str | None:
    """Return the target's name in training for a file where a target is looked for by its name."""
    path = Path(data)
    if not path.is_file():
        return None
    if path.suffix.lower() == ".npz":
        return model.settings.get("target")
    return model.target_name if is_table_name(path) else None
