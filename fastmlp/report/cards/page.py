"""The model card of a run: what was measured and what was left out, and nothing that was not."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

import numpy as np

from fastmlp import __version__
from fastmlp.data.sources.datasets import NAMES
from fastmlp.display.texts import measured
from fastmlp.errors import ModelFileError, UsageError
from fastmlp.metrics.table import METRICS, heading
from fastmlp.model.evaluate import classification_report
from fastmlp.model.model import Model
from fastmlp.report.evidence import Evidence, Split
from fastmlp.report.finished_run import SPLITS, FinishedRun
from fastmlp.settings.description import Role
from fastmlp.settings.settings import Settings, names_of

from .markdown import bullets, code, escaped, front_matter, table

MEASURES = ("loss", *METRICS)
MOST_COLUMNS, MOST_CLASSES = 60, 40
FEW_ROWS = 30  # of a class, on which a share has a standard deviation of up to 9 points
PIPELINES = {
    ("classification", False): "tabular-classification",
    ("multilabel", False): "tabular-classification",
    ("regression", False): "tabular-regression",
    ("classification", True): "image-classification",
}
# What hubs call our measures.
HUB_METRICS = {"accuracy": "accuracy", "f1": "f1", "rmse": "rmse", "mae": "mae", "r2": "r_squared",
               "auc": "roc_auc"}  # fmt: skip
LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,60}")


def card_of(run: FinishedRun, evidence: Evidence, name: str, licence: str | None) -> str:
    """Return the card as Markdown with front matter.

    Parameters
    ----------
    run, evidence
        The run, and its model and data as far as they could be had.
    name
        What the model is called.
    licence
        As hubs identify it; None to say nothing.

    Raises
    ------
    ModelFileError
        If the model could not be read.
    UsageError
        If ``licence`` is no such word.
    """
    model = evidence.model
    if model is None:
        raise ModelFileError(f"there is no card without a model. {' '.join(evidence.problems)}")
    if licence is not None and not LICENCE.fullmatch(licence):
        raise UsageError(f"a licence is one word such as mit or cc-by-4.0; got {licence!r:.80}.")
    sections = [
        ("Use", _use(model)),
        ("Data", _data(run, evidence, model)),
        ("Results", _results(run, evidence)),
        ("Limits", bullets(_limits(run, evidence, model))),
        ("Training", _training(run, model)),
    ]
    parts = [
        front_matter(_metadata(run, model, name, licence)),
        f"# {escaped(name)}",
        _first_sentence(model),
        *(f"## {title}\n\n{text}" for title, text in sections if text),
    ]
    return "\n\n".join(parts) + "\n"


def _metadata(run: FinishedRun, model: Model, name: str, licence: str | None) -> dict[str, Any]:
    kind = PIPELINES.get((model.task, model.features.image_shape is not None))
    values: dict[str, Any] = {"library_name": "fastmlp", "tags": ["fastmlp", "mlp", model.task]}
    if licence is not None:
        values["license"] = licence.lower()
    if kind is not None:
        values["pipeline_tag"] = kind
    judged = _judged(run)
    found = [
        {"type": HUB_METRICS[word], "value": run.metrics[key], "name": f"{judged} {heading(word)}"}
        for word in HUB_METRICS
        if isinstance(run.metrics.get(key := f"{judged}_{word}"), (int, float))
    ]
    if found and kind is not None and not run.diverged:
        dataset = _data_name(run)
        result = {
            "task": {"type": kind},
            "dataset": {"name": dataset, "type": dataset, "split": judged},
            "metrics": found,
        }
        values["model-index"] = [{"name": name, "results": [result]}]
    return values


def _judged(run: FinishedRun) -> str:
    """Return the split by which the model is judged: test, else validation, else train."""
    return next((split for split in reversed(SPLITS) if f"{split}_loss" in run.metrics), "train")


def _data_name(run: FinishedRun) -> str:
    """Return what the data are called, without the folders of the machine that they lay on."""
    if run.settings is None:
        return "data of unknown name"
    dataset = run.settings.dataset
    return dataset if dataset in NAMES else PurePath(dataset.split(",")[0]).name or "data"


def _first_sentence(model: Model) -> str:
    entries = dict(model.entries())
    kind = {"classification": "tells classes", "multilabel": "gives labels"}
    what = kind.get(model.task, "gives numbers")
    return (
        f"A multilayer perceptron that {what}: {escaped(entries['network'])}; "
        f"{escaped(entries['parameters'])} parameters. Inputs: {escaped(entries['inputs'])}. "
        f"Target: {escaped(entries['target'], 400)}."
    )


def _use(model: Model) -> str:
    features = model.features
    columns = features.input_columns
    if features.image_shape is not None:
        shape = ", ".join(map(str, features.image_shape))
        comment = f"an array (rows, {columns}), or of shape (rows, {shape})"
    elif features.input_names:
        comment = f"a frame with the columns below, or an array (rows, {columns})"
    else:
        comment = f"an array (rows, {columns})"
    lines = [
        "import fastmlp",
        "",
        'model = fastmlp.load("model.safetensors")',
        f"rows = ...  # {comment}",
        "model.predict(rows)",
    ]
    if model.task != "regression" and model.gives_probabilities:
        lines.append("model.predict_proba(rows)")
    text = "\n".join(lines)
    return (
        f"With fastmlp {__version__} or later, and the file `model.safetensors` beside this page, "
        f"which holds the preprocessing too, and no code:\n\n{code(text, 'python')}"
    )


def _data(run: FinishedRun, evidence: Evidence, model: Model) -> str:
    counts = {name: run.metrics.get(f"{name}_rows") or model.rows.get(name) for name in SPLITS}
    said = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    parts = [f"{escaped(_data_name(run))}; rows: {said or 'not known'}."]
    facts = model.features.facts
    if facts:
        shown = facts[:MOST_COLUMNS]
        rows = [(f.name, f.role, f.kind, f.holds, f.note, f"{f.missing:,}") for f in shown]
        header = ("column", "role", "read as", "holds", "note", "gaps")
        parts.append(table(header, rows, texts=5))
        if len(facts) > len(shown):
            parts.append(f"{len(facts) - len(shown):,} more columns are not listed.")
    per_class = _rows_of_classes(evidence, model)
    if per_class:
        parts.append(per_class)
    return "\n\n".join(parts)


def _rows_of_classes(evidence: Evidence, model: Model) -> str:
    names = evidence.class_names
    if model.task != "classification" or not evidence.splits or len(names) > MOST_CLASSES:
        return ""
    counts = {
        name: np.bincount(split.encoded, minlength=len(names))
        for name, split in evidence.splits.items()
    }
    rows = [
        (label, *(f"{each[number]:,}" for each in counts.values()))
        for number, label in enumerate(names)
    ]
    return table(("class", *(f"{name} rows" for name in counts)), rows)


def _results(run: FinishedRun, evidence: Evidence) -> str:
    splits = [split for split in SPLITS if f"{split}_loss" in run.metrics]
    words = [word for word in MEASURES if any(f"{split}_{word}" in run.metrics for split in splits)]
    rows = [
        (split, *(measured(run.metrics.get(f"{split}_{word}")) for word in words))
        for split in splits
    ]
    if not rows:
        return "Nothing was measured: training has not ended."
    return table(("rows", *(heading(word) for word in words)), rows)


def _limits(run: FinishedRun, evidence: Evidence, model: Model) -> list[str]:
    """Return what was found that limits the model's use, each a sentence of Markdown."""
    found = []
    judged = _judged(run)
    if run.diverged:
        found.append(
            f"Training diverged ({escaped(run.diverged)}); these are the last weights before that."
        )
    if judged == "train":
        found.append("No rows were held out: nothing says how it does on rows it was not given.")
    elif judged == "validation":
        found.append(
            "There were no test rows: the validation rows, which also chose the best epoch, were "
            "the judge."
        )
    split = evidence.judged
    if split is not None and model.task == "classification":
        found += _of_classes(evidence, split, model)
    left_out = [each.name for each in model.features.facts if each.role == "left out"]
    if left_out:
        names = ", ".join(escaped(name, 60) for name in left_out[:12])
        more = f" and {len(left_out) - 12:,} more" if len(left_out) > 12 else ""
        found.append(f"Columns that were left out: {names}{more}.")
    found += [escaped(note, 400) for note in evidence.notes]
    if model.task == "classification":
        found.append(
            "Rows of any other class are given one of the classes above; nothing was measured on "
            "such rows."
        )
    if not evidence.splits:
        found.append("The data were not at hand when this page was written, so nothing is said of "
                     "single classes.")  # fmt: skip
    return found


