"""What a trained model says of new rows, and the file that it is written to."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from fastmlp.data.sources.in_memory import is_place
from fastmlp.errors import DataError, UsageError
from fastmlp.files.atomic import write_atomically

from .model import Model, load
from .new_data import layout_of, read_new

SUFFIXES = (".csv", ".parquet")
ROWS_AT_ONCE = 10_000  # as text, so that a large table does not stand in memory twice


@dataclass(frozen=True)
class Predictions:
    """Predictions as a table.

    Attributes
    ----------
    columns
        Arrays of one length by their names: ``file`` where rows have names, else ``row`` (from 1);
        then ``label`` and a probability ``p_<class>`` for each class; for several labels
        ``label_1`` … and ``p_1`` …; for regression ``prediction``, or ``prediction_1`` …, or
        ``q_0.05`` … for quantiles.
    notes
        Sentences for the user on how the rows were read.
    """

    columns: dict[str, np.ndarray]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def text_rows(self, start: int = 0, stop: int | None = None) -> Iterator[list[str]]:
        """Yield rows as texts; a number has the fewest digits that tell it from its neighbours."""
        stop = len(self) if stop is None else min(stop, len(self))
        for first in range(start, stop, ROWS_AT_ONCE):
            texts = [
                array[first : min(first + ROWS_AT_ONCE, stop)].astype(str)
                for array in self.columns.values()
            ]
            for row in zip(*(column.tolist() for column in texts), strict=True):
                yield list(row)


def predict(
    run: str | Path | Model,
    data: Any,
    *,
    data_dir: str | Path | None = None,
    header: bool | None = None,
    separator: str | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> Predictions:
    """Predict every row of a data set; a target in it is ignored.

    Parameters
    ----------
    run
        A run's folder, a model file, or a model.
    data
        As for training; it may lack the target. Data in memory are taken as ``Model.predict`` takes
        them.
    data_dir
        Folder with the files of a named data set.
    header, separator
        Of a table's file: whether its first row names the columns, and what stands between its
        fields, as in the settings; default as in training where that fits, else found out.
    device, threads
        As in ``load``; a model stays where it is.

    Raises
    ------
    ModelFileError, DataError, UsageError
        With one line that says what is wrong.
    """
    layout = layout_of(data, header, separator)
    model = run if isinstance(run, Model) else load(run, device=device, threads=threads)
    if not is_place(data):
        notes: list[str] = []
        outputs = model.predict_outputs(data, notes=notes)
        if not len(outputs):
            raise DataError("the data have no rows to predict.")
        return _table(model, outputs, notes)
    source = read_new(model, data, data_dir=data_dir, need_target=False, layout=layout)
    if not len(source):
        raise DataError(f"{source.name} has no rows to predict.")
    notes = list(source.notes)
    outputs = model.predict_outputs(source.features, source.feature_names, notes)
    return _table(model, outputs, notes, source.row_names)


def _table(
    model: Model, outputs: np.ndarray, notes: list[str], row_names: tuple[str, ...] | None = None
) -> Predictions:
    numbered = row_names is None
    first = (
        {"row": np.arange(1, len(outputs) + 1)}
        if numbered
        else {"file": np.array(row_names, dtype=str)}
    )
    return Predictions(first | _answers(model, outputs), tuple(notes))


def output_kind(path: str | Path) -> str:
    """Return the suffix of a file of predictions, ``.csv`` or ``.parquet``.

    Raises
    ------
    UsageError
        For another suffix.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(
            f"predictions cannot be written as {str(path)!r}: "
            f"its name must end in {' or '.join(SUFFIXES)}."
        )
    return suffix


def write_predictions(predictions: Predictions, path: str | Path) -> None:
    """Write predictions as CSV or Parquet, by the name of the file; aside, then renamed.

    Raises
    ------
    UsageError
        As ``output_kind``.
    WriteError
        If the file cannot be written; what stood there before is untouched.
    """

    def write(aside: Path) -> None:
        if kind == ".parquet":
            _write_parquet(predictions, aside)
        else:
            with aside.open("w", encoding="utf-8", newline="") as file:
                write_csv(predictions, file)

    kind = output_kind(path)
    write_atomically(Path(path), write)


def write_csv(predictions: Predictions, file: TextIO) -> None:
    """Write predictions as CSV with a header."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(predictions.columns)
    writer.writerows(predictions.text_rows())


def _write_parquet(predictions: Predictions, path: Path) -> None:
    import polars

    # Through memory: polars' own error on a full disk is no OSError.
    buffer = io.BytesIO()
    polars.DataFrame(predictions.columns).write_parquet(buffer)
    path.write_bytes(buffer.getbuffer())


def _answers(model: Model, outputs: np.ndarray) -> dict[str, np.ndarray]:
    decided = model.decide(outputs)
    if model.task == "classification":
        shares = {
            f"p_{label}": outputs[:, index] for index, label in enumerate(model.classes or ())
        }
        return {"label": decided} | shares
    numbers = range(outputs.shape[1])
    if model.task == "multilabel":
        labels = {f"label_{index + 1}": decided[:, index] for index in numbers}
        return labels | {f"p_{index + 1}": outputs[:, index] for index in numbers}
    if model.levels:
        return {f"q_{level:g}": outputs[:, index] for index, level in enumerate(model.levels)}
    if outputs.shape[1] == 1:
        return {"prediction": decided}
    return {f"prediction_{index + 1}": outputs[:, index] for index in numbers}
