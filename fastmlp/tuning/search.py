"""A search from its beginning to its end: who runs how many trials, here or in processes."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastmlp.backend.available import available_threads
from fastmlp.data.source import Source
from fastmlp.errors import FastMLPError, UsageError, choose
from fastmlp.files.atomic import WriteError
from fastmlp.training.callbacks import Callback

from .outcomes import Outcome, outcome_of
from .owners import counted, retry_dead, running_elsewhere
from .plan import Plan
from .reports import PRUNERS
from .studies import (
    NAME,
    close_storage,
    discard,
    importance,
    is_database,
    masked,
    name_for,
    open_storage,
    open_study,
    place_of,
    silent,
)
from .trials import Stopping, TrialRunner
from .workers import Worker, Workers

TRIALS, MOST_TRIALS, MOST_JOBS = 50, 1_000_000, 256
MOST_DEATHS = 3  # of workers, one after the other, without a trial that ended between
FILES_OF_OTHERS = ("metrics.json", "config.toml", "experiment.json")
POLL_SECONDS = 0.2  # how long Ctrl-C may have to wait
Tell = Callable[[Outcome], None]


@dataclass(frozen=True)
class Options:
    """How a search is made.

    Attributes
    ----------
    trials
        How many the study has in the end, those of other workers and earlier calls counted; None
        for as many as the time allows.
    seconds
        How long this call searches; None for no limit.
    storage
        Where the study is kept, as ``place_of`` takes it.
    study
        Its name; None for that of the data.
    jobs
        Processes that run trials at the same time; one runs them in this process.
    pruner
        One of PRUNERS.
    out
        The folder; None for studies/<name>.
    """

    trials: int | None = TRIALS
    seconds: float | None = None
    storage: str | Path | None = None
    study: str | None = None
    jobs: int = 1
    pruner: str = "median"
    out: str | Path | None = None

    def __post_init__(self):
        choose("pruner", self.pruner, PRUNERS)
        limits = ("trials", self.trials, MOST_TRIALS), ("jobs", self.jobs, MOST_JOBS)
        for name, value, most in limits:
            if value is not None and not 1 <= value <= most:
                raise UsageError(f"{name} must be from 1 to {most:,}; got {value}.")
        if self.study is not None and not NAME.fullmatch(self.study):
            raise UsageError(
                "study must be 1 to 80 letters, digits, blanks, '.', '-', '_' or brackets; got "
                f"{self.study!r:.100}."
            )


class Search:
    """A study in its folder, ready to go on.

    Parameters
    ----------
    plan
        What is searched.
    source
        The data.
    options
        How.

    Attributes
    ----------
    study
        Optuna's.
    folder, place, name
        Where results go, where trials are kept, and what the study is called.
    retried
        Numbers of trials that dead processes left, and that are tried again.
    running_elsewhere
        Numbers of trials that other machines run, as far as can be told.

    Raises
    ------
    UsageError, WriteError, MissingExtraError
        If the study cannot be opened, or is another one.
    """

    def __init__(self, plan: Plan, source: Source, options: Options):
        self.source, self.options = source, options
        self.name = options.study or name_for(plan.name)
        self.folder = Path(options.out if options.out is not None else Path("studies") / self.name)
        self.place = place_of(options.storage, self.folder)
        _make_folder(self.folder)
        self.plan = plan
        self._storage = open_storage(self.place)
        with silent(), self._connected():
            self.study = open_study(plan, self.name, self._storage, options.pruner)
            self.retried = retry_dead(self.study)
            self.running_elsewhere = [each.number for each in running_elsewhere(self.study)]
        self.deadline: float | None = None

    @property
    def threads(self) -> dict[str, str]:
        """The setting of threads of each worker, where several share the machine."""
        jobs, given = self.options.jobs, self.plan.base.get("threads", "auto")
        if jobs == 1 or given != "auto":
            return {}
        return {"threads": str(max(available_threads() // jobs, 1))}

    @property
    def shown_place(self) -> str:
        """Where trials are kept, without a password."""
        return masked(self.place)

    def outcomes(self) -> list[Outcome]:
        """Return what came of the trials that count, in their order."""
        with self._connected():
            trials = counted(self.study.get_trials(deepcopy=False))
        return [outcome_of(trial) for trial in trials]

    def importance(self) -> dict[str, float]:
        """Return the share of each parameter in the spread of the results."""
        with silent(), self._connected():
            return importance(self.study)

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Ask the storage something inside this block; connections are given back behind it."""
        try:
            yield
        finally:
            close_storage(self._storage)

    def run(
        self,
        tell: Tell = lambda outcome: None,
        watchers: Sequence[Callback] = (),
        announce: Callable[[str], None] = lambda name: None,
    ) -> None:
        """Run trials until there are enough, or the time is over.

        Parameters
        ----------
        tell
            Called with what came of each trial that this call ran.
        watchers, announce
            As TrialRunner takes them; for trials in this process.

        Raises
        ------
        KeyboardInterrupt
            If Ctrl-C was pressed; what is done is kept, and trials at hand are queued again.
        UsageError, DataError, DeviceError …
            If the settings as they are given cannot be trained.
        """
        if self.options.seconds is not None:
            self.deadline = time.time() + self.options.seconds
        with silent(), self._connected():
            if self.options.jobs == 1:
                self._run_here(tell, watchers, announce)
            else:
                self._run_in_processes(tell)

    def _room(self, asked: int = 0) -> int:
        """Return how many trials may begin, where ``asked`` have not begun that were asked for."""
        if self.deadline is not None and time.time() >= self.deadline:
            return 0
        if self.options.trials is None:
            return MOST_TRIALS
        there = counted(self.study.get_trials(deepcopy=False))
        return self.options.trials - len(there) - asked

    def _run_here(
        self, tell: Tell, watchers: Sequence[Callback], announce: Callable[[str], None]
    ) -> None:
        runner = TrialRunner(
            self.plan,
            self.source,
            self.study,
            pruner=self.options.pruner,
            deadline=self.deadline,
            is_database=is_database(self.place),
            watchers=watchers,
            announce=announce,
        )
        with Stopping(runner) as stopping:
            while self._room() > 0:
                outcome = runner.run()
                tell(outcome)
                self._check_first(outcome)
                stopping.check()

    def _run_in_processes(self, tell: Tell) -> None:
        workers, deaths = Workers(self.options.jobs, self._told()), 0
        interrupted = True
        try:
            # The first compiles what all need; the others start when it trains.
            may_start = 1
            while True:
                self._ask(workers, may_start)
                if not any(worker.is_busy for worker in workers.running):
                    break
                try:
                    worker, message = workers.messages.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    continue
                if message is None:
                    deaths += self._bury(workers, worker, deaths)
                elif message["kind"] == "error":
                    raise UsageError(message["error"])
                elif message["kind"] == "ready":
                    worker.is_ready = True
                elif message["kind"] == "training":
                    worker.has_begun, may_start = True, workers.count
                elif message["kind"] == "outcome":
                    worker.is_busy, deaths = False, 0
                    outcome = Outcome(**message["outcome"])
                    tell(outcome)
                    self._check_first(outcome)
            interrupted = False
        finally:
            workers.stop(interrupted)
            retry_dead(self.study)

    def _check_first(self, outcome: Outcome) -> None:
        """Refuse to go on where the settings as they are given cannot be trained."""
        if outcome.is_default and outcome.state == "failed":
            discard(self.study)
            raise UsageError(
                f"the first trial, of the settings as they are given, failed: {outcome.why}"
            )

    def _told(self) -> dict[str, Any]:
        return {
            "plan": replace(self.plan, base={**self.plan.base, **self.threads}).to_dict(),
            "study": self.name,
            "place": self.place,
            "pruner": self.options.pruner,
            "deadline": self.deadline,
        }

    def _ask(self, workers: Workers, may_start: int) -> None:
        """Ask idle workers for trials as long as there is room; start those that are missing."""
        idle = [worker for worker in workers.running if not worker.is_busy]
        wanting = may_start - len(workers.running)
        if not idle and wanting <= 0:
            return
        asked = sum(worker.is_busy and not worker.has_begun for worker in workers.running)
        room = self._room(asked)
        for worker in idle[: max(room, 0)]:
            worker.ask()
        for _ in range(min(wanting, room - len(idle))):
            workers.start().ask()

    def _bury(self, workers: Workers, worker: Worker, deaths: int) -> int:
        """Take note of a worker's end; its trial is queued again. Return how many died by that."""
        code = workers.remove(worker)
        retry_dead(self.study)
        if worker.is_busy and deaths + 1 >= MOST_DEATHS:
            reason = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise FastMLPError(
                f"{MOST_DEATHS} worker processes ended one after the other, the last with "
                f"{reason}; there may be too little memory for so many at a time. Give fewer "
                "--jobs; the same command goes on."
            )
        return int(worker.is_busy)


def _make_folder(folder: Path) -> None:
    """Make the folder of a study, unless it is that of something else."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = [name for name in FILES_OF_OTHERS if (folder / name).is_file()]
    except (OSError, ValueError) as error:
        raise WriteError(
            f"cannot make the folder {folder}: {getattr(error, 'strerror', None) or error}. "
            "Choose another --out."
        ) from None
    if others:
        raise UsageError(
            f"{folder} holds something else than a search ({others[0]}); choose another --out."
        )
