"""``fastmlp evaluate``: how good a trained model is on data with known answers."""

from __future__ import annotations

from typing import Any

import click

from fastmlp.cli.console import Console, number
from fastmlp.cli.options import DATA_DIR, DEVICE, JSON, LAYOUT, RUN, THREADS, option
from fastmlp.metrics.table import METRICS, heading

MOST_CLASSES_SHOWN = 20  # of a confusion matrix on a terminal


def evaluate(run: str, data: str | None, as_json: bool, **options: Any) -> None:
    """Measure the model of a RUN, a run's folder or a model file, on DATA; default its own test
    rows.

    \b
    fastmlp evaluate runs/first
    fastmlp evaluate runs/first more-flowers.csv --json
    """
    from fastmlp.model.evaluate import evaluate as measure

    report = measure(run, data, **options)
    console = Console(as_json)
    for note in report["notes"]:
        console.line(f"note: {note}")
    if as_json:
        console.json_line(report)
    else:
        _show(console, report)


def _show(console: Console, report: dict[str, Any]) -> None:
    which = "all rows" if report["split"] == "all" else f"{report['split']} rows"
    measures = [name for name in ("loss", *METRICS) if name in report]
    rows = ("data", f"{report['data']}, {which} ({report['rows']:,})")
    console.entries([rows, *((heading(name), number(report[name])) for name in measures)])
    if "per_class" in report:
        _show_scores(console, report)
    if "confusion_matrix" in report:
        _show_confusion(console, report["labels"], report["confusion_matrix"])


def _show_scores(console: Console, report: dict[str, Any]) -> None:
    words = ("precision", "recall", "f1")
    averages = {"macro average": report["macro_avg"], "weighted average": report["weighted_avg"]}
    rows = [
        (name, *(f"{scores[word]:.4f}" for word in words), f"{scores['support']:,}")
        for name, scores in (*report["per_class"].items(), *averages.items())
    ]
    first = "label" if report["task"] == "multilabel" else "class"
    console.line()
    console.table((first, *words, "support"), rows)


def _show_confusion(console: Console, labels: list[str], matrix: list[list[int]]) -> None:
    console.line()
    if len(labels) > MOST_CLASSES_SHOWN:
        console.line(f"The confusion matrix of {len(labels)} classes is shown by --json.")
        return
    rows = [
        (label, *(f"{count:,}" for count in counts))
        for label, counts in zip(labels, matrix, strict=True)
    ]
    console.table(("true \\ predicted", *labels), rows)


command = click.Command(
    "evaluate",
    callback=evaluate,
    params=[
        RUN,
        click.Argument(["data"], required=False, metavar="[DATA]"),
        option("--target", "TEXT", "Target column of DATA; default as in training."),
        DATA_DIR,
        option(
            "--split",
            "train|validation|test",
            "Rows that training used so; default test, or all rows of other data without a test "
            "set.",
        ),
        *LAYOUT,
        DEVICE,
        THREADS,
        JSON,
    ],
    help=evaluate.__doc__,
    short_help="Measure a trained model on data with known answers.",
)
