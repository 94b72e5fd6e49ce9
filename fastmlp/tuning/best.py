"""What a search ends with: the best settings trained as any run is, and what all trials say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fastmlp.files.atomic import WriteError
from fastmlp.preparation.given import Given
from fastmlp.run.folder import METRICS_FILE, read_metrics
from fastmlp.run.train import TrainingJob, set_up
from fastmlp.training.callbacks import Callback

from .results import BEST_FOLDER, Study, best_of, read_study
from .search import Search

SAME = 1e-9  # relative difference of a number that one processor and another may compute


def gather(search: Search) -> Study:
    """Return what all trials of a search brought, and where the best run of an earlier call is."""
    plan, outcomes = search.plan, search.outcomes()
    best, before = best_of(outcomes, plan.larger_is_better), earlier(search.folder)
    number = None if best is None else best.number
    is_there = before is not None and before.run and before.best == number
    shares = search.importance()
    return Study(
        name=search.name,
        data=plan.name,
        storage=search.shown_place,
        metric=plan.metric,
        number=plan.number,
        larger_is_better=plan.larger_is_better,
        task=plan.facts["task"],
        preset=plan.preset,
        pruner=search.options.pruner,
        space=plan.tables,
        usual=plan.resolved,
        trials=outcomes,
        importance=shares,
        best=number,
        run=before.run if before is not None and is_there else "",
        notes=list(plan.notes),
    )


def earlier(folder: Path) -> Study | None:
    """Return what an earlier call left in the folder, if its best run is still there."""
    try:
        study = read_study(folder)
    except ValueError:
        return None
    return study if (folder / study.run / METRICS_FILE).is_file() else None


def set_up_best(
    search: Search,
    study: Study,
    given: Given | None = None,
    callbacks: Sequence[Callback] = (),
    announce: Callable[[str], None] = lambda name: None,
) -> TrainingJob:
    """Return the run of the best settings, ready to start in the study's folder.

    An earlier best run is kept under the number of its trial.
    """
    best, folder = study.best_trial, search.folder / BEST_FOLDER
    assert best is not None  # or there is nothing to train
    if folder.exists():
        before = earlier(search.folder)
        name = f"trial-{before.best}" if before is not None else "earlier"
        _move_aside(folder, search.folder / name)
    settings = search.plan.settings(best.changes or {})
    return set_up(settings, out=folder, given=given, callbacks=callbacks, announce=announce)


def _move_aside(folder: Path, wanted: Path) -> None:
    free, number = wanted, 2
    while free.exists():
        free, number = wanted.with_name(f"{wanted.name}-{number}"), number + 1
    try:
        folder.rename(free)
    except OSError as error:
        raise WriteError(
            f"cannot move {folder} aside: {error.strerror or error}. Choose another --out."
        ) from None


def differs(study: Study, metrics: dict[str, Any]) -> str:
    """Return a sentence where the run's number is not its trial's, as on another processor."""
    best, found = study.best_trial, metrics.get(f"validation_{study.number}")
    assert best is not None  # which was trained
    assert best.value is not None  # as of all that are complete
    if isinstance(found, float) and math.isclose(found, best.value, rel_tol=SAME):
        return ""
    return (
        f"the run's {study.heading} is {found}, that of its trial was {best.value}: another "
        "machine or version computed it."
    )


def metrics_of(folder: Path, study: Study) -> dict[str, Any]:
    """Return the numbers of the best run."""
    return read_metrics(folder / study.run) or {}
