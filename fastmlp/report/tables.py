"""The tables of a run's page: results, settings, scores of classes, and rows with their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from fastmlp.model.evaluate import classification_report, multilabel_report
from fastmlp.settings.settings import Settings

from .evidence import Evidence, Split
from .html import Html, details, element, exact, percent, table
from .numbers import first_rows_of_classes, largest_residuals, worst_mistakes
from .record import SPLITS, RunRecord
from .words import seconds, short

MEASURES = {"loss": "loss", "accuracy": "accuracy", "rmse": "RMSE", "r2": "R²"}
MOST_SCORES_OPEN = 60  # classes whose scores are shown at once
MOST_COLUMNS = 12  # features of a row that are shown
WORST_ROWS, SAMPLE_CLASSES = 12, 40
LONGEST_CELL = 60


def results(record: RunRecord) -> Html | None:
    """Return the numbers of metrics.json for each split."""
    metrics = record.metrics
    splits = [split for split in SPLITS if f"{split}_loss" in metrics]
    if not splits:
        return None
    measures = [word for word in MEASURES if any(f"{split}_{word}" in metrics for split in splits)]
    rows = [
        (
            split,
            exact(metrics.get(f"{split}_rows")),
            *(exact(metrics.get(f"{split}_{word}")) for word in measures),
        )
        for split in splits
    ]
    kept = (
        "weights that are kept"
        if metrics.get("stop_reason") or metrics.get("diverged")
        else "final weights"
    )
    return table(
        f"Measured with the {kept}", ("split", "rows", *(MEASURES[word] for word in measures)), rows
    )


def settings_tables(record: RunRecord) -> list[Html]:
    """Return the settings that differ from the defaults, and all others on demand."""
    if record.settings is None:
        return []
    settings = record.settings
    usual_batch = min(64, settings.batch_size) or 64
    plain = Settings(optimizer=settings.optimizer, batch_size=usual_batch)
    plain = plain.decided(record.metrics.get("train_rows") or 10**9)
    if not record.metrics.get("train_rows"):  # on which the default number of epochs depends
        plain = replace(plain, epochs=None)
    plain = replace(plain, batch_size=Settings.batch_size, optimizer=Settings.optimizer)
    changed, same = [], []
    for description in fields(Settings):
        name, text = description.name, description.metadata["help"]
        value, default = getattr(settings, name), getattr(plain, name)
        if name == "dataset" or value != default:
            changed.append(
                (name, _setting(value), "" if name == "dataset" else _setting(default), text)
            )
        else:
            same.append((name, _setting(value), text))
    header = ("setting", "value", "default", "what it means")
    return [
        table("Settings that differ from the defaults", header, changed, texts=4, class_="prose"),
        details(
            f"The other {len(same)} settings, as they are by default",
            table(
                "Settings at their defaults",
                ("setting", "value", "what it means"),
                same,
                texts=3,
                class_="prose",
            ),
        ),
    ]


def phases_table(phases: list[dict[str, Any]]) -> Html:
    """Return what changes from phase to phase; a dash where a phase leaves a setting as it is."""
    names = list(dict.fromkeys(name for phase in phases for name in phase))
    rows = [
        (str(number), *(_setting(phase.get(name)) for name in names))
        for number, phase in enumerate(phases, 1)
    ]
    return table("The phases of this run", ("phase", *names), rows)


def _setting(value: Any) -> str:
    return "–" if value is None else str(value)


def scores(evidence: Evidence, split: Split) -> tuple[Html | None, dict[str, Any]]:
    """Return precision, recall, F1 and support of each class, their averages and the report."""
    model = evidence.model
    if model.task == "classification":
        report = classification_report(split.encoded, split.decided, model.classes)
    else:
        report = multilabel_report(split.encoded, model.decide(split.outputs))
    first = "class" if model.task == "classification" else "output"
    words = ("precision", "recall", "f1", "support")
    rows = [
        (name, *(exact(each[word]) for word in words)) for name, each in report["per_class"].items()
    ]
    averages = [
        (name, *(exact(report[key][word]) for word in words))
        for name, key in (("macro average", "macro_avg"), ("weighted average", "weighted_avg"))
    ]
    header = (first, "precision", "recall", "F1", "support")
    title = f"Precision, recall and F1 on the {split.name} rows"
    if len(rows) <= MOST_SCORES_OPEN:
        return table(title, header, [*rows, *averages], class_="averaged"), report
    whole = details(f"{title}: all {len(rows):,}", table(title, header, rows))
    return element("div", table(f"{title}, averages", header, averages), whole), report


def label_counts(split: Split) -> Html:
    """Return for each of several labels how often it was rightly and wrongly given."""
    true, said = split.encoded > 0.5, split.outputs > 0.5
    rows = [
        (str(number + 1), *(exact(int(np.sum(cell[:, number]))) for cell in
                            (true & said, ~true & said, true & ~said, ~true & ~said)))
        for number in range(true.shape[1])
    ]  # fmt: skip
    header = ("output", "rightly given", "wrongly given", "missed", "rightly not given")
    return table(f"How often each label was given on the {split.name} rows", header, rows)


def worst_rows(evidence: Evidence, split: Split) -> Html | None:
    """Return the worst mistakes as rows with their values."""
    names = evidence.class_names
    if evidence.model.task == "classification":
        chosen = worst_mistakes(split.encoded, split.outputs, WORST_ROWS)
        kind = "probability" if evidence.gives_probabilities else "output"
        header = ["row", "true", "predicted", f"{kind} of predicted", f"{kind} of true"]
        cells = [
            (names[split.encoded[row]], names[split.decided[row]], percent(float(split.outputs[row, split.decided[row]])),
             percent(float(split.outputs[row, split.encoded[row]])))
            for row in chosen
        ]  # fmt: skip
        if not evidence.gives_probabilities:
            cells = [
                (
                    *cell[:2],
                    *(
                        exact(float(split.outputs[row, which[row]]))
                        for which in (split.decided, split.encoded)
                    ),
                )
                for cell, row in zip(cells, chosen, strict=True)
            ]
        title, texts = (
            f"The worst mistakes on the {split.name} rows, with what the model was given",
            3,
        )
    else:
        several = evidence.model.task == "multilabel"
        chosen = largest_residuals(split.encoded, split.outputs, WORST_ROWS)
        numbers = range(min(split.encoded.shape[1], MOST_COLUMNS))
        said = "probability" if several and evidence.gives_probabilities else "predicted"
        header = ["row"]
        for number in numbers:
            which = f" {number + 1}" if len(numbers) > 1 else ""
            header += [f"true{which}", f"{said}{which}"]
        whole = (
            (lambda value: exact(int(value))) if several else (lambda value: exact(float(value)))
        )
        cells = [
            [
                cell
                for number in numbers
                for cell in (
                    whole(split.encoded[row, number]),
                    exact(float(split.outputs[row, number])),
                )
            ]
            for row in chosen
        ]
        what = "labels" if several else "predictions"
        title, texts = (
            f"The {split.name} rows whose {what} are furthest off, with what the model was given",
            1,
        )
    if not len(chosen):
        return None
    columns, values = feature_values(split, chosen)
    rows = [
        (_place(split, row), *cell, *value)
        for row, cell, value in zip(chosen, cells, values, strict=True)
    ]
    return table(title, (*header, *columns), rows, texts=texts)


def sample_rows(evidence: Evidence) -> Html | None:
    """Return one training row of each class with its values."""
    split = evidence.splits.get("train")
    if split is None:
        return None
    names = evidence.class_names
    chosen = [
        rows[0]
        for rows in first_rows_of_classes(split.encoded, len(names), 1)[:SAMPLE_CLASSES]
        if len(rows)
    ]
    columns, values = feature_values(split, np.array(chosen))
    rows = [
        (names[split.encoded[row]], _place(split, row), *value)
        for row, value in zip(chosen, values, strict=True)
    ]
    return table(
        "The first training row of each class", ("class", "found at", *columns), rows, texts=2
    )


def _place(split: Split, row: int) -> str:
    """Return where a row was found, on one line if it is a number."""
    return split.source.row_names[row].replace("row ", "row\N{NO-BREAK SPACE}", 1)


def feature_values(split: Split, rows: np.ndarray) -> tuple[list[str], list[list[str]]]:
    """Return names and values, as they were read, of the first features of some rows."""
    features = split.source.features
    if isinstance(features, np.ndarray):
        names = split.source.feature_names or [
            f"column_{number}" for number in range(1, features.shape[1] + 1)
        ]
        values = features[rows, :MOST_COLUMNS].tolist()
    else:
        names, values = features.columns, features[np.asarray(rows), :MOST_COLUMNS].rows()
    more = features.shape[1] - MOST_COLUMNS
    columns = [*names[:MOST_COLUMNS], *([f"… {more:,} more"] if more > 0 else [])]
    return columns, [
        [_cell(value) for value in line] + ([""] if more > 0 else []) for line in values
    ]


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    text = (
        f"{value:.6g}"
        if isinstance(value, float)
        else short(value)
        if type(value) is not int
        else str(value)
    )
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"


def cards(record: RunRecord, items: Sequence[tuple[str, Any]] = ()) -> Html | None:
    """Return the key figures."""
    metrics = record.metrics
    if not metrics:
        return None
    shown = list(items)
    for split in ("test", "validation", "train"):
        for word, name in (("accuracy", "accuracy"), ("r2", "R²")):
            if f"{split}_{word}" in metrics:
                value = metrics[f"{split}_{word}"]
                shown.append(
                    (f"{split} {name}", percent(value) if word == "accuracy" else exact(value))
                )
    for key, name in (
        ("best_epoch", "best epoch"),
        ("epochs", "epochs"),
        ("parameters", "parameters"),
    ):
        if key in metrics:
            shown.append((name, exact(metrics[key])))
    if isinstance(metrics.get("train_seconds"), (int, float)):
        shown.append(
            ("training time", exact(metrics["train_seconds"], seconds(metrics["train_seconds"])))
        )
    if isinstance(metrics.get("samples_per_second"), (int, float)):
        shown.append(
            (
                "rows a second",
                exact(metrics["samples_per_second"], f"{metrics['samples_per_second']:,.0f}"),
            )
        )
    pairs = [element("div", element("dt", name), element("dd", value)) for name, value in shown]
    return element("div", element("dl", pairs), class_="cards")
