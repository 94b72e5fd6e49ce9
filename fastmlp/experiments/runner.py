"""Runs an experiment: what is done stays, what has changed runs again, failures stay alone."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastmlp.backend import open_backend
from fastmlp.backend.available import available_threads
from fastmlp.errors import UsageError, did_you_mean
from fastmlp.files.atomic import WriteError, write_text
from fastmlp.preparation.prepare import read_source
from fastmlp.run.folder import METRICS_FILE
from fastmlp.settings.description import Role
from fastmlp.settings.settings import Settings, names_of, settings_from

from .clusters.errands import Errands
from .clusters.opening import open_cluster
from .clusters.words import PROCESSES, Backend, parse_backend
from .data_plan import DataPlan, choose_plan
from .parts import Sweep, Variant
from .pool import run_here, run_in_processes
from .prepared import data_stamp, prepare_data
from .recipe import Recipe
from .results import (
    EXPERIMENT_FILE,
    RECIPE_FILE,
    RUNS_FOLDER,
    Experiment,
    read_experiment,
    write_experiment,
)
from .sweeps import SweepPlan, VariantPlan, effective_settings, shown_value

MOST_JOBS, MOST_SEEDS = 256, 1000
EXPERIMENTS_FOLDER = "experiments"


@dataclass(frozen=True)
class Options:
    """How an experiment is to be run.

    Attributes
    ----------
    data
        The original data, in place of the recipe's own; None for these.
    quick
        Few rows and epochs: to see that everything works, not to compare.
    jobs
        How many variants run at a time, each in a process of its own if there are several; None
        for one, and on a cluster for as many as it has threads.
    seeds
        How often each variant runs, each time with another seed.
    device, threads
        As for ``train``; None for what the recipe says. Of several jobs each has its share of the
        threads, on a cluster one.
    out
        The experiment's folder; None for experiments/<name>, or experiments/<name>-quick.
    only
        Name of the one sweep whose variants are run; None for all.
    backend
        Where they run, as ``parse_backend`` takes it: in this machine's processes, or on a
        cluster.
    """

    data: str | None = None
    quick: bool = False
    jobs: int | None = None
    seeds: int = 1
    device: str | None = None
    threads: int | None = None
    out: str | Path | None = None
    only: str | None = None
    backend: str = PROCESSES

    def __post_init__(self):
        for name, value, most in (
            ("jobs", self.jobs, MOST_JOBS),
            ("seeds", self.seeds, MOST_SEEDS),
        ):
            if value is not None and not 1 <= value <= most:
                raise UsageError(f"{name} must be from 1 to {most:,}; got {value}.")
        if self.threads is not None and self.threads < 1:
            raise UsageError(f"threads must be at least 1, or auto; got {self.threads}.")
        parse_backend(self.backend)


@dataclass(frozen=True)
class Planned:
    """A run with all that it depends on; one not wanted now may be done already."""

    variant: Variant
    task: dict[str, Any]
    is_wanted: bool


class Runner:
    """An experiment in its folder, ready to run.

    Parameters
    ----------
    recipe
        What to run.
    options
        How.

    Attributes
    ----------
    experiment
        As it stands.
    stale
        Names of variants that were finished and are run again, since the recipe or the data
        changed.
    waiting
        What is to be run now.

    Raises
    ------
    UsageError, DataError, WriteError, ModelFileError
        If there are no data, the folder belongs to something else, or cannot be written.
    """

    def __init__(self, recipe: Recipe, options: Options):
        self.recipe, self.options = recipe, options
        self.backend = parse_backend(options.backend)
        self.backend.check_answers()
        chosen = _chosen_variants(recipe, options.only)
        self.plan = choose_plan(recipe.data, options.data, options.quick)
        default = Path(EXPERIMENTS_FOLDER) / (recipe.name + ("-quick" if options.quick else ""))
        self.folder = Path(options.out if options.out is not None else default)
        earlier = _open_folder(self.folder, recipe.name)
        data = prepare_data(self.plan, settings_from(recipe.base, self.plan.settings), self.folder)
        kept = (
            {}
            if earlier is None
            else {variant.key: variant for variant in earlier.variants if variant.finished}
        )
        seeds = max(options.seeds, *Counter(name for name, _ in kept).values(), 0)
        variants, self.stale, self.waiting = [], [], []
        for planned in (
            planned for variant in recipe.variants for planned in self._plans(variant, data, seeds)
        ):
            before = kept.get(planned.variant.key)
            if before is not None and not (self.folder / before.folder / METRICS_FILE).is_file():
                before = None  # somebody removed the run
            if before is not None and before.fingerprint == planned.variant.fingerprint:
                variants.append(before)
            elif planned.is_wanted:
                variants.append(planned.variant)
                if before is not None:
                    self.stale.append(planned.variant.name)
                if planned.variant.name in chosen:
                    self.waiting.append(planned)
        self.experiment = _experiment(recipe, options, self.plan, variants, self.folder)
        _check_first(self.waiting, self.backend)

    def run(
        self,
        tell: Callable[[Variant], None] = lambda variant: None,
        note: Callable[[str], None] = lambda sentence: None,
    ) -> Experiment:
        """Run what is waiting; return the experiment.

        Parameters
        ----------
        tell
            Called with each variant when it starts and when it is finished.
        note
            Called with a sentence on what happens on a cluster.

        Raises
        ------
        DeviceError, ClusterError
            If a cluster cannot be reached, is lost, or cannot run fastmlp; what is done is kept.
        KeyboardInterrupt
            If Ctrl-C was pressed; what is done is kept, and the variant at hand starts anew the
            next time.
        """
        write_text(self.folder / RECIPE_FILE, self.recipe.text)
        write_experiment(self.experiment)
        try:
            with contextlib.closing(self._results(note)) as results:
                for number, result in results:
                    variant = self.waiting[number].variant
                    # None stands for a result where the variant has just started.
                    changes = {"status": "running"} if result is None else result
                    self._update(replace(variant, **changes))
                    tell(self.experiment.variants[self._place(variant)])
        finally:
            running = [
                variant for variant in self.experiment.variants if variant.status == "running"
            ]
            for variant in running:
                self._update(replace(variant, status="pending"))
        return self.experiment

    def _results(self, note: Callable[[str], None]) -> Generator[tuple[int, dict | None]]:
        tasks, jobs = [planned.task for planned in self.waiting], self.options.jobs
        if self.backend.is_cluster:
            return self._on_cluster(tasks, note)
        if jobs is None or jobs == 1 or len(tasks) < 2:
            return run_here(tasks)
        return run_in_processes(tasks, jobs)

    def _on_cluster(
        self, tasks: list[dict[str, Any]], note: Callable[[str], None]
    ) -> Generator[tuple[int, dict | None]]:
        if not tasks:
            return
        threads = [task["settings"].get("threads", "1") for task in tasks]
        most = max(int(count) if count.isdecimal() else 1 for count in threads)
        cluster = open_cluster(self.backend, self.options.jobs, most, note)
        try:
            note(f"they run on the {cluster.where}.")
            yield from Errands(cluster, tasks, self.options.jobs, note).results()
        finally:
            cluster.close()

    def _place(self, variant: Variant) -> int:
        return [other.key for other in self.experiment.variants].index(variant.key)

    def _update(self, variant: Variant) -> None:
        variants = list(self.experiment.variants)
        variants[self._place(variant)] = variant
        self.experiment = replace(self.experiment, variants=variants)
        write_experiment(self.experiment)

    def _plans(self, plan: VariantPlan, data: dict[str, Any], seeds: int) -> list[Planned]:
        """Return a variant's run for each of so many seeds."""
        options, recipe = self.options, self.recipe
        base = {**recipe.base, **self.plan.settings}
        settings, phases = effective_settings(
            plan, base, recipe.quick if options.quick else None, self.plan.epochs_share
        )
        machine = {} if options.device is None else {"device": options.device}
        threads = _threads(options, settings)
        plans = []
        for number in range(seeds):
            seed = settings.seed + number
            source = {} if "dataset" in plan.changes else data
            run = settings_from(
                settings.said(), source, machine, {"seed": seed, "threads": threads}
            )
            folder = f"{RUNS_FOLDER}/{plan.name}" + (f"-seed{seed}" if number else "")
            task = {"settings": run.said(), "phases": phases, "measures": recipe.measures}
            label = plan.name + (f" (seed {seed})" if number else "")
            fingerprint = _fingerprint(task, self.plan, plan.changes.get("dataset"))
            variant = Variant(
                plan.name, plan.changes, phases, plan.value, seed, folder, fingerprint=fingerprint
            )
            task |= {"folder": str(self.folder / folder), "label": label}
            plans.append(Planned(variant, task, number < options.seeds))
        return plans


