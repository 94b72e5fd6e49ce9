"""The tables of a run's page: results, settings, scores of classes, and rows with their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from fastmlp.data.mapped.rows import MappedRows
from fastmlp.data.source import numbered_names
from fastmlp.data.staged.table import StagedTable
from fastmlp.display.html import Html, element
from fastmlp.metrics.table import METRICS
from fastmlp.model.evaluate import classification_report, multilabel_report
from fastmlp.settings.settings import Settings

from .evidence import Evidence, Split
from .finished_run import SPLITS, FinishedRun
from .html import details, exact, pairs, percent, table
from .numbers import first_rows_of_classes, largest_residuals, worst_mistakes
from .words import seconds

MEASURES = {
    "loss": "loss",
    **{name: kind.heading for name, kind in METRICS.items()},
    "rmse": "RMSE",
    "mae": "MAE",
}
MOST_SCORES_OPEN = 60  # classes whose scores are shown at once
MOST_COLUMNS = 12  # features of a row that are shown
WORST_ROWS, SAMPLE_CLASSES = 12, 40
LONGEST_CELL = 60


def results(run: FinishedRun) -> Html | None:
    """Return the numbers of metrics.json for each split."""
    metrics = run.metrics
    splits = [split for split in SPLITS if f"{split}_loss" in metrics]
    if not splits:
        return None
    measures = [word for word in MEASURES if any(f"{split}_{word}" in metrics for split in splits)]
    columns = ("rows", *measures)
    rows = [
        (split, *(exact(metrics.get(f"{split}_{word}")) for word in columns)) for split in splits
    ]
    is_cut = metrics.get("stop_reason") or metrics.get("diverged")
    title = f"Measured with the {'weights that are kept' if is_cut else 'final weights'}"
    measured = table(title, ("split", "rows", *(MEASURES[word] for word in measures)), rows)
    return element("div", measured, _coverage(metrics))


def _coverage(metrics: dict[str, Any]) -> Html | None:
    """Return what the intervals between quantiles cover; None without any."""
    found = metrics.get("coverage")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        return None
    keys = ("low", "high", "nominal", "validation", "test")
    rows = [tuple(exact(each.get(key)) for key in keys) for each in found]
    title = "Share of rows between two quantiles"
    return table(title, ("from level", "to level", "nominal", *keys[3:]), rows) if rows else None


def settings_tables(run: FinishedRun) -> list[Html]:
    """Return the settings that differ from the defaults, and all others on demand."""
    if run.settings is None:
        return []
    settings = run.settings
    usual_batch = min(64, settings.batch_size) or 64
    plain = Settings(optimizer=settings.optimizer, batch_size=usual_batch)
    plain = plain.decided(run.metrics.get("train_rows") or 10**9)
    if not run.metrics.get("train_rows"):  # on which the default number of epochs depends
        plain = replace(plain, epochs=None)
    plain = replace(plain, batch_size=Settings.batch_size, optimizer=Settings.optimizer)
    changed, same = [], []
    for description in fields(Settings):
        name, text = description.name, description.metadata["help"]
        value, default = getattr(settings, name), getattr(plain, name)
        if name == "dataset" or value != default:
            usual = "" if name == "dataset" else _setting(default)
            changed.append((name, _setting(value), usual, text))
        else:
            same.append((name, _setting(value), text))
    header = ("setting", "value", "default", "what it means")
    title = "Settings that differ from the defaults"
    own = table(title, header, changed, texts=4, class_="prose")
    header = ("setting", "value", "what it means")
    others = table("Settings at their defaults", header, same, texts=3, class_="prose")
    return [own, details(f"The other {len(same)} settings, as they are by default", others)]


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
    model = evidence.answering
    if model.task == "classification":
        report = classification_report(split.encoded, split.decided, model.classes or [])
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
    cells = (true & said, ~true & said, true & ~said, ~true & ~said)
    counts = np.stack([cell.sum(axis=0) for cell in cells], axis=1).tolist()
    rows = [(str(number), *map(exact, line)) for number, line in enumerate(counts, 1)]
    header = ("output", "rightly given", "wrongly given", "missed", "rightly not given")
    return table(f"How often each label was given on the {split.name} rows", header, rows)


def worst_rows(evidence: Evidence, split: Split) -> Html | None:
    """Return the worst mistakes as rows with their values."""
    names = evidence.class_names
    if evidence.answering.task == "classification":
        chosen = worst_mistakes(split.encoded, split.outputs, split.decided, WORST_ROWS)
        kind = "probability" if evidence.gives_probabilities else "output"
        header = ["row", "true", "predicted", f"{kind} of predicted", f"{kind} of true"]
        number = percent if evidence.gives_probabilities else exact
        cells = []
        for row in chosen:
            true, said = split.encoded[row], split.decided[row]
            outputs = (float(split.outputs[row, label]) for label in (said, true))
            cells.append((names[true], names[said], *map(number, outputs)))
        title, texts = f"The worst mistakes on the {split.name} rows", 3
    else:
        several = evidence.answering.task == "multilabel"
        chosen = largest_residuals(split.encoded, split.outputs, WORST_ROWS)
        numbers = range(min(split.encoded.shape[1], MOST_COLUMNS))
        said = "probability" if several and evidence.gives_probabilities else "predicted"
        header = ["row"]
        for number in numbers:
            which = f" {number + 1}" if len(numbers) > 1 else ""
            header += [f"true{which}", f"{said}{which}"]
        kind = int if several else float
        cells = []
        for row in chosen:
            answers = zip(split.encoded[row], split.outputs[row], strict=True)
            cells.append(
                [
                    exact(cell)
                    for true, said in list(answers)[:MOST_COLUMNS]
                    for cell in (kind(true), float(said))
                ]
            )
        what = "labels" if several else "predictions"
        title, texts = f"The {split.name} rows whose {what} are furthest off", 1
    if not len(chosen):
        return None
    columns, values = feature_values(split, chosen)
    rows = [
        (_place(split, row), *cell, *value)
        for row, cell, value in zip(chosen, cells, values, strict=True)
    ]
    title += ", with what the model was given"
    return table(title, (*header, *columns), rows, texts=texts)


def sample_rows(evidence: Evidence) -> Html | None:
    """Return one training row of each class with its values."""
    split = evidence.splits.get("train")
    if split is None:
        return None
    names = evidence.class_names
    firsts = first_rows_of_classes(split.encoded, len(names), 1)[:SAMPLE_CLASSES]
    chosen = [rows[0] for rows in firsts if len(rows)]
    columns, values = feature_values(split, np.array(chosen))
    rows = [
        (names[split.encoded[row]], _place(split, row), *value)
        for row, value in zip(chosen, values, strict=True)
    ]
    title = "The first training row of each class"
    return table(title, ("class", "found at", *columns), rows, texts=2)


def _place(split: Split, row: int) -> str:
    """Return where a row was found, on one line if it is a number."""
    return split.places[row].replace("row ", "row\N{NO-BREAK SPACE}", 1)


def feature_values(split: Split, rows: np.ndarray) -> tuple[list[str], list[list[str]]]:
    """Return names and values, as they were read, of the first features of some rows."""
    features = split.source.features
    if isinstance(features, (np.ndarray, MappedRows)):
        names = split.source.feature_names or numbered_names(features.shape[1])
        values = features[rows][:, :MOST_COLUMNS].tolist()
    else:
        assert not isinstance(features, StagedTable)  # a report reads tables whole
        names, values = features.columns, features[np.asarray(rows), :MOST_COLUMNS].rows()
    more = features.shape[1] - MOST_COLUMNS
    columns = [*names[:MOST_COLUMNS], *([f"… {more:,} more"] if more > 0 else [])]
    rest = [""] if more > 0 else []
    return columns, [[*map(_cell, line), *rest] for line in values]


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"


def cards(run: FinishedRun, items: Sequence[tuple[str, Any]] = ()) -> Html | None:
    """Return the key figures."""
    metrics = run.metrics
    if not metrics:
        return None
    shown = list(items)
    for split in ("test", "validation", "train"):
        for word, name in (("accuracy", "accuracy"), ("r2", "R²")):
            if f"{split}_{word}" in metrics:
                value = metrics[f"{split}_{word}"]
                text = percent(value) if word == "accuracy" else exact(value)
                shown.append((f"{split} {name}", text))
    keys = [key for key in ("best_epoch", "epochs", "parameters") if key in metrics]
    shown += [(key.replace("_", " "), exact(metrics[key])) for key in keys]
    took, speed = metrics.get("train_seconds"), metrics.get("samples_per_second")
    if isinstance(took, (int, float)):
        shown.append(("training time", exact(took, seconds(took))))
    if isinstance(speed, (int, float)):
        shown.append(("rows a second", exact(speed, f"{speed:,.0f}")))
    return element("div", pairs(shown), class_="cards")
