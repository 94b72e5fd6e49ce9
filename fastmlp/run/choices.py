"""What a run chooses by its validation rows: checked before the work, and chosen after it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastmlp.errors import UsageError
from fastmlp.metrics.adjustment import Adjustment
from fastmlp.metrics.calibration import cross_entropy, fit_temperature
from fastmlp.metrics.quantiles import conformal_widening, coverage, fewest_rows, intervals
from fastmlp.metrics.score import Answers
from fastmlp.metrics.table import PROBABILITIES, Metric
from fastmlp.metrics.threshold import CHOOSES, best_threshold
from fastmlp.model.model import Model
from fastmlp.nn.losses import loss_kind
from fastmlp.preparation.prepare import Part, PreparedData
from fastmlp.settings.settings import Settings
from fastmlp.training.measure import Measure
from fastmlp.training.members import OutOfFold


def check_choices(settings: Settings, data: PreparedData) -> None:
    """Check that all that the settings have chosen by the validation rows can be.

    Raises
    ------
    UsageError
        If something does not fit the task or the loss, or the rows are not there or lack a class.
    """
    _check_metric(settings, data)
    _check_quantiles(settings, data)
    if settings.calibrate != "none":
        _check_validation(data, "a temperature is fitted on")
        _check_probabilities(settings, data, f"calibrate {settings.calibrate}")
    if settings.threshold == "0.5":
        return
    if len(data.targets.classes or ()) != 2:
        count = len(data.targets.classes or ())
        what = f"{count} classes" if count else f"a {data.targets.task} task"
        raise UsageError(f"threshold is for two classes, and this is {what}; leave it out.")
    _check_probabilities(settings, data, "threshold")
    if settings.fixed_threshold is None:
        labels = _check_validation(data, "threshold auto is picked by").targets
        if not 0 < labels.sum() < len(labels):
            raise UsageError(_of_one_class("threshold auto cannot be picked"))


def _check_metric(settings: Settings, data: PreparedData) -> None:
    """Check that the metric of the settings can be computed on the validation rows."""
    task = data.targets.task
    metric = settings.make_metric(task)
    if metric is None:
        return
    truth = _check_validation(data, f"metric {metric} tells the best epoch by").targets
    if metric.kind.needs == PROBABILITIES:
        _check_probabilities(settings, data, f"metric {metric}")
    width = data.targets.output_width
    even = np.full((len(truth), width), 1.0 if task == "regression" else 1 / width)
    truth = data.targets.decode_values(truth) if task == "regression" else truth
    if math.isnan(Answers(task, truth, even).score(metric)):
        raise UsageError(_of_one_class(f"metric {metric} cannot be computed"))


def _check_quantiles(settings: Settings, data: PreparedData) -> None:
    """Check that there are enough validation rows, if any, to confirm the intervals by."""
    part = data.validating
    if data.targets.task != "regression" or part is None:
        return
    levels = settings.make_loss("regression", 1).levels
    if len(levels) > 1 and len(part) < (needed := fewest_rows(levels)):
        remedy = "give a larger --validation-fraction, or 0 for intervals that nothing confirms"
        if data.folds is not None:
            remedy = "give levels that lie closer together, or --preset plain without folds"
        raise UsageError(
            f"the interval from {levels[0]:g} to {levels[-1]:g} is confirmed by at least {needed} "
            f"validation rows, and there are {len(part)}; {remedy}."
        )


def _check_validation(data: PreparedData, what: str) -> Part:
    if data.validating is None:
        raise UsageError(
            f"{what} the validation rows, and there are none; give --early-stopping or "
            "--validation-fraction 0.1."
        )
    return data.validating


def _check_probabilities(settings: Settings, data: PreparedData, what: str) -> None:
    if not loss_kind(settings.loss_word, data.targets.task).from_logits:
        raise UsageError(
            f"{what} needs probabilities, which loss {settings.loss} does not give; take "
            "softmax_cross_entropy or log_loss, or leave it out."
        )


def _of_one_class(what: str) -> str:
    return (
        f"{what}, since all validation rows are of one class; give a larger "
        "--validation-fraction, or leave it out."
    )


@dataclass(frozen=True, eq=False)
class Validated:
    """What a trained model says of the rows that validate it.

    Attributes
    ----------
    logits
        (rows, outputs), or values where the loss has no logits.
    targets
        Encoded.
    are_out_of_fold
        Whether each row was answered by the members of its fold alone, and not by all.
    """

    logits: np.ndarray
    targets: np.ndarray
    are_out_of_fold: bool = False


def validated(model: Model, data: PreparedData, measures: dict[str, Measure]) -> Validated | None:
    """Return what is said of the validation rows, or with folds of the training rows by members
    that did not learn from them; None without such rows.
    """
    part, measure = data.validating, measures.get("validation")
    if part is None:
        return None
    if isinstance(measure, OutOfFold):
        return Validated(measure.logits(), part.targets, are_out_of_fold=True)
    return Validated(model.logits(part.features), part.targets)


def choose(
    model: Model, by: Validated | None, settings: Settings, test: Part | None = None
) -> dict[str, Any]:
    """Choose what is left to choose once a model is trained, and let the model have it.

    Of the test rows it is only measured what intervals cover.

    Returns
    -------
    dict
        What metrics.json says of it: ``temperature`` with ``validation_log_loss_before`` and
        ``validation_log_loss_after``; ``threshold`` with ``threshold_by``, which says why;
        ``coverage`` of the intervals between quantiles, and that of the widest on each split.
    """
    model.adjustment = Adjustment()
    if model.levels:
        return _confirm(model, by, test)
    return _calibrate(model, by, settings) | _set_threshold(model, by, settings)


def _calibrate(model: Model, by: Validated | None, settings: Settings) -> dict[str, Any]:
    if settings.calibrate == "none" or by is None:
        return {}
    if not np.isfinite(by.logits).all():  # of a run that diverged, which is said
        return {}
    temperature = fit_temperature(by.logits, by.targets)
    if by.are_out_of_fold:
        # The mean of all members is less sure than that of a fold's, which T was fitted to: its
        # root did best of T⁰, T^½, T^0.7 and T on rows that no member had seen.
        temperature = math.sqrt(temperature)
    model.adjustment = replace(model.adjustment, temperature=temperature)
    return {
        "temperature": temperature,
        "validation_log_loss_before": cross_entropy(by.logits, by.targets),
        "validation_log_loss_after": cross_entropy(by.logits, by.targets, temperature),
    }


def picks_threshold(settings: Settings) -> bool:
    """Return whether a threshold is picked that is best for the metric of the settings."""
    metric = settings.make_metric()
    return settings.fixed_threshold is None and metric is not None and metric.name in CHOOSES


def _set_threshold(model: Model, by: Validated | None, settings: Settings) -> dict[str, Any]:
    if settings.threshold == "0.5":
        return {}
    threshold, why = settings.fixed_threshold, "as given"
    metric = settings.make_metric()
    if picks_threshold(settings):
        assert by is not None  # as was checked
        assert metric is not None  # by which it is picked
        probabilities = model.answer_from(by.logits)[:, 1]
        threshold = best_threshold(by.targets, probabilities, metric.name)
        why = f"best {metric} of the validation rows"
    elif threshold is None:
        threshold, why = 0.5, f"metric {settings.metric} asks for no other"
    model.adjustment = replace(model.adjustment, threshold=threshold)
    return {"threshold": threshold, "threshold_by": why}


def _confirm(model: Model, by: Validated | None, test: Part | None) -> dict[str, Any]:
    """Widen the intervals between quantiles by the validation rows, and measure what they cover."""
    levels, held_out = model.levels, {} if by is None else {"validation": by}
    if test is not None:
        held_out["test"] = Validated(model.logits(test.features), test.targets)
    if by is not None and np.isfinite(by.logits).all():
        truth = model.targets.decode_values(by.targets)[:, 0]
        widening = conformal_widening(levels, model.answer_from(by.logits), truth)
        model.adjustment = replace(model.adjustment, widening=widening)
    found, flat = [each.to_dict() for each in intervals(levels)], {}
    for name, said in held_out.items():
        values = model.answer_from(said.logits)
        truth = model.targets.decode_values(said.targets)[:, 0]
        for entry, each in zip(found, intervals(levels), strict=True):
            entry[name] = coverage(each, values, truth)
        flat |= {f"{name}_coverage": found[0][name]} if found else {}
    return {"coverage": found, "conformal": bool(model.adjustment.widening), **flat}


def adjusted(model: Model, said: Validated, metric: Metric | None) -> dict[str, float]:
    """Return the numbers of rows that may be others with the model's adjustment: the accuracy, or
    rmse and r2, and the metric of the run.
    """
    answers = model.answers(said.targets, model.answer_from(said.logits))
    usual = ("rmse", "r2") if model.task == "regression" else ("accuracy",)
    metrics = {*map(Metric, usual), *([metric] if metric else [])}
    return {each.name: answers.score(each) for each in metrics}
