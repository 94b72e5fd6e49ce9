"""Runs one trial after the other on data that are read once, and prepared as seldom as can be."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, Any

from fastmlp.backend import Backend
from fastmlp.data.source import Source
from fastmlp.errors import FastMLPError
from fastmlp.preparation.prepare import PreparedData, prepare_source, preset_for, task_of
from fastmlp.run.assembly import Assembly, assemble
from fastmlp.run.train import open_device
from fastmlp.settings.settings import Settings
from fastmlp.training.callbacks import Callback, TrainingResult
from fastmlp.training.interrupts import Interrupts
from fastmlp.training.trainer import Trainer

from .outcomes import OUTCOME, Outcome
from .owners import DEFAULT, OWNER, Owner, queue_again
from .plan import Plan
from .reports import SHORTEST_PAUSE, Reports

if TYPE_CHECKING:
    import optuna

KEPT = 3  # preparations of the data that stay in memory
# What preparation reads of the settings, once a preset is among them.
PREPARES = (
    "dataset", "target", "task", "test", "test_fraction", "validation_fraction", "normalize",
    "missing", "max_levels", "level_rows", "target_statistics", "standardize_target",
    "clamp_outputs", "data_dir", "image_size", "colour", "ground", "header", "separator", "decimal",
    "na_values", "drop", "categorical", "numeric", "dates", "embed_above", "folds", "seed", "dtype",
    "loss", "quantiles", "class_weight", "early_stopping", "memory", "cache_dir",
)  # fmt: skip


class TrialRunner:
    """Runs the trials of a plan in this process.

    Parameters
    ----------
    plan
        The search.
    source
        The data.
    study
        Where trials come from.
    pruner
        Its name.
    deadline
        When the search is over, as ``time.time`` tells it; None for never.
    is_database
        Whether reports take so long that they must not follow each other closely.
    watchers
        Callbacks that see the training of each trial.
    announce
        Called with a kernel's name after each that had to be compiled.
    """

    def __init__(
        self,
        plan: Plan,
        source: Source,
        study: optuna.Study,
        *,
        pruner: str = "none",
        deadline: float | None = None,
        is_database: bool = False,
        watchers: Sequence[Callback] = (),
        announce: Callable[[str], None] = lambda name: None,
    ):
        self.plan, self.source, self.study, self.pruner = plan, source, study, pruner
        self.deadline, self.watchers, self.announce = deadline, list(watchers), announce
        self.pause = SHORTEST_PAUSE if is_database else 0.0
        self.owner = Owner.here().to_dict()
        self._backend: Backend | None = None
        self._prepared: OrderedDict[tuple, PreparedData] = OrderedDict()
        self._outcome = Outcome(-1)
        self._held: dict[str, Any] | None = None
        self._trainer: Trainer | None = None
        self._is_interrupted = False

    def interrupt(self) -> None:
        """End the trial at hand after the steps at hand, or the next one before its first."""
        self._is_interrupted = True
        if self._trainer is not None:
            self._trainer.interrupt()

    def run(self) -> Outcome:
        """Run the next trial, whatever comes of it; a study's heartbeats go on meanwhile.

        Raises
        ------
        KeyboardInterrupt
            If Ctrl-C ended the trial; it is queued again.
        """
        self._outcome = Outcome(-1)
        self.study.optimize(self._objective, n_trials=1, catch=(Exception,))
        return self._outcome

    def _objective(self, trial: optuna.Trial) -> float:
        import optuna

        start = time.perf_counter()
        self._held = trial.user_attrs.get(DEFAULT)
        self._outcome = outcome = Outcome(trial.number, is_default=self._held is not None)
        trial.set_user_attr(OWNER, self.owner)
        try:
            self._train(trial, outcome)
        except KeyboardInterrupt:
            outcome.state = "interrupted"
        except FastMLPError as error:
            outcome.why = str(error)
        except MemoryError:
            outcome.why = "there was not enough memory"
        except Exception as error:  # one trial's misfortune must not be the others'
            outcome.why = " ".join(f"{type(error).__name__}: {error}".split())
        outcome.seconds = time.perf_counter() - start
        if outcome.state == "interrupted":
            queue_again(self.study, trial)
            raise KeyboardInterrupt
        kept = dict(vars(outcome))
        del kept["number"]
        trial.set_user_attr(OUTCOME, kept)
        if outcome.state == "complete":
            assert outcome.value is not None  # which is finite, or it would not be complete
            return outcome.value
        if outcome.state == "failed":
            raise RuntimeError(outcome.why)
        raise optuna.TrialPruned

    def _train(self, trial: optuna.Trial, outcome: Outcome) -> None:
        changes = self._pick(trial)
        outcome.changes = changes
        assembly = self.assembled(self.plan.settings(changes))
        reports = self._reports(trial, assembly)
        self._trainer, assembly.trainer.callbacks = assembly.trainer, [reports, *self.watchers]
        if self._is_interrupted:
            self._trainer.interrupt()
        try:
            result = self._trainer.fit()
        finally:
            self._trainer = None
        outcome.epochs, outcome.curve = result.epochs, reports.short_curve()
        self._judge(assembly, reports, result, outcome)

    def _pick(self, trial: optuna.Trial) -> dict[str, Any]:
        """Return the settings that a trial changes: none where it has the given ones."""
        if self._held is None:
            return self.plan.space.pick(trial, self.plan.known)
        for parameter in self.plan.space.parameters:
            if parameter.name in self._held:  # so that the sampler knows it
                parameter.domain.suggest(trial, parameter.name)
        return {}

    def _reports(self, trial: optuna.Trial, assembly: Assembly) -> Reports:
        return Reports(
            trial,
            self.plan.number,
            self.plan.larger_is_better,
            pruner=self.pruner,
            keeps_best=assembly.settings.early_stopping is not None,
            may_end=not self._outcome.is_default,
            deadline=self.deadline,
            pause=self.pause,
        )

    def _judge(
        self, assembly: Assembly, reports: Reports, result: TrainingResult, outcome: Outcome
    ) -> None:
        if result.diverged:
            outcome.state, outcome.why = "diverged", result.diverged
        elif reports.is_late:
            outcome.state, outcome.why = "late", "the time of the search was over"
        elif result.stop_reason == "interrupted":
            outcome.state = "interrupted"
        elif reports.is_pruned:
            outcome.state, outcome.why = "pruned", result.stop_reason
        else:
            value = assembly.numbers("validation", assembly.choose())[self.plan.number]
            outcome.state = "complete" if math.isfinite(value) else "diverged"
            outcome.value = value if math.isfinite(value) else None

    def assembled(self, settings: Settings) -> Assembly:
        """Return a training that is ready to start."""
        if self._backend is None:
            self._backend, _ = open_device(settings, self.announce)
        return assemble(self.prepared(settings), self._backend)

    def prepared(self, settings: Settings) -> PreparedData:
        """Return data that are prepared as settings ask, and belong to these."""
        task = task_of(settings, self.source)
        resolved = settings.with_preset(preset_for(self.source), task, len(self.source))
        key = tuple(getattr(resolved, name) for name in PREPARES)
        data = self._prepared.pop(key, None) or prepare_source(self.source, settings)
        self._prepared[key] = data
        while len(self._prepared) > KEPT:
            self._prepared.popitem(last=False)
        return replace(data, settings=resolved)


class Stopping(Interrupts):
    """Takes Ctrl-C for the length of a with-block: the trial at hand ends, is queued again, and
    nothing is left half done.
    """

    def __init__(self, runner: TrialRunner):
        super().__init__()
        self._runner = runner

    def _remember(self, number: int, frame: FrameType | None) -> None:
        super()._remember(number, frame)
        self._runner.interrupt()
