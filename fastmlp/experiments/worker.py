"""Runs one variant, or as a process those of others: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.errors import FastMLPError
from fastmlp.files.atomic import without_nan, write_json
from fastmlp.model.prediction import PREDICTION_BATCH
from fastmlp.preparation.given import Given
from fastmlp.preparation.prepare import Part
from fastmlp.run.assembly import make_batches
from fastmlp.run.folder import METRICS_FILE
from fastmlp.run.phases import set_up_phases
from fastmlp.run.train import TrainingJob, set_up
from fastmlp.settings.settings import settings_from
from fastmlp.step.counters import Counters
from fastmlp.training.callbacks import Callback, Record, Training
from fastmlp.training.passes import Prediction

SMALLEST_PROBABILITY = 1e-12  # of which the logarithm is taken


def run_variant(
    task: dict[str, Any],
    *,
    folder: Path | None = None,
    given: Given | None = None,
    callbacks: Sequence[Callback] = (),
) -> dict[str, Any]:
    """Train one variant, whatever comes of it.

    Parameters
    ----------
    task
        ``settings`` and ``phases`` of the run, its ``folder``, which is emptied first, and the
        ``measures`` wanted.
    folder
        Where the run is written, if not in the task's ``folder``, as its numbers call it even so.
    given
        The data, if they are not where the settings say.
    callbacks
        Told of the training.

    Returns
    -------
    dict
        ``status``: ``done``, ``diverged`` or ``failed``; ``error``, ``seconds`` and ``metrics`` as
        in Variant.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C ended the run.
    """
    start = time.perf_counter()
    status, error, metrics = "failed", "", {}
    try:
        away = Place(Path(task["folder"]) if folder is None else folder, given, callbacks)
        status, error, metrics = _train(task, away)
    except FastMLPError as problem:
        error = str(problem)
    except MemoryError:
        error = "there was not enough memory"
    except Exception as problem:  # one variant's misfortune must not be the others'
        error = " ".join(f"{type(problem).__name__}: {problem}".split())
    seconds = time.perf_counter() - start
    return without_nan({"status": status, "error": error, "seconds": seconds, "metrics": metrics})


@dataclass(frozen=True)
class Place:
    """Where a run is written, where its data are, and who is told of it."""

    folder: Path
    given: Given | None = None
    callbacks: Sequence[Callback] = ()


def _train(task: dict[str, Any], place: Place) -> tuple[str, str, dict[str, Any]]:
    settings = settings_from(task["settings"])
    shutil.rmtree(place.folder, ignore_errors=True)
    first = FirstEpoch(task["measures"])
    told = {"out": place.folder, "callbacks": [first, *place.callbacks], "given": place.given}
    if task["phases"]:
        job = set_up_phases(settings, task["phases"], **told)
    else:
        job = set_up(settings, **told)
    first.job = job
    metrics = job.run()
    if metrics["run_dir"] != task["folder"]:
        metrics["run_dir"] = task["folder"]
        write_json(place.folder / METRICS_FILE, metrics)
    if metrics["stop_reason"] == "interrupted":
        raise KeyboardInterrupt
    metrics |= {
        **_of_history(job),
        **_largest_classes(job),
        **_measured(job, task["measures"]),
        **first.numbers,
    }
    return "diverged" if metrics["diverged"] else "done", metrics["diverged"], metrics


class FirstEpoch(Callback):
    """Takes what is measured beside loss and accuracy after the first epoch too."""

    def __init__(self, measures: list[str]):
        self.measures, self.numbers = measures, {}
        self.job: TrainingJob | None = None

    def recorded(self, trainer: Training, record: Record) -> None:
        """Measure after epoch 1."""
        if (
            record.kind == "epoch"
            and record.epoch == 1
            and self.measures
            and math.isfinite(record.train["loss"])
        ):
            assert self.job is not None  # which is what trains here
            measured = _measured(self.job, self.measures)
            self.numbers = {f"{name}_first": value for name, value in measured.items()}


def _of_history(job: TrainingJob) -> dict[str, float]:
    """Return the first epoch's losses, and where the loss of held-out rows was lowest."""
    epochs = [record for record in job.records if record.kind == "epoch"]
    if not epochs:
        return {}
    numbers = {"train_loss_first": epochs[0].train["loss"]}
    name = epochs[0].monitor_name
    held_out = [
        (record.monitor["loss"], record.epoch) for record in epochs if "loss" in record.monitor
    ]
    finite = [pair for pair in held_out if math.isfinite(pair[0])]
    if finite:
        lowest, epoch = min(finite)
        numbers |= {f"{name}_loss_first": held_out[0][0], f"{name}_loss_lowest": lowest}
        numbers[f"{name}_loss_lowest_epoch"] = epoch
    return numbers


def _parts(job: TrainingJob) -> dict[str, Part]:
    parts = {name: getattr(job.data, name) for name in ("train", "validation", "test")}
    return {name: part for name, part in parts.items() if part is not None}


def _largest_classes(job: TrainingJob) -> dict[str, float]:
    """Return the accuracy of one who always answers with the largest class, for each split."""
    if job.model.task != "classification":
        return {}
    return {
        f"{name}_largest_class": float(np.bincount(part.targets).max() / len(part))
        for name, part in _parts(job).items()
    }


def _measured(job: TrainingJob, measures: list[str]) -> dict[str, float]:
    if "binary_cross_entropy" not in measures or job.model.task != "classification":
        return {}
    numbers = {}
    for name, part in _parts(job).items():
        network = job.model.network
        batches = make_batches(
            job.model, job.data, part, PREDICTION_BATCH, Counters(network.backend)
        )
        outputs = Prediction(network, job.model.loss, batches).run().astype(np.float64)
        probabilities = np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs
        numbers[f"{name}_binary_cross_entropy"] = binary_cross_entropy(probabilities, part.targets)
    return numbers


def binary_cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean over the rows of −Σ[t·ln p + (1 − t)·ln(1 − p)] over the classes, t one-hot.

    Parameters
    ----------
    probabilities
        (rows, classes).
    labels
        (rows,) class numbers.
    """
    clipped = np.clip(probabilities, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    right, of_others = clipped[np.arange(len(labels)), labels], np.log1p(-clipped)
    return float(-(np.log(right) + of_others.sum(axis=1) - np.log1p(-right)).mean())


def main() -> None:
    """Serve variants until standard input ends; what the runs print goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            answers.write(json.dumps(run_variant(json.loads(line)), allow_nan=False) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
