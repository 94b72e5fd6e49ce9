"""Checks that contenders do the same work: equal losses in training, equal predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from fastmlp.machine.throughput import Shape

from .contenders import Contender
from .rounds import Work
from .workers import WorkerError

EPOCHS = 2  # the second one's loss depends on every update of the first
FEW_BATCHES = 8
TOLERANCE = 1e-3  # relative, of a loss
# each factor of a product keeps three decimal digits, and libraries round them in their own ways
TF32_TOLERANCE = 1e-2
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
    contenders: Sequence[Contender], shape: Shape, whole_epochs: bool, tolerance: float = TOLERANCE
) -> tuple[list[Agreement], list[str]]:
    """Train each contender, in each of its kinds, from the same weights on the same batches, and
    compare the losses.

    Parameters
    ----------
    contenders
        The first is what the others are compared with.
    shape
        Of the problem.
    whole_epochs
        Take all rows, rather than those of a few batches.
    tolerance
        Of the relative difference.

    Returns
    -------
    agreements : list
    failures : list
        A line for each contender that could not be run.
    """
    at_a_time = max(
        variant.options.get("steps", 0)
        for contender in contenders
        for variant in contender.variants
    )
    batches = (
        FEW_BATCHES + 2 * at_a_time
    )  # so that graphs of several steps are replayed, and single steps after them
    rows = shape.rows if whole_epochs else min(shape.rows, batches * shape.batch)
    work = Work("Training", replace(shape, rows=rows), {"shuffle": False})
    comparable = [each for each in contenders if each.name != "sklearn" or shape.widths[-1] > 2]
    results, failures = _run_each(comparable, work, EPOCHS)
    return _compared(results, tolerance, relative=True), failures


def check_prediction(
    contenders: Sequence[Contender], shape: Shape
) -> tuple[list[Agreement], list[str]]:
    """Predict the first row with each contender and compare the probabilities, as above."""
    # scikit-learn has weights of its own where there are two classes.
    comparable = [each for each in contenders if each.name != "sklearn" or shape.widths[-1] > 2]
    rows = max(shape.widths[-1], 1)
    work = Work("Prediction", replace(shape, rows=rows), {"batch": rows})
    results, failures = _run_each(comparable, work, 1)
    return _compared(
        {name: values[0] for name, values in results.items()}, PROBABILITY_TOLERANCE, relative=False
    ), failures


def _run_each(
    contenders: Sequence[Contender], work: Work, count: int
) -> tuple[dict[str, list], list[str]]:
    results, failures = {}, []
    for contender in contenders:
        for name, variant in contender.kinds:
            try:
                with work.start(contender, variant) as worker:
                    results[name] = worker.run(count)[1]
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
