"""``fastmlp predict``: what a trained model says of new rows, as a table or a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from fastmlp.cli.console import Console
from fastmlp.cli.options import DATA_DIR, DEVICE, LAYOUT, RUN, THREADS, option

if TYPE_CHECKING:
    from fastmlp.model.predict import Predictions

STANDARD_OUTPUT = "-"
ROWS_SHOWN = 10
COLUMNS_SHOWN = 12


def predict(run: str, data: str, output: str | None, **options: Any) -> None:
    """Predict the rows of DATA with the model of a RUN, a run's folder or a model file.

    \b
    fastmlp predict runs/first new-flowers.csv                      the first 10 rows
    fastmlp predict runs/first new-flowers.csv -o answers.parquet   all rows, as .csv or .parquet
    fastmlp predict runs/first new-flowers.csv -o - | less          all rows as CSV
    """
    from fastmlp.model.predict import output_kind, write_csv, write_predictions
    from fastmlp.model.predict import predict as answer

    if output not in (None, STANDARD_OUTPUT):
        output_kind(output)  # refused before the work, not after
    predictions = answer(run, data, **options)
    for note in predictions.notes:
        Console().notice(f"note: {note}")
    if output is None:
        _show(Console(), predictions)
    elif output == STANDARD_OUTPUT:
        write_csv(predictions, sys.stdout)
    else:
        write_predictions(predictions, output)
        Console().line(f"{len(predictions):,} rows written to {output}")


def _show(console: Console, predictions: Predictions) -> None:
    names = list(predictions.columns)[:COLUMNS_SHOWN]
    columns = [
        [_text(name, value) for value in predictions.columns[name][:ROWS_SHOWN].tolist()]
        for name in names
    ]
    console.table(names, list(zip(*columns, strict=True)), left=2)
    hidden = {
        "rows": len(predictions) - ROWS_SHOWN,
        "columns": len(predictions.columns) - COLUMNS_SHOWN,
    }
    more = [f"{count:,} more {what}" for what, count in hidden.items() if count > 0]
    if more:
        console.line(f"… {' and '.join(more)}; -o FILE writes them all.")


def _text(name: str, value: Any) -> str:
    if name.startswith("p_"):
        return f"{value:.4f}"
    return f"{value:.6g}" if name.startswith(("prediction", "q_")) else str(value)


command = click.Command(
    "predict",
    callback=predict,
    params=[
        RUN,
        click.Argument(["data"], metavar="DATA"),
        option(
            "-o --output",
            "FILE",
            "Where to write: a name that ends in .csv or .parquet, or - for CSV on standard "
            "output.",
        ),
        DATA_DIR,
        *LAYOUT,
        DEVICE,
        THREADS,
    ],
    help=predict.__doc__,
    short_help="Predict new rows with a trained model.",
)
