"""The page of an experiment: reported beside measured, each sweep, and a summary of every run."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastmlp.display.html import Html, element
from fastmlp.errors import ModelFileError
from fastmlp.experiments.results import Comparison, Experiment, Figure, Sweep, Variant
from fastmlp.metrics.table import METRICS
from fastmlp.report.pictures.sweeps import curves_picture, result_picture, time_picture

from .evidence import Evidence
from .finished_run import FinishedRun, read_finished_run
from .html import bullets, details, exact, page, pairs, percent, table
from .outcomes import (
    Outcome,
    best_of,
    metric_value,
    metric_words,
    outcomes,
    ranked,
    settings_words,
    tells_quality,
    train_metric,
)
from .run_page import Album, Page, notice, verdict_box
from .tables import phases_table
from .verdict import Verdict, judge
from .words import listed, seconds, short

EXPECTED = {"at_least": "at least that", "at_most": "at most that", "about": "about that",
            "fails": "must fail"}  # fmt: skip
STATUS_CLASS = {"done": "good", "diverged": "bad", "failed": "bad", "running": "open",
                "pending": "open"}  # fmt: skip
MET = {True: ("good", "✓ met"), False: ("bad", "✗ not met"), None: ("open", "– cannot be told")}


def experiment_page(experiment: Experiment, beside: Path, folder: str) -> Page:
    """Return the page of an experiment.

    Parameters
    ----------
    experiment
        As read from its folder.
    beside
        The folder of the page, for links to the runs.
    folder
        Where the pictures' files will be, relative to the page.
    """
    album = Album(folder)
    finished = _finished_runs(experiment)
    verdict = _verdict(experiment)
    sweeps = [
        (f"sweep-{sweep.name}", sweep.title, _sweep(experiment, sweep, finished, album, beside))
        for sweep in experiment.sweeps
    ]
    sections = [
        ("compared", "Reported beside measured", [_comparisons(experiment)]),
        *sweeps,
        ("runs", "Every run", _runs(experiment, finished, beside)),
    ]
    subtitle = " · ".join(text for text in (experiment.name, experiment.data) if text)
    stand_in = [experiment.stand_in] if experiment.stand_in else []
    quick = ["Few rows and epochs: no figure can be compared."] if experiment.quick else []
    lead = [
        notice(stand_in, "These are not the original data."),
        notice(quick, "A quick run."),
        element("p", subtitle, class_="subtitle"),
        element("p", experiment.about) if experiment.about else None,
        verdict_box(verdict),
        _cards(experiment),
    ]
    html = page(experiment.title or experiment.name, lead, sections)
    return Page(html, album.pictures, verdict, [])


def _finished_runs(experiment: Experiment) -> dict[str, list[FinishedRun]]:
    """Return each run that has a folder, by the variant's name."""
    finished: dict[str, list[FinishedRun]] = {}
    for variant in experiment.variants:
        with suppress(ModelFileError):
            run = read_finished_run(experiment.folder / variant.folder)
            finished.setdefault(variant.name, []).append(run)
    return finished


def _verdict(experiment: Experiment) -> Verdict:
    figures = experiment.figures()
    missed, met = (sum(figure.met is value for figure in figures) for value in (False, True))
    mood = "bad" if missed else "good" if met else "open"
    sentence = experiment.verdict()
    sentences = [_statuses(experiment)]
    for sweep in experiment.sweeps:
        found = [each for each in outcomes(experiment, sweep) if math.isfinite(each.middle)]
        best = best_of(found, sweep.metric)
        if best is not None and len(found) > 1 and tells_quality(sweep.metric):
            value = metric_value(sweep.metric, best.middle)
            sentences.append(
                f"{sweep.title}: the best is {best.name} with a {metric_words(sweep.metric)} of "
                f"{value}."
            )
    return Verdict(mood, f"{sentence[:1].upper()}{sentence[1:]}.", sentences)


def _statuses(experiment: Experiment) -> str:
    by_status: dict[str, list[str]] = {}
    for variant in experiment.variants:
        by_status.setdefault(variant.status, []).append(variant.name)
    words = []
    for status, names in by_status.items():
        which = f" ({listed(list(dict.fromkeys(names)))})" if STATUS_CLASS[status] == "bad" else ""
        words.append(f"{len(names)} {status}{which}")
    runs = len(experiment.variants)
    if not runs:
        return "No run has begun."
    return f"{runs:,} {'run' if runs == 1 else 'runs'}: {', '.join(words)}."


def _cards(experiment: Experiment) -> Html:
    figures = experiment.figures()
    items = [
        ("figures met", f"{sum(figure.met is True for figure in figures)}"),
        ("not met", f"{sum(figure.met is False for figure in figures)}"),
        ("cannot be told", f"{sum(figure.met is None for figure in figures)}"),
        ("runs", f"{len(experiment.variants):,}"),
        ("time of all runs", seconds(sum(variant.seconds for variant in experiment.variants))),
    ]
    return element("div", pairs(items if figures else items[3:]), class_="cards")


def _comparisons(experiment: Experiment) -> Html | None:
    figures = experiment.figures()
    if not figures:
        return None
    header = ("variant", "figure", "reported", "measured", "expected", "met?", "why, and notes")
    return table(
        "Every figure that was reported", header, map(_comparison, figures), texts=7, class_="prose"
    )


