"""The results of an experiment: variants, sweeps, figures, and which figures are met."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fastmlp.errors import ModelFileError, choose
from fastmlp.files.atomic import write_json
from fastmlp.files.typed import built, checked

from .parts import EXPECTATIONS, FINISHED, STATUSES, Comparison, Sweep, Variant, is_number, is_share

__all__ = [
    "Comparison",
    "Experiment",
    "Figure",
    "Sweep",
    "Variant",
    "is_share",
    "read_experiment",
    "write_experiment",
]

EXPERIMENT_FILE, RECIPE_FILE, RUNS_FOLDER = "experiment.json", "recipe.toml", "runs"
FORMAT_VERSION = 1
LARGEST_STATE = 1 << 26  # bytes


@dataclass(frozen=True)
class Figure:
    """A comparison beside what was measured."""

    comparison: Comparison  # what was reported and expected
    # the median over the seeds; None where nothing is measured yet or the loss diverged
    measured: float | None
    # lowest, highest: over the seeds
    lowest: float | None
    highest: float | None
    status: str  # of the variant: the least finished of its seeds
    met: bool | None  # None where it cannot be told; ``reason`` says why
    reason: str = ""  # why it cannot be told, or why the loss diverged; else empty
    by_tolerance: bool = False  # whether it is met, but not without its tolerance


@dataclass(frozen=True)
class Experiment:
    """An experiment as it stands, finished or not."""

    # name, title, about: what it is called and what it is about
    name: str
    title: str
    about: str
    data: str  # what data it ran on, in words
    stand_in: str  # why and how these are not the original data, in words; empty if they are
    quick: bool  # whether it ran with few rows and epochs, so that no figure can be compared
    # comparisons, variants, sweeps: see there
    comparisons: list[Comparison]
    variants: list[Variant]
    sweeps: list[Sweep]
    folder: Path  # where it lies

    def of(self, name: str) -> list[Variant]:
        """Return the variant of each seed."""
        return [variant for variant in self.variants if variant.name == name]

    def status(self, name: str) -> str:
        """Return the status of a variant over its seeds; where they differ, the most urgent one."""
        order = ("failed", "running", "pending", "diverged", "done")
        statuses = [variant.status for variant in self.of(name)]
        return min(statuses, key=order.index, default="pending")

    def metrics(self, name: str) -> dict[str, Any]:
        """Return the metrics of a variant, of numbers the median over its finished seeds.

        ``diverged`` is the cause if at least half of them diverged; numbers are then those of the
        diverged runs' last good weights too.
        """
        finished = [variant for variant in self.of(name) if variant.finished]
        if not finished:
            return {}
        diverged = [variant for variant in finished if variant.status == "diverged"]
        counted = [variant for variant in finished if variant.status == "done"]
        if 2 * len(diverged) >= len(finished):
            counted = diverged
        numbers = {
            metric: statistics.median(values)
            for metric in counted[0].metrics
            if (values := numbers_of(counted, metric)) and len(values) == len(counted)
        }
        cause = counted[0].error if counted is diverged else ""
        return {**counted[0].metrics, **numbers, "diverged": cause}

    def spread(self, name: str, metric: str) -> tuple[float, float, float] | None:
        """Return lowest, median and highest of a metric over the finished seeds, or None."""
        done = [variant for variant in self.of(name) if variant.status == "done"]
        values = numbers_of(done, metric)
        return (min(values), statistics.median(values), max(values)) if values else None

    def figures(self) -> list[Figure]:
        """Return every comparison beside what was measured."""
        return [self._figure(comparison) for comparison in self.comparisons]

    def verdict(self) -> str:
        """Return one line: how many figures are met, are not, and cannot be told."""
        figures = self.figures()
        if not figures:
            return "no figures to compare with"
        missed = sum(figure.met is False for figure in figures)
        compared = sum(figure.met is not None for figure in figures)
        if not compared:
            return f"none of {len(figures)} figures can be compared"
        if missed:
            words = f"{missed} of {compared} figures {'is' if missed == 1 else 'are'} not met"
        else:
            few = {1: "the one figure is met", 2: "both figures are met"}
            words = few.get(compared, f"all {compared} figures are met")
        if tolerated := sum(figure.by_tolerance for figure in figures):
            are = "is" if tolerated == 1 else "are"
            words += f"; {tolerated} of those met {are} so by tolerance alone"
        left = len(figures) - compared
        return f"{words}; {left} cannot be told" if left else words

    def _figure(self, comparison: Comparison) -> Figure:
        name = comparison.variant
        metrics, status = self.metrics(name), self.status(name)
        spread = self.spread(name, comparison.metric)
        lowest, measured, highest = spread if spread else (None, None, None)
        met, by_tolerance, reason = None, False, self._why_open(comparison, status)
        if not reason:
            than = self.metrics(comparison.than) if comparison.than else None
            met = comparison.met(metrics, than)
            strictly = replace(comparison, tolerance=0.0).met(metrics, than)
            by_tolerance = bool(met and not strictly)
            reason = metrics.get("diverged", "")
            if met is None:
                reason = f"{comparison.metric} was not measured"
        spread = (measured, lowest, highest)
        return Figure(comparison, *spread, status, met, reason, by_tolerance)

    def _why_open(self, comparison: Comparison, status: str) -> str:
        if self.quick:
            return "a quick run: too few rows and epochs to compare"
        if self.stand_in and comparison.needs_original_data:
            return "the data are a stand-in: the number itself cannot be compared"
        for name in (comparison.variant, comparison.than):
            if name and self.status(name) not in FINISHED:
                return f"{name} is {self.status(name)}"
        return ""


def write_experiment(experiment: Experiment) -> None:
    """Write the state into the experiment's folder, atomically.

    Raises
    ------
    WriteError
        If the folder cannot be written.
    """
    state = asdict(experiment)
    del state["folder"]
    write_json(experiment.folder / EXPERIMENT_FILE, {"format_version": FORMAT_VERSION, **state})


def read_experiment(folder: str | Path) -> Experiment:
    """Return the experiment in a folder.

    Raises
    ------
    ModelFileError
        If there is none, or its state is damaged, of a newer format, or names folders outside of
        its own.
    """
    path = Path(folder) / EXPERIMENT_FILE
    try:
        if path.stat().st_size > LARGEST_STATE:
            raise ValueError("it is too large")
        state = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(state, dict) or state.pop("format_version", None) != FORMAT_VERSION:
            raise ValueError(f"it is not of format {FORMAT_VERSION}")
        parts = {"comparisons": Comparison, "variants": Variant, "sweeps": Sweep}
        for name, kind in parts.items():
            state[name] = [built(kind, table) for table in checked(list, name, state.get(name))]
        experiment = built(Experiment, {**state, "folder": Path(folder)})
        _check_words(experiment)
    except FileNotFoundError:
        raise ModelFileError(
            f"{folder} holds no {EXPERIMENT_FILE}; give the folder of an experiment."
        ) from None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(
            f"the state {path} cannot be read: {reason}. Remove it, and run again."
        ) from None
    return experiment


def _check_words(experiment: Experiment) -> None:
    for comparison in experiment.comparisons:
        choose("expectation", comparison.expect, EXPECTATIONS)
    for variant in experiment.variants:
        choose("status", variant.status, STATUSES)
        inside = Path(variant.folder)
        if inside.is_absolute() or ".." in inside.parts:
            raise ValueError(f"the folder {variant.folder!r} lies outside")


def numbers_of(variants: Sequence[Variant], metric: str) -> list[float]:
    """Return the finite values of a metric."""
    values = (variant.metrics.get(metric) for variant in variants)
    return [value for value in values if is_number(value) and math.isfinite(value)]