def _check_first(waiting: list[Planned], backend: Backend) -> None:
    """Look at what all runs need, so that what is wrong with it is said once, before any runs."""
    runs = [settings_from(planned.task["settings"]) for planned in waiting]
    for device in {run.device for run in runs} if not backend.is_elsewhere else ():
        open_backend(device)
    for run in {run.dataset: run for run in runs}.values():
        read_source(run)


def _chosen_variants(recipe: Recipe, only: str | None) -> set[str]:
    """Return the names of the variants to run."""
    if only is None:
        return {variant.name for variant in recipe.variants}
    sweeps = {sweep.name: sweep for sweep in recipe.sweeps}
    if only not in sweeps:
        raise UsageError(
            f"recipe {recipe.name} has no sweep {only!r}{did_you_mean(only, sweeps)} "
            f"Sweeps: {', '.join(sweeps)}."
        )
    return set(sweeps[only].order)


def _open_folder(folder: Path, name: str) -> Experiment | None:
    """Make the folder, or return the experiment that lies in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_experiment = (folder / EXPERIMENT_FILE).is_file()
        # A first run that ended early may have left its data.
        is_taken = any(not entry.name.lstrip(".").startswith("data-") for entry in folder.iterdir())
    except (OSError, ValueError) as error:
        raise WriteError(
            f"cannot make the folder {folder}: {getattr(error, 'strerror', None) or error}. "
            "Choose another --out."
        ) from None
    if not is_experiment:
        if is_taken:
            raise UsageError(
                f"{folder} holds something else than an experiment; choose another --out."
            )
        return None
    experiment = read_experiment(folder)
    if experiment.name != name:
        raise UsageError(
            f"{folder} holds the experiment {experiment.name}; choose another --out for {name}."
        )
    return experiment


def _experiment(
    recipe: Recipe, options: Options, plan: DataPlan, variants: list[Variant], folder: Path
) -> Experiment:
    own = {variant.name: variant.changes for variant in recipe.variants}
    sweeps = [
        Sweep(
            name=sweep.name,
            title=sweep.title,
            setting=sweep.setting,
            log_axis=sweep.log_axis,
            metric=sweep.metric,
            why=sweep.why,
            variants=sweep.order,
            values=_values(sweep, own, plan),
        )
        for sweep in recipe.sweeps
    ]
    return Experiment(
        recipe.name,
        recipe.title,
        recipe.about,
        plan.about or plan.dataset,
        plan.stand_in,
        options.quick,
        recipe.comparisons,
        variants,
        sweeps,
        folder,
    )


def _values(sweep: SweepPlan, changes: dict[str, dict[str, Any]], plan: DataPlan) -> list[Any]:
    """Return the swept values; where a variant sets none, the data may have one of their own."""
    if sweep.setting not in plan.settings:
        return sweep.values
    own = shown_value(plan.settings[sweep.setting])
    pairs = zip(sweep.order, sweep.values, strict=True)
    return [value if sweep.setting in changes[name] else own for name, value in pairs]


def _threads(options: Options, settings: Settings) -> str:
    """Return the threads of a run: what was asked for, else a fair share of what there is."""
    if options.threads is not None:
        return str(options.threads)
    if settings.threads != "auto":
        return settings.threads
    if parse_backend(options.backend).is_cluster:
        return "1"
    jobs = options.jobs or 1
    return settings.threads if jobs == 1 else str(max(available_threads() // jobs, 1))


def _fingerprint(task: dict[str, Any], plan: DataPlan, dataset: str | None) -> str:
    """Return a digest of all that a run depends on; ``dataset`` is the variant's own, if any."""
    # Defaults are left out, so that a setting that a later version adds changes nothing; and the
    # plan tells of the data, wherever they lie.
    usual, places = Settings().to_dict(), names_of(Role.PLACE)
    settings = {
        name: value
        for name, value in task["settings"].items()
        if name not in places and value != usual.get(name)
    }
    data = [plan.to_dict(), data_stamp(plan.dataset)] if dataset is None else [dataset]
    whole = [settings, task["phases"], task["measures"], data]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:16]
