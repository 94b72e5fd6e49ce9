"""``fastmlp evaluate``: how good a trained model is on data with known answers."""

from __future__ import annotations

from typing import Any

import click

from fastmlp.cli.console import Console, number
from fastmlp.cli.options import DATA_DIR, DEVICE, JSON, LAYOUT, RUN, THREADS

MOST_CLASSES_SHOWN = 20  # of a confusion matrix on a terminal


def evaluate(run: str, data: str | None, target: str | None, data_dir: str | None, split: str | None,
             header: bool | None, separator: str | None, device: str, threads: int | None, as_json: bool) -> None:  # fmt: skip
    """Measure the model of a RUN, a run's folder or a model file, on DATA; default its own test
    rows.

    \b
    fastmlp evaluate runs/first
    fastmlp evaluate runs/first more-flowers.csv --json
    """
    from fastmlp.model.evaluate import evaluate as measure

    rows = {
        "target": target,
        "data_dir": data_dir,
        "split": split,
        "header": header,
        "separator": separator,
    }
    report = measure(run, data, **rows, device=device, threads=threads)
    console = Console(as_json)
    if as_json:
        _show_notes(console, report)
        console.json_line(report)
    else:
        _show(console, report)


def _show(console: Console, report: dict[str, Any]) -> None:
    _show_notes(console, report)
    which = "all rows" if report["split"] == "all" else f"{report['split']} rows"
    console.entries(
        [
            ("data", f"{report['data']}, {which} ({report['rows']:,})"),
            *(
                (name, number(report[name]))
                for name in ("loss", "accuracy", "rmse", "mae", "r2")
                if name in report
            ),
        ]
    )
    if "per_class" in report:
        _show_scores(console, report)
    if "confusion_matrix" in report:
        _show_confusion(console, report["labels"], report["confusion_matrix"])


def _show_notes(console: Console, report: dict[str, Any]) -> None:
    for note in report["notes"]:
        console.line(f"note: {note}")


def _show_scores(console: Console, report: dict[str, Any]) -> None:
    averages = [
        ("macro average", report["macro_avg"]),
        ("weighted average", report["weighted_avg"]),
    ]
    rows = [
        (
            name,
            *(f"{scores[word]:.4f}" for word in ("precision", "recall", "f1")),
            f"{scores['support']:,}",
        )
        for name, scores in [*report["per_class"].items(), *averages]
    ]
    first = "label" if report["task"] == "multilabel" else "class"
    console.line()
    console.table((first, "precision", "recall", "f1", "support"), rows)


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
        click.Option(
            ["--target"], metavar="TEXT", help="Target column of DATA; default as in training."
        ),
        DATA_DIR,
        click.Option(
            ["--split"],
            metavar="train|validation|test",
            help=(
                "Rows that training used so; default test, or all rows of other data without a "
                "test set."
            ),
        ),
        *LAYOUT,
        DEVICE,
        THREADS,
        JSON,
    ],
    help=evaluate.__doc__,
    short_help="Measure a trained model on data with known answers.",
)
