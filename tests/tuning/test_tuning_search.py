"""Searches: they go on after any end, with several workers, and one that dies loses nothing."""

import json
import os
import signal
import time

import pytest
from tuning_support import HANGING, SMALL, SPACE, small_search, start_python

from fastmlp.errors import FastMLPError, UsageError
from fastmlp.files.atomic import WriteError
from fastmlp.tuning import search as searching
from fastmlp.tuning.owners import OWNER, RETRY_OF, Owner
from fastmlp.tuning.search import Options
from fastmlp.tuning.workers import Workers


def states(search):
    return [trial.state.name for trial in search.study.get_trials()]


def hang(dataset, number, **options):
    """Start a search in another process; return it when its trial of that number trains."""
    settings = {**SMALL, "dataset": str(dataset)}
    options = {"pruner": "none", **options}
    told = {"settings": settings, "space": SPACE, "options": options, "hangs": number}
    process = start_python(HANGING, json.dumps(told), stderr=None)
    assert process.stdout.readline() == "hangs\n"
    return process


def kill(process):
    process.kill()
    process.stdout.close()
    process.wait()


def test_a_search_has_as_many_trials_as_are_wanted_in_all(classes_npz):
    told = []
    first = small_search(classes_npz, trials=3, out="study")
    first.run(told.append)
    assert [each.number for each in told] == [0, 1, 2]
    again = small_search(classes_npz, trials=3, out="study")
    again.run(told.append)
    assert len(told) == 3
    more = small_search(classes_npz, trials=5, out="study")
    more.run(told.append)
    assert [each.number for each in told] == [0, 1, 2, 3, 4]
    different = {json.dumps(each.changes, sort_keys=True) for each in more.outcomes()}
    assert len(different) == 5, "a search that goes on must not draw the same again"


def test_time_ends_a_search_without_a_number_of_trials(classes_npz):
    search = small_search(classes_npz, trials=None, time=1.0, out="study")
    start = time.monotonic()
    search.run()
    assert len(search.outcomes()) >= 1
    assert time.monotonic() - start < 60  # a start of kernels may lie between
    assert {each.state for each in search.outcomes()} <= {"complete", "late"}


def test_the_same_search_gives_the_same_trials(classes_npz):
    def trials(out):
        search = small_search(classes_npz, trials=4, out=out)
        search.run()
        return [(each.changes, each.value) for each in search.outcomes()]

    assert trials("one") == trials("two")


def test_what_lives_is_left_alone_and_what_was_killed_is_tried_again_once(classes_npz):
    process = hang(classes_npz, 3, out="study")
    try:
        assert small_search(classes_npz, trials=5, out="study").retried == []
    finally:
        kill(process)
    search = small_search(classes_npz, trials=5, out="study")
    assert search.retried == [2]
    assert states(search) == ["COMPLETE", "COMPLETE", "FAIL", "WAITING"]
    search.run()
    trials = search.study.get_trials()
    assert trials[3].user_attrs[RETRY_OF] == 2
    assert trials[3].params == trials[2].params
    assert [each.number for each in search.outcomes()] == [0, 1, 3, 4, 5]
    assert {each.state for each in search.outcomes()} == {"complete"}


class Assassin:
    """Kills the first worker that has told of a trial, while it runs the next one."""

    def __init__(self, monkeypatch):
        self.workers, self.outcomes, self.killed = [], [], None
        start = Workers.start

        def noting(workers):
            self.workers.append(start(workers))
            return self.workers[-1]

        monkeypatch.setattr(Workers, "start", noting)

    def __call__(self, outcome):
        self.outcomes.append(outcome)
        if len(self.outcomes) == 2:
            self.killed = self.workers[0].process.pid
            os.kill(self.killed, signal.SIGKILL)


def test_one_of_two_workers_may_die(classes_npz, monkeypatch):
    """On SQLite, which the two write at the same time."""
    assassin = Assassin(monkeypatch)
    settings = {"epochs": 40}
    search = small_search(
        classes_npz, settings=settings, trials=6, jobs=2, storage="sqlite:///s.db", out="study"
    )
    search.run(assassin)
    assert assassin.killed is not None
    assert len(assassin.workers) >= 3, "another must take its place"
    outcomes = search.outcomes()
    assert len(outcomes) == 6
    assert {each.state for each in outcomes} == {"complete"}
    trials = search.study.get_trials()
    owners = {trial.user_attrs[OWNER]["pid"] for trial in trials if OWNER in trial.user_attrs}
    assert len(owners) >= 2
    for trial in trials:
        if trial.state.name == "FAIL":
            assert trial.user_attrs[OWNER]["pid"] == assassin.killed
    assert all(worker.process.poll() is not None for worker in assassin.workers)


