"""An explanation as a section of a run's page, and as files in a folder."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from fastmlp.display.html import Html, element
from fastmlp.explanation.explain import FEWEST_ROWS, Wishes, explain_matrix, seconds_for
from fastmlp.explanation.results import Explanation
from fastmlp.files.atomic import WriteError, write_atomically

from .evidence import Evidence, Split
from .pictures.drawing import Picture, drawing
from .pictures.explanation import dependence_pictures, importance_picture

BUDGET = 5.0  # seconds on one core that a page takes for it
CURVES = 4  # columns whose dependence is drawn on a page


def explained(evidence: Evidence, split: Split) -> tuple[list[Picture], Html | None]:
    """Return the pictures of a table's columns, and what a reader must know of them.

    Nothing is returned of pictures, of single rows and of a training that diverged; of a table with
    so many columns that they do not fit the budget a sentence that says so.
    """
    model = evidence.answering
    are_pictures = evidence.image_shape is not None or model.features.image_shape is not None
    if are_pictures or len(split) < 2 or not np.isfinite(split.outputs).all():
        return [], None
    wishes = Wishes(dependence=CURVES, budget=BUDGET)
    columns = model.features.input_columns
    if seconds_for(model, columns, wishes, min(len(split), FEWEST_ROWS)) > BUDGET:
        words = (
            f"To shuffle each of the {columns:,} columns takes longer than the {BUDGET:g} seconds "
            "that this page takes for it: "
        )
        return [], element("p", words, element("code", "fastmlp explain RUN --columns A,B"))
    source = split.source
    matrix = model.features.transform(source.features, source.feature_names, [])
    target = source.known_target
    told = explain_matrix(model, matrix, target, wishes, source.name, split.name)
    words = (
        "A column is important if the model is worse where its values are shuffled among the rows. "
        "Of columns that tell the same, each can look unimportant."
    )
    sample = f" A sample of {told.rows:,} of {len(split):,} rows was taken for these pictures."
    words += sample if told.rows < len(split) else ""
    return [importance_picture(told), *dependence_pictures(told)], element("p", words)


def write_explanation(explanation: Explanation, folder: str | Path) -> list[Path]:
    """Write importance.csv and .png, and, of a table, dependence.csv and dependence-1.png … into a
    folder, which is made if need be; return their paths.

    Raises
    ------
    WriteError
        If a file cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            f"cannot make the folder {folder}: {error.strerror or error}. Choose another --out."
        ) from None
    with drawing():
        paths = [*importance_picture(explanation).write(folder)[::-1]]
        if explanation.dependences:
            table = folder / "dependence.csv"
            write_atomically(table, lambda aside: _write_dependences(explanation, aside))
            paths.append(table)
        paths += [each.write_png(folder) for each in dependence_pictures(explanation)]
    return paths


def _write_dependences(explanation: Explanation, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        of = {"classification": "class", "multilabel": "label"}.get(explanation.task, "output")
        writer.writerow(("column", "value", of, explanation.answer))
        for found in explanation.dependences:
            for value, means in zip(found.values, found.means.tolist(), strict=True):
                pairs = zip(found.curves, means, strict=True)
                writer.writerows((found.column, value, curve, mean) for curve, mean in pairs)