def _of_classes(evidence: Evidence, split: Split, model: Model) -> list[str]:
    """Return how the classes differ on the rows that judge, and which have few."""
    report = classification_report(split.encoded, split.decided, model.classes or [])
    per_class = report["per_class"]
    there = {name: each for name, each in per_class.items() if each["support"]}
    found = []
    if len(there) > 1:
        worst = min(there, key=lambda name: there[name]["recall"])
        best = max(there, key=lambda name: there[name]["recall"])
        found.append(
            f"Of the {split.name} rows of class {escaped(worst, 60)} it finds "
            f"{there[worst]['recall']:.1%} ({there[worst]['support']:,} rows), of class "
            f"{escaped(best, 60)} {there[best]['recall']:.1%}."
        )
    few = [
        f"{escaped(n, 60)} ({e['support']:,})"
        for n, e in per_class.items()
        if e["support"] < FEW_ROWS
    ]
    if few:
        more = f" and {len(few) - 12:,} more" if len(few) > 12 else ""
        found.append(
            f"Classes with fewer than {FEW_ROWS} {split.name} rows, of which little can be said: "
            f"{', '.join(few[:12])}{more}."
        )
    return found


def _training(run: FinishedRun, model: Model) -> str:
    said = run.settings.to_dict() if run.settings is not None else dict(model.settings)
    usual, places = Settings().to_dict(), names_of(Role.PLACE)
    rows = [
        (name, value)
        for name, value in said.items()
        if name not in places and name not in ("dataset", "test") and value != usual.get(name)
    ]
    metrics = run.metrics
    facts = (
        [f"{metrics['epochs']:,} epochs, the best was {metrics.get('best_epoch', 0):,}"]
        if isinstance(metrics.get("epochs"), int)
        else []
    )
    if isinstance(metrics.get("train_seconds"), (int, float)):
        facts.append(
            f"{measured(float(metrics['train_seconds']))} s of training on "
            f"{escaped(metrics.get('device', 'a device'))}"
        )
    parts = [f"{'; '.join(facts)}."] if facts else []
    parts.append(
        "Settings that differ from the defaults:" if rows else "All settings are defaults."
    )
    if rows:
        parts.append(table(("setting", "value"), rows, texts=2))
    parts.append(f"Written by fastmlp {__version__}.")
    return "\n\n".join(parts)
