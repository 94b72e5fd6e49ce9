"""Hands the runs of an experiment to a cluster, and takes what comes back."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastmlp.experiments.pool import POLL_SECONDS, STARTED, Result
from fastmlp.settings.settings import Settings, settings_from

from .away import run_away, versions
from .cluster import Answer, Cluster, ClusterError, lost
from .parcels import described, pack_data, unpack_run

PATIENCE = 10.0  # seconds without a worker before that is said


@dataclass(frozen=True)
class Errand:
    """A run on its way to a worker.

    Attributes
    ----------
    number
        Of the task.
    deaths
        How many workers have died over it.
    has_parcel
        Whether the data's files go with it.
    """

    number: int
    deaths: int = 0
    has_parcel: bool = False


class Errands:
    """All runs that a cluster is to do.

    Parameters
    ----------
    cluster
        Who does them.
    tasks
        As for ``pool.run_here``, with a ``label`` each.
    jobs
        How many may be under way at a time; None for as many as the cluster can take.
    note
        Is told what the user should know, in a sentence.
    """

    def __init__(
        self,
        cluster: Cluster,
        tasks: list[dict[str, Any]],
        jobs: int | None,
        note: Callable[[str], None],
    ):
        self._cluster, self._tasks, self._jobs, self._note = cluster, tasks, jobs, note
        self._waiting = deque(Errand(number) for number in range(len(tasks)))
        self._open: dict[Answer, Errand] = {}
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._parcels: dict[str, Any] = {}
        self._data: dict[str, dict[str, dict[str, Any]]] = {}
        self._own, self._others = versions(), set()
        self._idle = 0.0

    def results(self) -> Iterator[tuple[int, Result | None]]:
        """Yield (number, None) when a run is handed out, and (number, result) when it is back.

        Raises
        ------
        ClusterError
            If the cluster is lost, or a worker cannot run fastmlp.
        """
        while self._open or self._waiting:
            while self._may_hand_out():
                errand = self._waiting.popleft()
                yield errand.number, STARTED
                self._hand_out(errand)
            try:
                answer = self._answers.get(timeout=POLL_SECONDS)
            except queue.Empty:
                self._say_if_idle()
                continue
            self._idle = 0.0
            errand = self._open.pop(answer)
            result = self._result(errand, answer)
            if result is not None:
                yield errand.number, result

    def _may_hand_out(self) -> bool:
        if not self._waiting:
            return False
        if not self._cluster.names_the_dead and (
            self._waiting[0].deaths or any(errand.deaths for errand in self._open.values())
        ):
            return not self._open  # alone, so that it is known whose worker dies
        slots = self._cluster.slots
        return len(self._open) < (slots if self._jobs is None else min(slots, self._jobs))

    def _hand_out(self, errand: Errand) -> None:
        task = self._tasks[errand.number]
        settings = settings_from(task["settings"])
        data = self._described(settings)
        arguments: list[Any] = [task, data, self._cluster.is_unwanted]
        if errand.has_parcel:
            arguments.append(self._parcel(settings))
        answer = self._cluster.submit(run_away, *arguments)
        self._open[answer] = errand
        answer.add_done_callback(self._answers.put)

    def _described(self, settings: Settings) -> dict[str, dict[str, Any]]:
        """Return what tells a run's data from others, found once for all runs on the same data."""
        key = _words(settings)
        if key not in self._data:
            self._data[key] = described(settings)
        return self._data[key]

    def _parcel(self, settings: Settings) -> Any:
        """Return what stands for a run's data, read once for all runs on the same data."""
        key = _words(settings)
        if key not in self._parcels or not self._cluster.has(self._parcels[key]):
            self._parcels[key] = self._cluster.share(pack_data(settings))
        return self._parcels[key]

    def _result(self, errand: Errand, answer: Answer) -> Result | None:
        """Return what a run brought; None if it is tried again."""
        error = answer.exception()
        if error is not None:
            return self._after(errand, error)
        back = answer.result()
        if back.get("lacks_data"):
            if not errand.has_parcel and not self._parcels:
                self._note("a worker does not see the data's files, which are sent to it.")
            self._waiting.appendleft(replace(errand, has_parcel=True))
            return None
        if back.get("cut_off"):
            return self._again(errand, "was told to stop")
        self._compare(back["versions"])
        unpack_run(Path(self._tasks[errand.number]["folder"]), back["files"])
        return back["result"]

    def _after(self, errand: Errand, error: BaseException) -> Result | None:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        if self._cluster.is_death(error):
            return self._again(errand, "died", self._cluster.gave_up(error))
        if self._cluster.is_lost(error):
            raise lost(self._cluster.where, error) from None
        raise ClusterError(
            f"a worker of the {self._cluster.where} cannot run fastmlp ({reason:.200}). Install "
            f"fastmlp {self._own['fastmlp']} and its packages there, in the same versions as here."
        ) from None

    def _again(self, errand: Errand, what: str, is_final: bool = False) -> Result | None:
        """Put a run whose worker is gone back, the first time; else return that it failed."""
        label = self._tasks[errand.number]["label"]
        if errand.deaths or is_final:
            reason = f"its worker {what}, and the one that it was given to after that"
            text = f"{reason}; there may have been too little memory for so many at a time"
            return {"status": "failed", "error": text, "seconds": 0.0, "metrics": {}}
        self._note(f"the worker of {label} {what}; the run is tried once more.")
        self._waiting.append(replace(errand, deaths=1))
        return None

    def _compare(self, found: dict[str, str]) -> None:
        """Say once of each kind of worker that its results may differ in the last digits."""
        own = self._own
        other = [name for name, value in found.items() if value != own.get(name)]
        words = ", ".join(f"{name} {found[name]}" for name in other)
        if words and words not in self._others:
            self._others.add(words)
            here = ", ".join(own.get(name, "none") for name in other)
            self._note(f"a worker has {words} (here: {here}); last digits of results may differ.")

    def _say_if_idle(self) -> None:
        if self._open or self._idle < 0:
            return
        self._idle += POLL_SECONDS
        if self._idle >= PATIENCE:
            self._note(f"the {self._cluster.where} has no worker now; waiting for one.")
            self._idle = -1.0


def _words(settings: Settings) -> str:
    return repr((settings.dataset, settings.test, settings.data_dir))
