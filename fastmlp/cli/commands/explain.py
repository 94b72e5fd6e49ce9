"""``fastmlp explain``: which columns a trained model needs, and how its answer moves with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastmlp.cli.console import Console, number
from fastmlp.cli.options import DATA_DIR, DEVICE, JSON, LAYOUT, RUN, THREADS, option

if TYPE_CHECKING:
    from fastmlp.explanation.results import Explanation

MOST_SHOWN = 30
LONGEST_NAME = 48
FOLDER = "explain"


def explain(run: str, columns: str | None, out: str | None, as_json: bool, **options: Any) -> None:
    """Tell which columns the model of a RUN, a run's folder or a model file, needs.

    The importance of a column is what the metric loses where its values are shuffled among the
    rows; of pictures blocks of pixels are shuffled. For the most important columns there is the
    mean answer at each of their values, too. Tables and pictures are written into a folder.

    \b
    fastmlp explain runs/first
    fastmlp explain runs/first --metric log_loss --repeats 20
    fastmlp explain runs/first --data more-flowers.csv --columns petal,sepal --out why
    """
    from fastmlp.explanation.explain import explain as answer
    from fastmlp.report.explanation import write_explanation
    from fastmlp.settings.description import parted

    chosen = None if columns is None else parted(columns)
    told = answer(run, columns=chosen, **options)
    place = Path(run)
    folder = Path(out) if out is not None else (place if place.is_dir() else place.parent) / FOLDER
    files = write_explanation(told, folder)
    console = Console(as_json)
    for note in told.notes:
        console.line(f"note: {note}")
    if as_json:
        console.json_line(_as_json(told, files))
    else:
        _show(console, told)
        console.line()
        console.line(f"{len(files)} files written to {folder}: importance.csv, importance.png …")


def _show(console: Console, told: Explanation) -> None:
    from fastmlp.data.readings.words import printable

    which = "all rows" if told.split == "all" else f"{told.split} rows"
    repeats = len(told.importances[0].losses)
    times = "once" if repeats == 1 else f"{repeats} times"
    change = "loses" if told.metric == "accuracy" else "grows by"
    console.entries(
        [
            ("data", f"{printable(told.data, LONGEST_NAME)}, {which} ({told.rows:,})"),
            (told.metric, number(told.baseline)),
            ("importance", f"what {told.metric} {change} where a column is shuffled, {times}"),
        ]
    )
    console.line()
    rows = [
        (printable(each.column, LONGEST_NAME) or "''", number(each.mean), number(each.deviation))
        for each in told.importances[:MOST_SHOWN]
    ]
    first = "column" if told.heat_map is None else "pixels"
    console.table((first, "importance", "± deviation"), rows)
    hidden = len(told.importances) - MOST_SHOWN
    if hidden > 0:
        console.line(f"… {hidden:,} more in importance.csv")


def _as_json(told: Explanation, files: list[Path]) -> dict[str, Any]:
    names = ("data", "split", "rows", "task", "metric", "baseline")
    importance = [
        {
            "column": each.column,
            "importance": each.mean,
            "deviation": each.deviation,
            "repeats": each.losses.tolist(),
        }
        for each in told.importances
    ]
    dependence = [
        {
            "column": each.column,
            "kind": each.kind,
            "values": list(each.values),
            told.answer: dict(zip(each.curves, each.means.T.tolist(), strict=True)),
        }
        for each in told.dependences
    ]
    return {
        **{name: getattr(told, name) for name in names},
        "notes": list(told.notes),
        "importance": importance,
        "dependence": dependence,
        "files": [str(path) for path in files],
    }


command = click.Command(
    "explain",
    callback=explain,
    params=[
        RUN,
        option("--data", "DATA", "Rows to explain, as for evaluate; default the run's own."),
        option(
            "--rows",
            "test|validation|train",
            "Rows that training used so; default test, or all rows of other data without a test "
            "set.",
        ),
        option("--columns", "TEXT", "Columns to explain, separated by commas; default all."),
        option(
            "--metric",
            "TEXT",
            "accuracy or log_loss; of a regression rmse or mae. The first is the default.",
        ),
        option(
            "--repeats", "N", "Shuffles of each column.", type=int, default=5, show_default=True
        ),
        option("--seed", "N", "Of the shuffles.", type=int, default=0, show_default=True),
        option(
            "--dependence",
            "N",
            "Of how many columns the dependence is drawn, the most important first.",
            type=int,
            default=6,
            show_default=True,
        ),
        option(
            "--points",
            "N",
            "Values of a column at most, quantiles of the rows.",
            type=int,
            default=20,
            show_default=True,
        ),
        option(
            "--block",
            "N",
            "Of pictures: pixels along a side of a block; default so many that a side has at most "
            "8 blocks.",
            type=int,
        ),
        option(
            "--budget",
            "SECONDS",
            "About how long it may take on one core: of more rows a sample is drawn.",
            type=float,
            default=30.0,
            show_default=True,
        ),
        option("--out", "FOLDER", "Where to write; default explain in the run's folder."),
        option("--target", "TEXT", "Target column of DATA; default as in training."),
        DATA_DIR,
        *LAYOUT,
        DEVICE,
        THREADS,
        JSON,
    ],
    help=explain.__doc__,
    short_help="Tell which columns a trained model needs, and what for.",
)
