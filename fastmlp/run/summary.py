"""What is said of a finished run in a few lines: its model, its numbers, its curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastmlp.display.card import Card, Shown
from fastmlp.display.texts import counted, measured
from fastmlp.metrics.table import METRICS, heading
from fastmlp.model.model import Model

SPLITS = ("train", "validation", "test")
MEASURES = ("loss", *METRICS)
MOST_CURVES = 2  # the loss, and one measure more


class ShownRun(Shown):
    """A run as a console and a notebook show it."""

    model: Model
    metrics: dict[str, Any]
    history: list[dict[str, Any]]
    folder: Path

    def card(self) -> Card:
        """Return what is to be seen of the run."""
        metrics = self.metrics
        seconds = metrics.get("train_seconds")
        trained = counted(metrics.get("epochs", 0), "epoch")
        if seconds is not None:
            trained += f" in {measured(float(seconds))} s, the best was {metrics.get('best_epoch')}"
        if metrics.get("stop_reason"):
            trained += f"; stopped: {metrics['stop_reason']}"
        entries = [*self.model.entries(), ("trained", trained), ("folder", str(self.folder))]
        diverged = str(metrics.get("diverged") or "")
        return Card(
            f"fastmlp TrainedRun: {self.model.task}",
            entries,
            numbers_by_split(metrics),
            curves_by_measure(self.history),
            f"the loss became NaN or infinite: {diverged}" if diverged else "",
        )


def numbers_by_split(metrics: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the measures of each split that has some, by their headings."""
    found = {
        split: {
            heading(word): metrics[f"{split}_{word}"]
            for word in MEASURES
            if f"{split}_{word}" in metrics
        }
        for split in SPLITS
    }
    return {split: values for split, values in found.items() if values}


def curves_by_measure(
    history: Sequence[Mapping[str, Any]],
) -> dict[str, dict[str, list[float | None]]]:
    """Return the loss, and the first other measure, of each split that was measured by epoch."""
    epochs = [record for record in history if record.get("kind") == "epoch"]
    found: dict[str, dict[str, list[float | None]]] = {}
    for word in MEASURES:
        lines = {
            split: [record.get(f"{split}_{word}") for record in epochs]
            for split in SPLITS
            if any(f"{split}_{word}" in record for record in epochs)
        }
        if lines and len(found) < MOST_CURVES:
            found[heading(word)] = lines
    return found
