"""Trials of dead processes are tried again, once; those of the living and of others never."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta

import optuna
import pytest

from fastmlp.tuning import owners
from fastmlp.tuning.owners import (
    DEFAULT,
    OWNER,
    RETRY_OF,
    Owner,
    counted,
    queue_again,
    retry_dead,
    running_elsewhere,
)
from fastmlp.tuning.studies import silent

STATE = optuna.trial.TrialState


@pytest.fixture
def study():
    with silent():
        yield optuna.create_study()


@pytest.fixture(scope="module")
def dead():
    """A process that was killed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        owner = replace(Owner.here(), pid=process.pid)
        process.send_signal(signal.SIGKILL)
    return owner


def begin(study, owner, **attributes):
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    for name, value in {OWNER: owner.to_dict(), **attributes}.items():
        trial.set_user_attr(name, value)
    return trial


def states(study):
    return [trial.state for trial in study.get_trials()]


def test_this_process_lives_and_a_killed_one_does_not(dead):
    assert not Owner.here().is_dead
    assert dead.is_dead
    assert Owner.from_dict(Owner.here().to_dict()) == Owner.here()


def test_a_zombie_is_dead():
    """Its number is still taken until its parent looks."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = replace(Owner.here(), pid=process.pid)
    owner = replace(owner, started=owners.psutil.Process(process.pid).create_time())
    assert not owner.is_dead
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert owner.is_dead
    process.stdin.close()
    process.wait()


def test_another_process_with_the_same_number_is_another():
    assert replace(Owner.here(), started=Owner.here().started - 100).is_dead
    assert replace(Owner.here(), boot="another start").is_dead


@pytest.mark.parametrize("place", [{"host": "far.away"}, {"space": "pid:[1]"}])
def test_of_a_process_elsewhere_nothing_is_known(place, dead, study):
    far = replace(dead, **place)
    assert not far.is_dead
    begin(study, far)
    assert retry_dead(study) == []
    assert [trial.number for trial in running_elsewhere(study)] == [0]


def test_what_is_no_owner_is_none():
    for kept in (None, 3, {}, {"host": "a"}, {**Owner.here().to_dict(), "more": 1}):
        assert Owner.from_dict(kept) is None


def test_a_trial_of_a_dead_process_is_tried_again_once(study, dead):
    first, alive = begin(study, dead), begin(study, Owner.here())
    assert retry_dead(study) == [first.number]
    assert states(study) == [STATE.FAIL, STATE.RUNNING, STATE.WAITING]
    again = study.ask()
    assert again.user_attrs[RETRY_OF] == first.number
    assert again.suggest_float("x", 0, 1) == first.params["x"]
    again.set_user_attr(OWNER, dead.to_dict())
    assert retry_dead(study) == [again.number]
    assert states(study) == [STATE.FAIL, STATE.RUNNING, STATE.FAIL]
    assert retry_dead(study) == []
    assert [trial.number for trial in counted(study.get_trials())] == [alive.number, again.number]


def test_the_first_trial_stays_the_first_when_tried_again(study, dead):
    begin(study, dead, **{DEFAULT: {"x": 0.25}})
    retry_dead(study)
    again = study.ask()
    assert again.user_attrs[DEFAULT] == {"x": 0.25}
    assert again.suggest_float("x", 0, 1) == 0.25


def test_an_interrupted_trial_may_be_queued_any_number_of_times(study):
    trial = begin(study, Owner.here())
    for _ in range(3):
        queue_again(study, trial)
        study.tell(trial, state=STATE.FAIL)
        trial = study.ask()
        assert trial.suggest_float("x", 0, 1) == study.get_trials()[0].params["x"]
    assert len(counted(study.get_trials())) == 1


def test_a_trial_of_nobody_is_given_time(study, monkeypatch):
    """Its process may be about to say who it is."""
    study.ask()
    assert retry_dead(study) == []

    class Later(datetime):
        @classmethod
        def now(cls, zone=None):
            return datetime.now(zone) + timedelta(hours=1)

    monkeypatch.setattr(owners, "datetime", Later)
    assert retry_dead(study) == [0]
