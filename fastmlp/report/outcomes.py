"""What each variant of a sweep brought, over its seeds, and which of them is best."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from fastmlp.experiments.results import Experiment, Sweep, Variant
from fastmlp.metrics.table import larger_is_better
from fastmlp.report.pictures.curves import WORDS
from fastmlp.report.pictures.drawing import OF_SPLIT

from .finished_run import FinishedRun
from .words import share

NOWHERE = (math.nan, math.nan, math.nan)  # lies what was not measured


@dataclass(frozen=True)
class Outcome:
    """What a variant of a sweep brought, over its seeds."""

    # name, value: of the variant
    name: str
    value: Any
    # status, error: as in Variant
    status: str
    error: str
    # low, middle, high: lowest, median and highest of the metric over the seeds; NaN where there is
    # none
    low: float
    middle: float
    high: float
    train: float  # the median of the same metric on the training rows
    seconds: float  # the median of a run


def outcomes(
    experiment: Experiment,
    sweep: Sweep,
    finished: Mapping[str, list[FinishedRun]] = MappingProxyType({}),
) -> list[Outcome]:
    """Return the results of a sweep's variants in its order, with values from their folders."""
    found = []
    for name in sweep.variants:
        variants = experiment.of(name)
        if not variants:
            continue
        low, middle, high = experiment.spread(name, sweep.metric) or NOWHERE
        _, train, _ = experiment.spread(name, train_metric(sweep.metric)) or NOWHERE
        error = next((variant.error for variant in variants if variant.error), "")
        took = float(np.median([variant.seconds for variant in variants]))
        status = experiment.status(name)
        value = _swept_value(sweep, variants[0], finished.get(name, []))
        found.append(Outcome(name, value, status, error, low, middle, high, train, took))
    return found


def _swept_value(sweep: Sweep, variant: Variant, finished: list[FinishedRun]) -> Any:
    """Return a variant's value of the swept setting; several sweeps may share a variant."""
    if not sweep.setting:
        return None
    if sweep.setting in variant.changes:
        return variant.changes[sweep.setting]
    settings = next((run.settings for run in finished if run.settings is not None), None)
    return getattr(settings, sweep.setting, variant.value)


def train_metric(metric: str) -> str:
    """Return the name of the same measure on the training rows."""
    split, _, word = metric.partition("_")
    return f"train_{word}" if split in OF_SPLIT else metric


def metric_words(metric: str) -> str:
    """Return a metric's name in words: ``test accuracy``."""
    split, _, word = metric.partition("_")
    if split not in OF_SPLIT:
        return metric.replace("_", " ")
    return f"{split} {WORDS.get(word, word.replace('_', ' '))}"


def metric_value(metric: str, value: float) -> str:
    """Return a value of a metric as people write it."""
    return share(value) if metric.endswith("accuracy") else f"{value:.4g}"


def tells_quality(metric: str) -> bool:
    """Return whether a metric has a best value at all, unlike times and counts."""
    return metric.endswith((*WORDS, "entropy"))


def more_is_better(metric: str) -> bool:
    """Return whether the largest value of a metric is the best."""
    return larger_is_better(metric)


def best_of(found: list[Outcome], metric: str) -> Outcome | None:
    """Return the best outcome, None if nothing was measured."""
    finite = [each for each in found if math.isfinite(each.middle)]
    best = max if more_is_better(metric) else min
    return best(finite, key=lambda each: each.middle, default=None)


def ranked(found: list[Outcome], metric: str) -> list[Outcome]:
    """Return outcomes sorted by result, the best first and those without a number last."""
    sign = -1 if more_is_better(metric) else 1
    return sorted(found, key=lambda each: (not math.isfinite(each.middle), sign * each.middle))


def settings_words(variant: Variant) -> str:
    """Return in words what a variant changes."""
    words = [f"{name} {value}" for name, value in variant.changes.items()]
    return ", ".join(words) + (f"; {len(variant.phases)} phases" if variant.phases else "")
