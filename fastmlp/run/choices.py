"""What a run chooses by its validation rows: checked before the work."""

from __future__ import annotations

import math

import numpy as np

from fastmlp.errors import UsageError
from fastmlp.metrics.score import Answers
from fastmlp.nn.losses import loss_kind
from fastmlp.preparation.prepare import PreparedData
from fastmlp.settings.settings import Settings


def check_metric(settings: Settings, data: PreparedData) -> None:
    """Check that the metric of the settings can be computed on the validation rows.

    Raises
    ------
    UsageError
        If it does not fit the task or the loss, or these rows are not there or lack a class.
    """
    task = data.targets.task
    metric = settings.make_metric(task)
    if metric is None:
        return
    if data.validation is None:
        raise UsageError(_without_rows(f"metric {metric} tells the best epoch by"))
    gives_probabilities = loss_kind(settings.loss, task).from_logits
    if metric.kind.needs == "probabilities" and not gives_probabilities:
        raise UsageError(
            f"metric {metric} needs probabilities, which loss {settings.loss} does not give; "
            "take a cross-entropy, or a metric of labels: accuracy or f1."
        )
    truth, width = data.validation.targets, data.targets.output_width
    even = np.full((len(truth), width), 1.0 if task == "regression" else 1 / width)
    truth = data.targets.decode_values(truth) if task == "regression" else truth
    if math.isnan(Answers(task, truth, even).score(metric)):
        raise UsageError(
            f"metric {metric} cannot be computed, since all validation rows are of one class; "
            "give a larger --validation-fraction, or another metric."
        )


def _without_rows(what: str) -> str:
    return (
        f"{what} the validation rows, and there are none; give --early-stopping or "
        "--validation-fraction 0.1."
    )
