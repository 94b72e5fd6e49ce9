"""fastmlp as a user calls it: from the CSV to a run's folder, with the preset for tables."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import fastmlp

from .recipes import REGRESSION
from .tables import Table

PRESET = "tables"


class Fit:
    """One training, and its predictions; ``compile_seconds`` is what it spent on kernels.

    The test rows are named, for without a test set of its own a run holds out a fifth of the rows.
    """

    def __init__(self, table: Table, seed: int, threads: int, settings: dict[str, Any]):
        self._table = table
        self._folder = tempfile.TemporaryDirectory()
        self._settings = {
            "preset": PRESET,
            "target": table.target,
            "task": "regression" if table.task == REGRESSION else "classification",
            "seed": seed,
            "threads": threads,
            **settings,
        }

    def fit(self) -> None:
        """Read the file and train."""
        self._run = fastmlp.train(
            dataset=self._table.train,
            test=self._table.test,
            out=Path(self._folder.name) / "run",
            **self._settings,
        )
        self.compile_seconds = self._run.metrics["compile_seconds"]

    def outputs(self) -> tuple[np.ndarray, list[str] | None]:
        """Return probabilities and their classes, or values and None, of the test rows."""
        columns = fastmlp.predict(self._run.model, self._table.test).columns
        if self._table.task == REGRESSION:
            return columns["prediction"], None
        classes = [str(label) for label in self._run.model.classes]
        return np.column_stack([columns[f"p_{label}"] for label in classes]), classes
