"""What ``fastmlp experiment`` prints: the start, a line a variant, the tables at the end."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from fastmlp.experiments.recipe import find_recipe, names
from fastmlp.experiments.results import Experiment, Figure, Sweep, Variant
from fastmlp.experiments.runner import Runner
from fastmlp.metrics.table import parse_metric

from .console import Console, duration, number

LONGEST_LIST = 8  # of names in a line
MET = {True: "yes", False: "no", None: "-"}
SIGNS = {"at_least": "≥", "at_most": "≤", "about": "≈"}


def list_recipes(console: Console) -> None:
    """Print the recipes that come with the package, for people and for programs."""
    recipes = [find_recipe(name) for name in names()]
    console.entries(
        (recipe.name, f"{recipe.title} ({len(recipe.variants)} variants)") for recipe in recipes
    )
    console.line("fastmlp experiment NAME runs one; a TOML file of your own is run by its path.")
    console.json_line(
        [{"name": recipe.name, "title": recipe.title, "about": recipe.about} for recipe in recipes]
    )


def report_start(console: Console, runner: Runner) -> None:
    """Print what is about to be run, and on what."""
    experiment = runner.experiment
    count = len(experiment.variants)
    finished = sum(variant.finished for variant in experiment.variants)
    console.entries(
        [
            ("experiment", f"{experiment.name}: {experiment.title}"),
            ("data", experiment.data),
            *([("stand-in", experiment.stand_in)] if experiment.stand_in else []),
            (
                "variants",
                f"{count}, of which {finished} are done and {len(runner.waiting)} run now",
            ),
            ("folder", str(experiment.folder)),
        ]
    )
    if experiment.quick:
        console.line("note: a quick run has few rows and epochs; its figures cannot be compared.")
    if runner.stale:
        console.line(f"note: changed since they ran, and run again: {_listed(runner.stale)}")
    console.line()


class VariantLines:
    """Prints a line when a variant is finished; on a terminal it also says what runs.

    Parameters
    ----------
    console
        Where to print.
    count
        How many variants run.
    """

    def __init__(self, console: Console, count: int):
        self.console, self.count = console, count
        self._done = 0

    def __call__(self, variant: Variant) -> None:
        """Announce a variant that started, or print the line of one that finished."""
        if variant.status == "running":
            if self.console.is_live:
                text = f"[{self._done + 1}/{self.count}] {_label(variant)} …"
                print(text, end="\r", file=self.console.stream)
            return
        self._done += 1
        if variant.status == "done":
            keys = {part: _key(variant, part) for part in ("train", "test")}
            text = ", ".join(
                f"{part} {number(variant.metrics[key])}"
                for part, key in keys.items()
                if key in variant.metrics
            )
        else:
            text = f"{variant.status}: {variant.error}"
        self.console.line(
            f"[{self._done}/{self.count}] {_label(variant)}: {text} ({duration(variant.seconds)})"
        )


def report(console: Console, experiment: Experiment) -> None:
    """Print a table of each sweep, the figures that are not met, and the number of those met."""
    figures = experiment.figures()
    for sweep in experiment.sweeps:
        console.line()
        console.line(sweep.title)
        console.table(*_sweep_table(experiment, sweep, figures), left=1, indent=2)
    missed = [figure for figure in figures if figure.met is False]
    if missed:
        console.line()
        console.line("Not met")
        header = ("variant", "metric", "expected", "measured", "note")
        console.table(header, [_missed_row(figure) for figure in missed], left=5, indent=2)
    console.line()
    if experiment.stand_in:
        console.line(f"stand-in: {experiment.stand_in}")
    console.line(experiment.verdict() + ".")
    console.entries(
        [("folder", str(experiment.folder)), ("report", f"fastmlp report {experiment.folder}")]
    )


def to_json(experiment: Experiment) -> dict[str, Any]:
    """Return the experiment and its figures as JSON has them."""
    state = asdict(experiment) | {"folder": str(experiment.folder)}
    del state["comparisons"]
    state["figures"] = [
        asdict(figure.comparison) | asdict(figure) for figure in experiment.figures()
    ]
    for figure in state["figures"]:
        del figure["comparison"]
    state["verdict"] = experiment.verdict()
    return json.loads(json.dumps(state, default=str))


def _sweep_table(
    experiment: Experiment, sweep: Sweep, figures: list[Figure]
) -> tuple[tuple, list[tuple]]:
    names = [name for name in sweep.variants if experiment.of(name)]
    score = next(
        (_score(variant) for name in names for variant in experiment.of(name) if variant.metrics),
        "accuracy",
    )
    scores = (f"train {score}", f"test {score}")
    header = ("variant", sweep.setting, *scores, "seconds", "status", "reported", "met")
    rows = []
    for name in names:
        own = [figure for figure in figures if figure.comparison.variant == name]
        seconds = [variant.seconds for variant in experiment.of(name) if variant.seconds]
        value = sweep.value_of(name)
        rows.append(
            (
                name,
                "" if value is None else f"{value:g}" if isinstance(value, float) else str(value),
                *(_spread(experiment, name, f"{part}_{score}") for part in ("train", "test")),
                f"{sum(seconds) / len(seconds):.1f}" if seconds else "-",
                experiment.status(name),
                "; ".join(_reported(figure) for figure in own if not figure.comparison.than) or "-",
                _met(own),
            )
        )
    return header, rows


def _score(variant: Variant) -> str:
    return _key(variant, "train").removeprefix("train_")


def _key(variant: Variant, part: str) -> str:
    word = variant.metrics.get("metric")
    if isinstance(word, str) and f"{part}_{parse_metric(word).name}" in variant.metrics:
        return f"{part}_{parse_metric(word).name}"
    if variant.metrics.get("task") != "regression":
        for key in (f"{part}_accuracy", f"{part}_r2"):
            if key in variant.metrics:
                return key
    return f"{part}_loss"


def _spread(experiment: Experiment, name: str, metric: str) -> str:
    spread = experiment.spread(name, metric)
    if spread is None:
        return "-"
    low, median, high = spread
    several = len(experiment.of(name)) > 1
    return f"{number(median)} ({number(low)}–{number(high)})" if several else number(median)


def _reported(figure: Figure) -> str:
    comparison = figure.comparison
    value = comparison.reported
    text = value if isinstance(value, str) else f"{value:.4g}"
    part, _, kind = comparison.metric.partition("_")
    return f"{part} {text}" if kind in ("accuracy", "loss", "r2") else f"{comparison.metric} {text}"


def _met(figures: list[Figure]) -> str:
    known = [figure.met for figure in figures if figure.met is not None]
    if not known:
        return MET[None]
    if len(set(known)) == 1:
        tolerated = ", by tolerance" if any(figure.by_tolerance for figure in figures) else ""
        return MET[known[0]] + tolerated
    return f"{sum(known)} of {len(known)}"


def _missed_row(figure: Figure) -> tuple[str, ...]:
    comparison = figure.comparison
    if comparison.expect == "fails":
        expected = "learns nothing"
    else:
        reported = comparison.reported
        limit = comparison.than or (reported if isinstance(reported, str) else f"{reported:g}")
        tolerance = f" ± {comparison.tolerance:g}" if comparison.tolerance else ""
        expected = f"{SIGNS[comparison.expect]} {limit}{tolerance}"
    measured = number(figure.measured) if figure.status == "done" else figure.status
    return comparison.variant, comparison.metric, expected, measured, comparison.note


def _label(variant: Variant) -> str:
    return variant.name + (f" (seed {variant.seed})" if "-seed" in variant.folder else "")


def _listed(names: list[str]) -> str:
    unique = list(dict.fromkeys(names))
    more = f" and {len(unique) - LONGEST_LIST} more" if len(unique) > LONGEST_LIST else ""
    return ", ".join(unique[:LONGEST_LIST]) + more