def _comparison(figure: Figure) -> tuple[Any, ...]:
    comparison = figure.comparison
    metric, low, high = comparison.metric, figure.lowest, figure.highest
    spread = ""
    if low is not None and high is not None and low < high:
        spread = f" ({_plain(metric, low)} to {_plain(metric, high)})"
    measured = figure.status
    if figure.measured is not None:
        measured = [_measured(metric, figure.measured), spread]
    met = ("open", "✓ by tolerance alone") if figure.by_tolerance else MET[figure.met]
    expected = EXPECTED[comparison.expect]
    if comparison.than:
        expected = f"{expected.removesuffix(' that')} that of {comparison.than}"
    if comparison.tolerance:
        expected += f", within {_difference(metric, comparison.tolerance)}"
    notes = [_sentence(text, comparison) for text in (figure.reason, comparison.note) if text]
    return (
        comparison.variant,
        metric_words(metric),
        _plain(metric, comparison.reported),
        element("span", measured),
        expected,
        element("span", met[1], class_=met[0]),
        " ".join(notes),
    )


def _sentence(text: str, comparison: Comparison) -> str:
    """Return a remark as a sentence; a variant's name that it begins with stays as it is."""
    names = tuple(filter(None, (comparison.variant, comparison.than)))
    first = text[:1] if text.startswith(names) else text[:1].upper()
    return f"{first}{text[1:]}{'' if text.endswith('.') else '.'}"


def _plain(metric: str, value: Any) -> str:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return str(value)
    if metric.endswith("accuracy"):
        return f"{100 * value:.2f} %"
    if metric.endswith("seconds"):
        return seconds(value)
    return f"{value:,.0f}" if value == round(value) and abs(value) >= 1 else short(float(value))


def _difference(metric: str, value: float) -> str:
    return f"{100 * value:.3g} points" if metric.endswith("accuracy") else f"{value:.3g}"


def _measured(metric: str, value: Any) -> Html:
    if metric.endswith("accuracy"):
        return percent(value)
    return exact(value) if value is None or value != value else exact(value, _plain(metric, value))


def _sweep(
    experiment: Experiment,
    sweep: Sweep,
    finished: dict[str, list[FinishedRun]],
    album: Album,
    beside: Path,
) -> list[Any]:
    found = outcomes(experiment, sweep, finished)
    if not found:
        return []
    why = [element("p", paragraph) for paragraph in sweep.why.split("\n\n") if paragraph.strip()]
    own = sweep.metric.partition("_")[2].removesuffix("_first")
    words = ["loss", "accuracy", "r2"]
    if own in METRICS and own not in words:
        words.insert(2, own)
    curves = [curves_picture(sweep, finished, word) for word in words]
    pictures = album.show(result_picture(sweep, found), *curves, time_picture(sweep, finished))
    return [*why, pictures, _ranking(experiment, sweep, found, beside)]


def _ranking(experiment: Experiment, sweep: Sweep, found: list[Outcome], beside: Path) -> Html:
    has_train = train_metric(sweep.metric) != sweep.metric
    has_values = any(each.value is not None for each in found)
    header = [
        "variant",
        *([sweep.setting or "value"] if has_values else []),
        metric_words(sweep.metric),
        *([metric_words(train_metric(sweep.metric))] if has_train else []),
        "seconds",
        "status",
    ]
    rows = [
        (
            _link(each.name, experiment, experiment.of(each.name)[0], beside),
            *([_value(each.value)] if has_values else []),
            _measured(sweep.metric, each.middle),
            *([_measured(sweep.metric, each.train)] if has_train else []),
            exact(each.seconds, f"{each.seconds:.1f}"),
            [_status(each.status), f": {each.error}" if each.error else None],
        )
        for each in ranked(found, sweep.metric)
    ]
    title = f"{sweep.title}: sorted by {metric_words(sweep.metric)}"
    return table(title, header, rows, texts=(0, len(header) - 1), class_="prose")


def _value(value: Any) -> str:
    return "–" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _status(status: str) -> Html:
    return element("span", status, class_=STATUS_CLASS[status])


def _link(name: str, experiment: Experiment, variant: Variant, beside: Path) -> Html | str:
    """Return a variant's name as a link to its report or its folder, where there is one."""
    folder = experiment.folder / variant.folder
    if not variant.folder or not folder.is_dir():
        return name
    target = folder / "report.html" if (folder / "report.html").is_file() else folder
    relative = quote(os.path.relpath(target, beside).replace(os.sep, "/"))
    # A first part with a colon would be taken for an address; ./ keeps it a path.
    return element("a", name, href=f"./{relative}{'' if target != folder else '/'}")


def _runs(
    experiment: Experiment, finished: dict[str, list[FinishedRun]], beside: Path
) -> list[Any]:
    by_folder = {run.folder: run for of_variant in finished.values() for run in of_variant}
    several = len({variant.seed for variant in experiment.variants}) > 1
    runs = []
    for variant in experiment.variants:
        run = by_folder.get(experiment.folder / variant.folder)
        runs.append(_summary(experiment, variant, run, several, beside))
    return [element("div", runs, class_="runs")] if runs else []


def _summary(
    experiment: Experiment, variant: Variant, run: FinishedRun | None, several: bool, beside: Path
) -> Html:
    seed = f", seed {variant.seed}" if several else ""
    title = [variant.name, seed, " ", _status(variant.status)]
    link = _link(variant.folder or variant.name, experiment, variant, beside)
    parts: list[Any] = [element("p", "Folder: ", link)]
    if variant.error:
        parts.append(element("p", f"Reason: {variant.error}"))
    if variant.changes:
        parts.append(element("p", f"Changes: {settings_words(variant)}"))
    if variant.phases:
        parts.append(phases_table(variant.phases))
    if run is not None and run.metrics:
        verdict = judge(run, Evidence(None))
        parts.append(bullets((verdict.headline, *verdict.sentences)))
    if variant.metrics:
        rows = [
            (name, exact(value) if isinstance(value, float) else short(value))
            for name, value in variant.metrics.items()
        ]
        parts.append(details("Its numbers", table("Metrics", ("name", "value"), rows)))
    return details(title, *parts)
