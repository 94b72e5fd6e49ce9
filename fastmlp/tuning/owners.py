"""Who runs a trial: known again after a crash, so that what died is tried again, and nothing else.

A storage marks a trial as running, and nobody takes that back when a process is killed. So each
trial says by whom it is run. Of a process on this machine it can be told whether it lives; of one
elsewhere a database knows by its heartbeats, and a journal file does not.
"""

from __future__ import annotations

import os
import socket
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    import optuna

# What a trial says of itself. The first of a study, whose settings are the given ones, has by
# DEFAULT those of them that the space holds.
OWNER, RETRY_OF, TRIES, DEFAULT = "owner", "retry_of", "tries", "default"
MOST_TRIES = 1  # of a trial that died: what kills twice may kill for ever
SAME_START = 2.0  # seconds by which a process's start may be told differently
UNOWNED = timedelta(minutes=5)  # after which a trial of nobody is taken for dead


@dataclass(frozen=True)
class Owner:
    """A process, as another process knows it again.

    Attributes
    ----------
    host, boot, space
        The machine, its start, and the space in which the number of a process counts: containers
        have their own.
    pid, started
        The process's number, and when it began: numbers are given again.
    """

    host: str
    boot: str
    space: str
    pid: int
    started: float

    @classmethod
    def here(cls) -> Owner:
        """Return this process."""
        started = psutil.Process().create_time()
        return cls(socket.gethostname(), _boot(), _space(), os.getpid(), started)

    @classmethod
    def from_dict(cls, kept: Any) -> Owner | None:
        """Return the owner that a trial names; None if it is not one."""
        try:
            return cls(**kept)
        except TypeError:
            return None

    def to_dict(self) -> dict[str, Any]:
        """Return the owner as JSON can hold it."""
        return asdict(self)

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a process of this machine."""
        return (self.host, self.space) == (socket.gethostname(), _space())

    @property
    def is_dead(self) -> bool:
        """Whether it is known not to live any more; never so of one elsewhere."""
        if not self.is_here:
            return False
        if self.boot != _boot():
            return True
        try:
            process = psutil.Process(self.pid)
            return (
                process.status() == psutil.STATUS_ZOMBIE
                or abs(process.create_time() - self.started) > SAME_START
            )
        except psutil.NoSuchProcess:
            return True


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return str(round(psutil.boot_time() / 60))


def _space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def running_elsewhere(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the trials that run on other machines, as far as this one can tell."""
    owners = [(trial, Owner.from_dict(trial.user_attrs.get(OWNER))) for trial in _running(study)]
    return [trial for trial, owner in owners if owner is not None and not owner.is_here]


def retry_dead(study: optuna.Study) -> list[int]:
    """Fail the running trials of dead processes and queue each once more; return their numbers."""
    numbers = []
    for trial in _running(study):
        owner = Owner.from_dict(trial.user_attrs.get(OWNER))
        is_dead = _is_unowned(trial) if owner is None else owner.is_dead
        if is_dead and _fail(study, trial.number):
            retry_once(study, trial)
            numbers.append(trial.number)
    return numbers


def retry_once(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    """Queue what a dead process had begun, unless that was the second try already."""
    tries = trial.user_attrs.get(TRIES, 0)
    if tries < MOST_TRIES:
        queue_again(study, trial, tries + 1)


def queue_again(
    study: optuna.Study, trial: optuna.trial.FrozenTrial | optuna.Trial, tries: int | None = None
) -> None:
    """Queue the settings of a trial for another one, which takes its place."""
    kept = trial.user_attrs
    attributes: dict[str, Any] = {RETRY_OF: trial.number}
    attributes[TRIES] = kept.get(TRIES, 0) if tries is None else tries
    if DEFAULT in kept:
        attributes[DEFAULT] = kept[DEFAULT]
    study.enqueue_trial(kept.get(DEFAULT, trial.params), user_attrs=attributes)


def counted(trials: list[optuna.trial.FrozenTrial]) -> list[optuna.trial.FrozenTrial]:
    """Return the trials that count, without those that others took the place of and those that
    wait.
    """
    replaced = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    return [
        trial for trial in trials if trial.number not in replaced and trial.state.name != "WAITING"
    ]


def _running(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    import optuna

    return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))


def _is_unowned(trial: optuna.trial.FrozenTrial) -> bool:
    began = trial.datetime_start
    return began is not None and datetime.now(began.tzinfo) - began > UNOWNED


def _fail(study: optuna.Study, number: int) -> bool:
    """Fail a running trial; return whether it was this process that did."""
    import optuna

    try:
        study.tell(number, state=optuna.trial.TrialState.FAIL)
    except (ValueError, RuntimeError):  # it has ended, or another was faster
        return False
    return True
