"""How good a trained model is on data with known answers: the run's own rows, or others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.data.loading import is_tables
from fastmlp.data.raw.form.layout import Layout
from fastmlp.data.source import Source
from fastmlp.data.sources.in_memory import is_place, place
from fastmlp.errors import DataError, choose
from fastmlp.preparation.given import IN_MEMORY
from fastmlp.preparation.prepare import read_source, split_source
from fastmlp.settings.settings import Settings, settings_from

from .held_out import SPLITS, ChangedDataError, find_splits
from .model import Model, load
from .new_data import layout_of, read_new


def evaluate(
    run: str | Path | Model,
    data: Any = None,
    y: Any = None,
    *,
    target: str | None = None,
    data_dir: str | Path | None = None,
    split: str | None = None,
    header: bool | None = None,
    separator: str | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> dict[str, Any]:
    """Measure a trained model.

    Parameters
    ----------
    run
        A run's folder, a model file, or a model.
    data
        As for training, a name, a path or data in memory. Default the run's own data, of which the
        rows that training held out are measured, wherever they stand now; also where ``data`` names
        them and they have not changed.
    y
        The target that belongs to features ``data`` in memory.
    target
        Target column of ``data``; default as in training.
    data_dir
        Folder with the files of a named data set.
    split
        ``train``, ``validation`` or ``test``: the rows that training used so. Default the test rows
        of the run's own data; of other data their test set if they have one, else all rows.
    header, separator
        Of a table's file ``data``: whether its first row names the columns, and what stands between
        its fields, as in the settings; default as in training where that fits, else found out.
    device, threads
        As in ``load``; a model stays where it is.

    Returns
    -------
    dict
        ``data``, ``split``, ``rows``, ``notes`` (sentences on how these rows were found), ``loss``,
        every metric that fits the task and these rows under its name, and, by the task, what
        ``classification_report`` or ``multilabel_report`` return.

    Raises
    ------
    ModelFileError, DataError, UsageError
        With one line that says what is wrong; a label that did not occur in training is such an
        error.
    """
    if split is not None:
        choose("split", split, SPLITS)
    layout = layout_of(data if y is None else (data, y), header, separator)
    model = run if isinstance(run, Model) else load(run, device=device, threads=threads)
    source, part, notes = rows_to_measure(
        model, data if y is None else (data, y), target, data_dir, split, layout
    )
    if source.target is None:
        raise DataError(
            f"{source.name} has no target to compare with; name its column, or use predict."
        )
    measured = model.measure(source)
    told: list[str] = []
    outputs = model.predict_outputs(source.features, source.feature_names, told)
    encoded = model.targets.encode(source.target)
    if model.task == "classification":
        decided = model.answers(encoded, outputs).decided
        report = classification_report(encoded, decided, model.classes or [])
    elif model.task == "multilabel":
        report = multilabel_report(encoded, model.decide(outputs))
    else:
        report = {}
    about = {
        "data": source.name,
        "split": part,
        "rows": len(source),
        "notes": [*notes, *told],
        "task": model.task,
    }
    return about | measured | model.answers(encoded, outputs).scores() | report


def classification_report(
    labels: np.ndarray, predicted: np.ndarray, classes: list
) -> dict[str, Any]:
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
        ``labels``: the classes as texts; ``per_class``: for each of these precision, recall, f1 and
        support; ``macro_avg`` and ``weighted_avg``: the same numbers, averaged;
        ``confusion_matrix``: rows are the true classes, columns the predicted ones. A quotient 0/0
        is given as 0.
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
    """Return precision, recall and F1 of each output of 0 and 1, and their averages."""
    names = [str(number) for number in range(1, labels.shape[1] + 1)]
    labels = labels.astype(np.int64)
    if len(names) == 1:  # of which scikit-learn would also score the zeros
        return {"labels": names, **_scores(labels[:, 0], predicted[:, 0], names, labels=[1])}
    return {"labels": names, **_scores(labels, predicted, names)}


def _scores(
    true: np.ndarray, predicted: np.ndarray, names: list[str], **which: Any
) -> dict[str, Any]:
    from sklearn.metrics import precision_recall_fscore_support

    def scores(average: str | None) -> tuple:
        options: dict[str, Any] = {"average": average, "zero_division": 0, **which}
        return precision_recall_fscore_support(true, predicted, **options)

    columns = zip(*(array.tolist() for array in scores(None)), strict=True)
    per_class = {
        name: {"precision": precision, "recall": recall, "f1": f1, "support": support}
        for name, (precision, recall, f1, support) in zip(names, columns, strict=True)
    }
    support = sum(entry["support"] for entry in per_class.values())
    averages = {}
    for average in ("macro", "weighted"):
        precision, recall, f1, _ = (
            None if value is None else float(value) for value in scores(average)
        )
        averages[f"{average}_avg"] = {
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "support": support,
        }
    return {"per_class": per_class, **averages}


def rows_to_measure(
    model: Model,
    data: Any,
    target: str | None,
    data_dir: str | Path | None,
    split: str | None,
    layout: Layout | None,
) -> tuple[Source, str, tuple[str, ...]]:
    """Return the rows to measure, what they are (a split, or ``"all"``), and notes on them."""
    name = None if data is None else place(data) if is_place(data) else IN_MEMORY
    notes: tuple[str, ...] = ()
    if data is None or model.settings["dataset"] in (name, IN_MEMORY):
        is_known_by_name = data is None or model.settings["dataset"] != IN_MEMORY
        changes = {"dataset": name, "target": target, "data_dir": data_dir and str(data_dir)}
        changes |= (
            {} if layout is None else {"header": layout.header, "separator": layout.separator}
        )
        settings = settings_from(
            model.settings, {key: value for key, value in changes.items() if value is not None}
        )
        known = {"schema": model.schema, "pictures": model.features.pictures}
        source = (
            read_source(settings, **known)
            if is_known_by_name
            else _other(model, data, target, data_dir, layout)
        )
        try:
            return _held_out(
                model, source, settings, split or "test", data is None or split is not None
            )
        except ChangedDataError as error:
            if data is None or split is not None:
                raise
            if is_known_by_name or error.there:
                what = "the data" if name == IN_MEMORY else name
                notes = (
                    f"{what} changed since training: all rows are measured, "
                    "among them such as it may have used.",
                )
    source = _other(model, data, target, data_dir, layout)
    notes = (*notes, *source.notes)
    if split is None:
        return (source, "all", notes) if source.test is None else (source.test, "test", notes)
    part = dict(
        zip(SPLITS, split_source(source, settings_from(model.settings), model.task), strict=True)
    )[split]
    if part is None or not len(part):
        raise DataError(f"{source.name} has no {split} rows; leave the split out.")
    return part, split, notes


def _held_out(
    model: Model, source: Source, settings: Settings, split: str, is_asked_for: bool
) -> tuple[Source, str, tuple[str, ...]]:
    """Return a split's rows; of data that have changed only if the split was asked for."""
    found = find_splits(model, source, settings, (split,))
    if found.is_changed and not is_asked_for:
        raise ChangedDataError(f"{settings.dataset} has changed.", len(found.parts.get(split, ())))
    if split in found.parts:
        return found.parts[split], split, found.notes
    folds = settings.folds
    if split == "validation" and folds is not None:
        raise DataError(
            f"with {folds} folds every training row validated the members that did not learn from "
            "it: see validation_loss and the others in metrics.json. Leave the split out, or name "
            "other data."
        )
    used = ", ".join(name for name, count in model.rows.items() if count) or "none"
    raise DataError(
        f"the run has no {split} rows; name other data, or a split that it has: {used}."
    )


def _other(
    model: Model, data: Any, target: str | None, data_dir: str | Path | None, layout: Layout | None
) -> Source:
    """Read data as those of the model were read."""
    if not is_place(data):
        return model.source_of(data, target)
    target = target or _remembered_target(model, place(data))
    return read_new(model, data, target=target, data_dir=data_dir, layout=layout)


def _remembered_target(model: Model, data: str) -> str | None:
    """Return the target's name in training for data whose target is looked for by its name."""
    path = Path(data).expanduser()
    if path.is_file() and path.suffix.lower() == ".npz":
        return model.settings.get("target")
    return model.target_name if is_tables(data) else None
