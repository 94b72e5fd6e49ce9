"""``fastmlp.tune``: the search for settings as one call from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastmlp.errors import FastMLPError, UsageError
from fastmlp.model.model import Model, load
from fastmlp.preparation.given import Given, named
from fastmlp.preparation.prepare import read_source
from fastmlp.ranks.launcher import refuse_several
from fastmlp.run.api import first_place
from fastmlp.settings.settings import Settings, settings_from
from fastmlp.training.callbacks import Callback

from .best import differs, gather, metrics_of, set_up_best
from .plan import make_plan, parse_seconds
from .results import BEST_FOLDER, Study, write_study
from .search import TRIALS, Options, Search
from .spaces.space import read_space
from .studies import require_optuna

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True)
class Tuned:
    """What ``fastmlp.tune`` returns.

    Attributes
    ----------
    study
        All trials, what was searched, what each parameter counts.
    model
        Trained with the best settings.
    metrics
        The numbers of its metrics.json.
    folder
        The study's folder; the run is in ``best`` below it.
    """

    study: Study
    model: Model
    metrics: dict[str, Any]
    folder: Path

    @property
    def best_settings(self) -> dict[str, Any]:
        """The settings that the best trial has in place of the given ones."""
        best = self.study.best_trial
        return dict(best.changes or {}) if best is not None else {}

    @property
    def best_value(self) -> float | None:
        """Its number on the validation rows."""
        best = self.study.best_trial
        return None if best is None else best.value

    @property
    def trials(self) -> polars.DataFrame:
        """A row for each trial: number, state, value, seconds, epochs, and its settings."""
        return self.study.frame()


def tune(
    data: Any = None,
    y: Any = None,
    /,
    *,
    settings: Settings | None = None,
    dataset: Any = None,
    test: Any = None,
    trials: int | None = None,
    time: float | str | None = None,
    space: str | Path | Mapping[str, Any] | None = None,
    storage: str | Path | None = None,
    study: str | None = None,
    jobs: int = 1,
    pruner: str = "median",
    out: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    **changes: Any,
) -> Tuned:
    """Search for settings, train with the best, and write the study's folder.

    The same call goes on where an earlier one was stopped.

    Parameters
    ----------
    data, y, settings, dataset, test, **changes
        As ``fastmlp.train`` takes them: what stays as it is, and where the search begins. Data in
        memory go with one job.
    trials
        How many the study has in the end; default 50, or as many as ``time`` allows.
    time
        How long to search: seconds, or ``"10m"``.
    space
        A TOML file or a dict: for each setting ``low`` and ``high``, or ``choices``. Default: a
        space that goes with the preset.
    storage
        A file for a journal, ``sqlite:///file.db`` or ``postgresql://…``; default journal.log in
        the folder.
    study
        The study's name; default that of the data.
    jobs
        Processes that run trials at the same time.
    pruner
        ``"median"``, ``"asha"`` or ``"none"``: what ends hopeless trials.
    out
        The folder; default studies/<name>.
    callbacks
        Told of the training of each trial, with one job.

    Raises
    ------
    UsageError, DataError, DeviceError, WriteError, MissingExtraError
        With one line that says what is wrong.
    """
    settings, dataset = first_place(data, y, settings, dataset)
    names, given = named(dataset, test)
    kept = settings.said() if settings else {}
    options = make_options(
        trials=trials, time=time, storage=storage, study=study, jobs=jobs, pruner=pruner, out=out
    )
    if callbacks and jobs > 1:
        raise UsageError("callbacks go with one job: several run in processes of their own.")
    search = set_up_search(settings_from(kept, changes | names), space, options, given)
    search.run(watchers=callbacks)
    found, metrics, _ = finish(search, given)
    return Tuned(found, load(search.folder / found.run), metrics, search.folder)


def make_options(*, trials: int | None, time: float | str | None, **others: Any) -> Options:
    """Return the options of a search; without trials and time there are TRIALS."""
    seconds = parse_seconds(time)
    trials = TRIALS if trials is None and seconds is None else trials
    return Options(trials=trials, seconds=seconds, **others)


def set_up_search(
    settings: Settings,
    space: str | Path | Mapping[str, Any] | None,
    options: Options,
    given: Given | None = None,
) -> Search:
    """Read the data, make the plan, open the study.

    Raises
    ------
    UsageError, DataError, WriteError, MissingExtraError
        If anything does not fit.
    """
    refuse_several("a search", "and give jobs, or the same study to several machines")
    require_optuna()
    if given and options.jobs > 1:
        raise UsageError("data in memory go with one job; name a file for several processes.")
    tables = read_space(space).tables if isinstance(space, (str, Path)) else space
    source = read_source(settings, given)
    return Search(make_plan(settings, source, tables), source, options)


def finish(
    search: Search, given: Given | None = None, **watchers: Any
) -> tuple[Study, dict[str, Any], str]:
    """Train with the best settings, unless an earlier call has; write study.json.

    Returns
    -------
    Study, dict, str
        All that the search brought; the numbers of the best run; and a sentence where they are not
        those of its trial, else nothing.

    Raises
    ------
    FastMLPError
        If no trial is complete.
    """
    study = gather(search)
    if study.best_trial is None:
        write_study(study, search.folder)
        raise FastMLPError(_why_none(study))
    if study.run:
        write_study(study, search.folder)
        metrics = metrics_of(search.folder, study)
        return study, metrics, differs(study, metrics)
    job = set_up_best(search, study, given, **watchers)
    metrics = job.run()
    if metrics["stop_reason"] == "interrupted":
        raise KeyboardInterrupt
    study = replace(study, run=BEST_FOLDER)
    write_study(study, search.folder)
    return study, metrics, differs(study, metrics)


def _why_none(study: Study) -> str:
    if any(trial.state == "late" for trial in study.trials):
        return "no trial was finished in time; give more --time. The same command goes on."
    reasons = [trial.why for trial in study.trials if trial.why]
    return f"no trial was finished{': ' + reasons[0] if reasons else '.'}"
