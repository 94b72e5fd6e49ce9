"""What ``fastmlp experiment`` prints: the start, a line a variant, the tables at the end."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from fastmlp.experiments.recipe import find_recipe, names
from fastmlp.experiments.results import Experiment, Figure, Sweep, Variant
from fastmlp.experiments.runner import Runner

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
    finished = sum(variant.finished for variant in experiment.variants)
    console.entries(
        [
            ("experiment", f"{experiment.name}: {experiment.title}"),
            ("data", experiment.data),
            *([("stand-in", experiment.stand_in)] if experiment.stand_in else []),
            (
                "variants",
                f"{len(experiment.variants)}, of which {finished} are done and "
                f"{len(runner.waiting)} run now",
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
        """Take note of a variant that started or finished."""
        if variant.status == "running":
            if self.console.is_live:
                print(
                    f"[{self._done + 1}/{self.count}] {_label(variant)} …",
                    end="\r",
                    file=self.console.stream,
                )
            return
        self._done += 1
        words = [f"{name} {number(variant.metrics[key])}" for name, key in (("train", _key(variant, "train")), (
            "test", _key(variant, "test"))) if key in variant.metrics]  # fmt: skip
        text = (
            ", ".join(words) if variant.status == "done" else f"{variant.status}: {variant.error}"
        )
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
    figures = [
        {
            **asdict(figure.comparison),
            **{key: value for key, value in asdict(figure).items() if key != "comparison"},
        }
        for figure in experiment.figures()
    ]
    return json.loads(
        json.dumps({**state, "figures": figures, "verdict": experiment.verdict()}, default=str)
    )


def _sweep_table(
    experiment: Experiment, sweep: Sweep, figures: list[Figure]
) -> tuple[tuple, list[tuple]]:
    names = [name for name in sweep.variants if experiment.of(name)]
    score = next(
        (_score(variant) for name in names for variant in experiment.of(name) if variant.metrics),
        "accuracy",
    )
    header = (
        "variant",
        sweep.setting,
        f"train {score}",
        f"test {score}",
        "seconds",
        "status",
        "reported",
        "met",
    )
    rows = []
    for name in names:
        own = [figure for figure in figures if figure.comparison.variant == name]
        seconds = [variant.seconds for variant in experiment.of(name) if variant.seconds]
        value = sweep.value_of(name)
        rows.append(
            (
                name,
                "" if value is None else f"{value:g}" if isinstance(value, float) else str(value),
                _spread(experiment, name, f"train_{score}"),
                _spread(experiment, name, f"test_{score}"),
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
    kinds = ("accuracy", "r2", "loss") if variant.metrics.get("task") != "regression" else ("loss",)
    return next(
        (f"{part}_{kind}" for kind in kinds if f"{part}_{kind}" in variant.metrics), f"{part}_loss"
    )


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
    told = [figure.met for figure in figures if figure.met is not None]
    if not told or len(told) == 1 or all(told) or not any(told):
        tolerated = ", by tolerance" if any(figure.by_tolerance for figure in figures) else ""
        return MET[told[0]] + tolerated if told else MET[None]
    return f"{sum(told)} of {len(told)}"


def _missed_row(figure: Figure) -> tuple[str, ...]:
    comparison = figure.comparison
    if comparison.expect == "fails":
        expected = "learns nothing"
    else:
        limit = comparison.than or (comparison.reported if isinstance(comparison.reported, str) else
                                    f"{comparison.reported:g}")  # fmt: skip
        tolerance = f" ± {comparison.tolerance:g}" if comparison.tolerance else ""
        expected = f"{SIGNS[comparison.expect]} {limit}{tolerance}"
    measured = number(figure.measured) if figure.status == "done" else figure.status
    return comparison.variant, comparison.metric, expected, measured, comparison.note


def _label(variant: Variant) -> str:
    return (
        variant.name if "-seed" not in variant.folder else f"{variant.name} (seed {variant.seed})"
    )


def _listed(names: list[str]) -> str:
    unique = list(dict.fromkeys(names))
    more = f" and {len(unique) - LONGEST_LIST} more" if len(unique) > LONGEST_LIST else ""
    return ", ".join(unique[:LONGEST_LIST]) + more