def test_two_workers_share_a_real_postgresql(classes_npz, postgresql):
    search = small_search(
        classes_npz, trials=4, jobs=2, storage=postgresql, pruner="median", out="study"
    )
    assert "secret" not in search.shown_place
    search.run()
    outcomes = search.outcomes()
    assert len(outcomes) == 4
    assert {each.state for each in outcomes} <= {"complete", "pruned"}
    with search._connected():
        trials = search.study.get_trials()
    assert {trial.user_attrs[OWNER]["pid"] for trial in trials}.isdisjoint({os.getpid()})
    # A worker elsewhere joins by the same name, with its own folder; and goes on.
    other = small_search(
        classes_npz, trials=5, storage=postgresql, pruner="median", out="elsewhere"
    )
    other.run()
    assert len(other.outcomes()) == 5
    with pytest.raises(UsageError, match=r"there with other settings \(epochs\)"):
        small_search(classes_npz, settings={"epochs": 9}, storage=postgresql, out="third")


def test_workers_that_cannot_begin_say_why(classes_npz, monkeypatch):
    search = small_search(classes_npz, jobs=2, out="study")
    data = os.fspath(classes_npz)
    os.rename(data, data + ".gone")  # noqa: PTH104
    with pytest.raises(UsageError, match=r"classes\.npz"):
        search.run()


def test_workers_that_die_at_once_end_the_search(classes_npz, monkeypatch):
    search = small_search(classes_npz, jobs=2, out="study")
    told = search._told()
    monkeypatch.setattr(search, "_told", lambda: {**told, "plan": None})
    monkeypatch.setattr(searching, "MOST_DEATHS", 2)
    with pytest.raises(FastMLPError, match=r"2 worker processes ended .* exit code 1; .* --jobs"):
        search.run()
    assert states(search) == ["WAITING"]


def test_ctrl_c_reaches_workers_and_queues_their_trials(classes_npz, monkeypatch):
    search = small_search(classes_npz, settings={"epochs": 400_000}, trials=9, jobs=2, out="study")
    begun, workers = [], []
    start = Workers.start
    monkeypatch.setattr(Workers, "start", lambda self: workers.append(start(self)) or workers[-1])
    ask = searching.Search._ask

    def interrupting(self, workers, may_start):
        begun[:] = [worker for worker in workers.running if worker.has_begun]
        if begun:
            raise KeyboardInterrupt
        ask(self, workers, may_start)

    monkeypatch.setattr(searching.Search, "_ask", interrupting)
    with pytest.raises(KeyboardInterrupt):
        search.run()
    assert all(worker.process.poll() is not None for worker in workers)
    assert states(search) == ["FAIL", "WAITING"]
    [waiting] = [trial for trial in search.study.get_trials() if trial.state.name == "WAITING"]
    assert waiting.user_attrs[RETRY_OF] == 0


def test_settings_that_cannot_be_trained_are_said_at_once_and_leave_the_name_free(classes_npz):
    bad = small_search(classes_npz, settings={"class_weight": "nobody=3"}, out="study")
    with pytest.raises(UsageError, match=r"the first trial, .* failed: .*nobody"):
        bad.run()
    good = small_search(classes_npz, trials=2, out="study")
    good.run()
    assert len(good.outcomes()) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trials": 0}, "trials must be from 1"),
        ({"jobs": 0}, "jobs must be from 1 to 256"),
        ({"study": ""}, "study must be 1 to 80"),
        ({"study": "a/b"}, "study must be 1 to 80"),
    ],
)
def test_options_out_of_range(options, words):
    with pytest.raises(UsageError, match=words):
        Options(**options)


def test_workers_share_the_cores(classes_npz, monkeypatch):
    monkeypatch.setattr(searching, "available_threads", lambda: 8)

    def threads(jobs, **settings):
        search = small_search(classes_npz, settings=settings, jobs=jobs, out="study")
        return search._told()["plan"]["base"]["threads"]

    assert threads(3, threads="auto") == "2"
    assert threads(16, threads="auto") == "1"
    assert threads(1, threads="auto") == "auto"
    assert threads(3) == "1"  # as given


def test_a_folder_of_something_else_is_refused(classes_npz, here):
    (here / "run").mkdir()
    (here / "run" / "metrics.json").write_text("{}")
    with pytest.raises(UsageError, match="run holds something else than a search"):
        small_search(classes_npz, out="run")
    (here / "file").write_text("")
    with pytest.raises(WriteError, match="cannot make the folder file/study"):
        small_search(classes_npz, out="file/study")


def test_this_process_runs_the_trials_of_one_job(classes_npz):
    search = small_search(classes_npz, trials=1, out="study")
    search.run()
    [trial] = search.study.get_trials()
    assert trial.user_attrs[OWNER] == Owner.here().to_dict()
