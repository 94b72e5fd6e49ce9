"""The page of a search for settings: what it brought, every trial, and what counts."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastmlp.report.html import Html, element, exact, page, pairs, table
from fastmlp.report.run_page import Album, Page, notice, verdict_box
from fastmlp.report.verdict import Verdict
from fastmlp.report.words import seconds, short
from fastmlp.tuning.outcomes import Outcome
from fastmlp.tuning.results import Study
from fastmlp.tuning.spaces.parameters import Choices
from fastmlp.tuning.spaces.space import parse_space

from .study_pictures import (
    curves_picture,
    history_picture,
    importance_picture,
    parallel_picture,
    slices_picture,
)

MOST_ROWS = 500  # of the table of trials
STATE_CLASS = {"complete": "good", "diverged": "bad", "failed": "bad"}


def study_page(study: Study, folder: Path, beside: Path, figures: str) -> Page:
    """Return the page of a search.

    Parameters
    ----------
    study, folder
        As read from its folder.
    beside
        The folder of the page, for the link to the best run.
    figures
        Where the pictures' files will be, relative to the page.
    """
    album, verdict = Album(figures), _verdict(study)
    sections = [
        ("best", "The best settings", _best(study, folder, beside)),
        ("history", "History", [album.show(history_picture(study), curves_picture(study))]),
        ("counts", "What counts", [album.show(importance_picture(study))]),
        (
            "settings",
            "Settings and results",
            [album.show(parallel_picture(study), slices_picture(study))],
        ),
        ("space", "What was searched", [_space(study)]),
        ("trials", "Every trial", _trials(study)),
    ]
    subtitle = " · ".join(
        (study.data, study.task, f"{study.metric} of the validation rows", f"from {study.preset}")
    )
    lead = [
        notice(study.notes, "What was decided without being told."),
        element("p", subtitle, class_="subtitle"),
        verdict_box(verdict),
        _cards(study),
    ]
    html = page(f"Search: {study.name}", lead, sections)
    return Page(html, album.pictures, verdict, [])


def _verdict(study: Study) -> Verdict:
    best, first = study.best_trial, study.first
    if best is None or best.value is None:
        return Verdict("open", "No trial is complete.", [_states(study)])
    number = f"a {study.heading} of {short(best.value)}"
    sentences = [_states(study)]
    if first is None or first.value is None:
        return Verdict("good", f"Trial {best.number} is the best, with {number}.", sentences)
    if first.number == best.number:
        headline = f"No trial was better than the settings as they were given, with {number}."
        return Verdict("open", headline, sentences)
    headline = (
        f"Trial {best.number} is the best, with {number}; as given it was {short(first.value)}."
    )
    sentences.append(
        "The best of many is a little flattered by its own rows: on others expect less of a gain."
    )
    return Verdict("good", headline, sentences)


def _states(study: Study) -> str:
    counts: dict[str, int] = {}
    for trial in study.trials:
        counts[trial.state] = counts.get(trial.state, 0) + 1
    total = f"{len(study.trials):,} trial{'s' if len(study.trials) != 1 else ''}"
    return f"{total}: {', '.join(f'{count:,} {state}' for state, count in counts.items())}."


def _cards(study: Study) -> Html:
    best, first = study.best_trial, study.first
    items: list[tuple[str, Any]] = [("trials", f"{len(study.trials):,}")]
    if best is not None:
        items.append((f"best {study.heading}", exact(best.value)))
    if first is not None:
        items.append((f"{study.heading} as given", exact(first.value)))
    items.append(("time of all trials", seconds(sum(trial.seconds for trial in study.trials))))
    return element("div", pairs(items), class_="cards")


def _best(study: Study, folder: Path, beside: Path) -> list[Any]:
    best = study.best_trial
    if best is None:
        return []
    rows = [
        (name, _shown(study.value_in(best, name)), _shown(study.usual.get(name)))
        for name in study.settings
    ]
    parts: list[Any] = [
        table("Settings of the best trial", ("setting", "best", "as given"), rows, texts=3)
    ]
    if study.run:
        run = folder / study.run
        place = quote(os.path.relpath(run, beside).replace(os.sep, "/"))
        command = f"fastmlp train --config {shlex.quote(str(run / 'config.toml'))}"
        link = element("a", study.run, href=f"./{place}/")
        parts.append(element("p", "The run with these settings: ", link, "."))
        parts.append(element("p", "The same again: ", element("code", command)))
    return parts


def _space(study: Study) -> Html:
    rows = []
    for parameter in parse_space(study.space).parameters:
        domain = parameter.domain
        if isinstance(domain, Choices):
            words = ", ".join(map(_shown, domain.values))
        else:
            words = f"{domain.low:g} to {domain.high:g}"
            words += ", by factors" if domain.log else ""
            words += f", in steps of {domain.step:g}" if domain.step else ""
        conditions = [
            f"{name} is {' or '.join(map(str, values))}" for name, values in parameter.when.items()
        ]
        rows.append((parameter.name, words, " and ".join(conditions) or "always"))
    return table("Parameters", ("parameter", "values", "where"), rows, texts=3, class_="prose")


def _trials(study: Study) -> list[Any]:
    shown = study.trials[-MOST_ROWS:]
    best = study.best_trial
    header = ("trial", "state", study.heading, "seconds", "epochs", *study.settings)
    rows = [
        (
            f"{trial.number}{' (best)' if trial is best else ''}",
            _state(trial),
            exact(trial.value),
            exact(trial.seconds, f"{trial.seconds:.1f}"),
            f"{trial.epochs:,}",
            *(_shown(study.value_in(trial, name)) for name in study.settings),
        )
        for trial in shown
    ]
    texts = (0, 1, *range(5, 5 + len(study.settings)))
    cut = None
    if len(shown) < len(study.trials):
        cut = element("p", f"The last {len(shown):,} of {len(study.trials):,} trials are shown.")
    return [cut, table("Every trial", header, rows, texts=texts)] if rows else []


def _state(trial: Outcome) -> Html:
    state = element("span", trial.state, class_=STATE_CLASS.get(trial.state, "open"))
    return element("span", state, f": {trial.why}" if trial.why else None)


def _shown(value: Any) -> str:
    return "–" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
