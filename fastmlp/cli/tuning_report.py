"""What ``fastmlp tune`` prints: the start, a line a trial, the best and what can be done next."""

from __future__ import annotations

import shlex
from typing import Any

from fastmlp.report.write import write_report
from fastmlp.tuning.api import finish
from fastmlp.tuning.best import gather
from fastmlp.tuning.outcomes import Outcome
from fastmlp.tuning.results import Study, best_of
from fastmlp.tuning.search import Search

from .console import Console, duration, number

LONGEST_VALUE = 40  # characters of a setting in a line
MOST_IMPORTANT = 3  # parameters that are named
INTERRUPTED = 130


def report_start(console: Console, search: Search) -> None:
    """Print what is about to be searched, on what, and what is there already."""
    plan, options, there = search.plan, search.options, search.outcomes()
    done = sum(trial.state not in ("running", "waiting") for trial in there)
    wanted = "as many as the time allows" if options.trials is None else f"{options.trials:,}"
    limits = [wanted, *([f"{duration(options.seconds)} at most"] if options.seconds else [])]
    threads = search.threads.get("threads", plan.base.get("threads", "auto"))
    share = (
        f" with {threads} thread{'s' if threads != '1' else ''} each" if options.jobs > 1 else ""
    )
    console.entries(
        [
            ("study", f"{search.name}, {len(search.source):,} rows of {plan.name}"),
            ("decides", _decides(search)),
            ("begins with", f"preset {plan.preset}"),
            ("searched", ", ".join(plan.space.settings)),
            ("trials", ", ".join(limits) + (f"; {done:,} are done" if done else "")),
            ("jobs", f"{options.jobs}{share}"),
            ("pruner", options.pruner),
            ("storage", search.shown_place),
            ("folder", str(search.folder)),
        ]
    )
    for note in plan.notes:
        console.line(f"note: {note}")
    if search.retried:
        console.line(
            f"note: left by a process that died, and tried again: {_listed(search.retried)}"
        )
    if search.running_elsewhere:
        console.line(
            f"note: running on other machines, or left there: {_listed(search.running_elsewhere)}"
        )
    console.line()


def _decides(search: Search) -> str:
    plan, how = search.plan, "larger" if search.plan.larger_is_better else "smaller"
    folds, share = plan.resolved.get("folds"), plan.resolved.get("validation_fraction")
    rows = f"{share:.0%} of the rows" if share else "the validation rows"
    rows = f"all training rows, each out of its fold of {folds}" if folds else rows
    return f"{plan.metric} of {rows}; {how} is better"


def _listed(numbers: list[int]) -> str:
    return ", ".join(f"trial {each}" for each in numbers)


class TrialLines:
    """Prints a line when a trial is over: its number, the best so far, what it changed."""

    def __init__(self, console: Console, search: Search):
        self.console, self.search = console, search
        self._larger = search.plan.larger_is_better
        best = best_of(search.outcomes(), self._larger)
        self._best = None if best is None else best.value

    def __call__(self, trial: Outcome) -> None:
        """Print the line of a trial."""
        said = trial.why or trial.state
        if trial.state == "complete" and trial.value is not None:
            said = f"{self.search.plan.number} {number(trial.value)}{self._compared(trial.value)}"
        elif trial.state in ("failed", "diverged"):
            said = f"{trial.state}{': ' + trial.why if trial.why else ''}"
        changes = "as given" if trial.is_default else settings_in_words(trial.changes or {})
        self.console.line(f"trial {trial.number}: {said} ({duration(trial.seconds)}); {changes}")

    def _compared(self, value: float) -> str:
        before = self._best
        if before is None or (value > before if self._larger else value < before):
            self._best = value
            return "" if before is None else ", the best so far"
        return ""


def settings_in_words(changes: dict[str, Any]) -> str:
    """Return settings as one reads them: ``lr 0.003, hidden 128,128``."""
    words = []
    for name, value in changes.items():
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        words.append(f"{name} {text[:LONGEST_VALUE]}")
    return ", ".join(words) or "as given"


def finish_and_report(console: Console, search: Search) -> dict[str, Any]:
    """Train with the best settings, write the page, print what came of it; return it for JSON."""
    console.line()
    best = gather(search).best_trial
    if best is not None:
        console.line(f"training with the settings of trial {best.number} …")
    study, metrics, differs = finish(search)
    page = write_report(search.folder)
    if differs:
        console.notice(f"note: {differs}")
    run = search.folder / study.run
    console.entries([*_results(study, metrics), *_next_steps(run, str(page.path))])
    elsewhere = [trial.number for trial in study.trials if trial.state == "running"]
    if elsewhere:
        console.line(f"note: still running, here or elsewhere: {_listed(elsewhere)}")
    return to_json(study, metrics, str(search.folder), str(page.path))


def report_interrupted(console: Console, search: Search) -> int:
    """Say what is kept after Ctrl-C, and how to go on; return the exit code."""
    done = sum(trial.state not in ("running", "waiting") for trial in search.outcomes())
    wanted = "" if search.options.trials is None else f" of {search.options.trials:,}"
    console.notice(
        f"interrupted: {done:,}{wanted} trials are kept in {search.shown_place}. The same command "
        "goes on."
    )
    return INTERRUPTED


def _results(study: Study, metrics: dict[str, Any]) -> list[tuple[str, str]]:
    best, first = study.best_trial, study.first
    assert best is not None  # or there would be no run
    lines = [("best trial", f"{best.number}: {study.heading} {number(best.value)}")]
    if first is not None and first.number != best.number:
        lines.append(("as given", f"{study.heading} {number(first.value)}"))
    elif first is not None:
        lines.append(("as given", "no trial was better than the settings as they are"))
    lines.append(("settings", settings_in_words(best.changes or {})))
    counts: dict[str, int] = {}
    for trial in study.trials:
        counts[trial.state] = counts.get(trial.state, 0) + 1
    lines.append(("trials", ", ".join(f"{count:,} {state}" for state, count in counts.items())))
    if study.importance:
        shares = list(study.importance.items())[:MOST_IMPORTANT]
        lines.append(("counts most", ", ".join(f"{name} {share:.0%}" for name, share in shares)))
    test = metrics.get(f"test_{study.number}")
    if isinstance(test, float):
        lines.append(("test", f"{study.number} {number(test)}"))
    return lines


def _next_steps(run: Any, page: str) -> list[tuple[str, str]]:
    folder = shlex.quote(str(run))
    return [
        ("run folder", str(run)),
        ("page", page),
        ("predict", f"fastmlp predict {folder} DATA -o predictions.csv"),
        ("train again", f"fastmlp train --config {folder}/config.toml"),
    ]


def to_json(study: Study, metrics: dict[str, Any], folder: str, page: str) -> dict[str, Any]:
    """Return the result as JSON has it."""
    best, first = study.best_trial, study.first
    assert best is not None  # or there would be no run
    return {
        "study": study.name,
        "folder": folder,
        "storage": study.storage,
        "run": study.run,
        "page": page,
        "metric": study.metric,
        "trials": len(study.trials),
        "best_trial": best.number,
        "best_value": best.value,
        "best_settings": best.changes,
        "value_as_given": None if first is None else first.value,
        "importance": study.importance,
        "metrics": metrics,
    }
