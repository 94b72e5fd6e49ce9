"""``fastmlp predict``: what a trained model says of new rows, as a table or a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from fastmlp.cli.console import Console
from fastmlp.cli.options import DATA_DIR, DEVICE, LAYOUT, RUN, THREADS

if TYPE_CHECKING:
    from fastmlp.model.predict import Predictions

STANDARD_OUTPUT = "-"
ROWS_SHOWN = 10
COLUMNS_SHOWN = 12


def predict(run: str, data: str, output: str | None, data_dir: str | None, header: bool | None,
            separator: str | None, device: str, threads: int | None) -> None:  # fmt: skip
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
    layout = {"header": header, "separator": separator}
    predictions = answer(run, data, data_dir=data_dir, **layout, device=device, threads=threads)
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
    arrays = [predictions.columns[name][:ROWS_SHOWN] for name in names]
    columns = [
        [_text(name, value) for value in array.tolist()]
        for name, array in zip(names, arrays, strict=True)
    ]
    console.table(names, list(zip(*columns, strict=True)), left=2)
    hidden_rows, hidden_columns = (
        len(predictions) - ROWS_SHOWN,
        len(predictions.columns) - COLUMNS_SHOWN,
    )
    more = [
        f"{count:,} more {what}"
        for count, what in ((hidden_rows, "rows"), (hidden_columns, "columns"))
        if count > 0
    ]
    if more:
        console.line(f"… {' and '.join(more)}; -o FILE writes them all.")


def _text(name: str, value: Any) -> str:
    if name.startswith("p_"):
        return f"{value:.4f}"
    return f"{value:.6g}" if name.startswith("prediction") else str(value)


command = click.Command(
    "predict",
    callback=predict,
    params=[
        RUN,
        click.Argument(["data"], metavar="DATA"),
        click.Option(
            ["-o", "--output"],
            metavar="FILE",
            help=(
                "Where to write: a name that ends in .csv or .parquet, or - for CSV on standard "
                "output."
            ),
        ),
        DATA_DIR,
        *LAYOUT,
        DEVICE,
        THREADS,
    ],
    help=predict.__doc__,
    short_help="Predict new rows with a trained model.",
)
