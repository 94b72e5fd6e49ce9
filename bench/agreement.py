"""Checks that contenders do the same work: the same losses in training, the same probabilities in prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from fastmlp.jobs.throughput import Shape

from .contenders import Contender
from .rounds import Work
from .workers import WorkerError

EPOCHS = 2  # the second one's loss depends on every update of the first
FEW_BATCHES = 8
TOLERANCE = 1e-3  # relative, of a loss
PROBABILITY_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Agreement:
    """How far a contender is from the first one.

    Attributes
    ----------
    contender
        Who.
    values
        What it computed.
    difference
        Largest relative difference of a loss, or largest difference of a probability.
    agrees
        Whether that is within the tolerance.
    """

    contender: str
    values: list[float]
    difference: float
    agrees: bool

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it."""
        return asdict(self)


def check_training(
    contenders: Sequence[Contender], shape: Shape, whole_epochs: bool
) -> tuple[list[Agreement], list[str]]:
    """Train each contender from the same weights on the same batches in the same order, and compare their losses.

    Parameters
    ----------
    contenders
        The first is what the others are compared with.
    shape
        Of the problem.
    whole_epochs
        Take all rows, rather than those of a few batches.

    Returns
    -------
    agreements : list
    failures : list
        A line for each contender that could not be run.
    """
    rows = shape.rows if whole_epochs else min(shape.rows, FEW_BATCHES * shape.batch)
    work = Work("Training", replace(shape, rows=rows), {"shuffle": False})
    comparable = [each for each in contenders if each.name != "sklearn" or shape.widths[-1] > 2]
    results, failures = _run_each(comparable, work, EPOCHS)
    return _compared(results, TOLERANCE, relative=True), failures


def check_prediction(contenders: Sequence[Contender], shape: Shape) -> tuple[list[Agreement], list[str]]:
    """Predict the first row with each contender and compare the probabilities; returns as ``check_training``."""
    # scikit-learn has weights of its own where there are two classes.
    comparable = [each for each in contenders if each.name != "sklearn" or shape.widths[-1] > 2]
    rows = max(shape.widths[-1], 1)
    work = Work("Prediction", replace(shape, rows=rows), {"batch": rows})
    results, failures = _run_each(comparable, work, 1)
    return _compared(
        {name: values[0] for name, values in results.items()}, PROBABILITY_TOLERANCE, relative=False
    ), failures


def _run_each(contenders: Sequence[Contender], work: Work, count: int) -> tuple[dict[str, list], list[str]]:
    results, failures = {}, []
    for contender in contenders:
        try:
            with work.start(contender, contender.variants[0]) as worker:
                results[contender.name] = worker.run(count)[1]
        except WorkerError as error:
            failures.append(str(error))
    return results, failures


def _compared(results: dict[str, list[float]], tolerance: float, relative: bool) -> list[Agreement]:
    """Compare each result with the first."""
    agreements: list[Agreement] = []
    for name, values in results.items():
        expected = np.array(next(iter(results.values())))
        distances = np.abs(np.array(values) - expected) / (np.abs(expected) if relative else 1.0)
        difference = float(distances.max())
        agreements.append(Agreement(name, values, difference, difference <= tolerance))
    return agreements
