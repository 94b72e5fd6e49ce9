"""Errands: what is handed out, tried again, sent, compared; with workers of this process."""

from concurrent.futures import Future

import numpy as np
import pytest
from clusters_support import numbers, run_on, without_folder
from experiments_support import RECIPE, recipe, run

from fastmlp.experiments import runner as runner_module
from fastmlp.experiments.clusters import away, errands, parcels
from fastmlp.experiments.clusters.cluster import Cluster, ClusterError
from fastmlp.experiments.results import read_experiment
from fastmlp.experiments.runner import Options, Runner


class Died(Exception):
    """Of a worker."""


class Lost(Exception):
    """Of the cluster."""


class HereCluster(Cluster):
    """Calls in this process, at once; ``fails`` says by which error an nth call ends instead."""

    where = "cluster of this test"

    def __init__(self, fails=(), slots=2, names_the_dead=True):
        self.fails, self._slots, self.names_the_dead = dict(fails), slots, names_the_dead
        self.calls, self.shared, self.closed, self.open = 0, [], 0, []

    @property
    def slots(self):
        return self._slots

    def submit(self, function, *arguments):
        answer = Future()
        self.calls += 1
        self.open.append(len(self.open))
        if self.calls in self.fails:
            answer.set_exception(self.fails[self.calls])
        else:
            answer.set_result(function(*arguments))
        return answer

    def share(self, value):
        self.shared.append(value)
        return value

    def is_death(self, error):
        return isinstance(error, Died)

    def is_lost(self, error):
        return isinstance(error, Lost)

    def close(self):
        self.closed += 1


@pytest.fixture
def cluster(monkeypatch):
    def use(**options):
        found = HereCluster(**options)
        monkeypatch.setattr(runner_module, "open_cluster", lambda *words: found)
        return found

    monkeypatch.setattr(parcels, "_unpacked", {})
    return use


def test_the_numbers_are_those_of_this_process(data_npz, cluster):
    here, _ = run(out="here")
    found = cluster()
    there, ran, notes = run_on("loky", out="there")
    assert ran == ["lr-0.001", "lr-0.01", "lr-0.1"]
    assert without_folder(numbers(here), "here") == without_folder(numbers(there), "there")
    assert read_experiment("there") == there
    assert notes == ["they run on the cluster of this test."]
    assert found.shared == []  # the workers see the data
    assert found.closed == 1
    assert run_on("loky", out="there")[1:] == ([], [])  # nothing to run: no cluster is asked


def test_phases_go_too(data_npz, cluster):
    text = (
        RECIPE.partition("[[sweeps]]")[0]
        + """
[[sweeps]]
name = "kinds"
[[sweeps.variants]]
name = "two"
[[sweeps.variants.phases]]
epochs = 1
[[sweeps.variants.phases]]
epochs = 2
lr = 0.001
"""
    )
    here, _ = run(text, out="here")
    cluster()
    there, _, _ = run_on("loky", text, out="there")
    assert without_folder(numbers(here), "here") == without_folder(numbers(there), "there")
    [two] = there.variants
    assert (there.folder / two.folder / "phases.json").is_file()


def test_a_worker_without_the_data_is_sent_them_once(data_npz, cluster, monkeypatch):
    monkeypatch.setattr(away, "sees", lambda settings, wanted: False)
    here, _ = run(out="here")
    found = cluster(slots=1)
    there, _, notes = run_on("loky", out="there")
    assert notes[1:] == ["a worker does not see the data's files, which are sent to it."]
    assert len(found.shared) == 1
    assert found.calls == 4  # the first run goes twice; its worker then has the data
    assert without_folder(numbers(here), "here") == without_folder(numbers(there), "there")
    config = (there.folder / there.variants[0].folder / "config.toml").read_text()
    assert str(data_npz) in config  # not where a worker had them


def test_a_run_whose_worker_died_is_tried_once_more(data_npz, cluster):
    cluster(fails={2: Died("signal 9")})
    experiment, ran, notes = run_on("loky")
    assert notes[1:] == ["the worker of lr-0.01 died; the run is tried once more."]
    assert sorted(ran) == ["lr-0.001", "lr-0.01", "lr-0.1"]
    assert {variant.status for variant in experiment.variants} == {"done"}


def test_a_run_that_kills_its_workers_fails_alone(data_npz, cluster):
    # Nobody knows whose worker died, so both runs under way are tried again: each alone.
    killers = {1: Died(), 2: Died(), 4: Died()}
    cluster(fails=killers, names_the_dead=False)
    experiment, _, notes = run_on("loky")
    status = {variant.name: variant.status for variant in experiment.variants}
    assert status == {"lr-0.001": "failed", "lr-0.01": "done", "lr-0.1": "done"}
    assert "too little memory" in experiment.variants[0].error
    assert len(notes) == 3


def test_a_cluster_that_is_lost_gets_one_line_and_what_is_done_is_kept(data_npz, cluster):
    found = cluster(fails={2: Lost("the scheduler\nis gone")}, slots=1)
    with pytest.raises(ClusterError, match=r"was lost \(Lost: the scheduler is gone\)"):
        run_on("loky")
    kept = read_experiment("experiments/rates")
    assert [variant.status for variant in kept.variants] == ["done", "pending", "pending"]
    assert found.closed == 1


def test_workers_that_cannot_run_fastmlp_get_one_line(data_npz, cluster):
    cluster(fails={1: ModuleNotFoundError("No module named 'fastmlp'")})
    with pytest.raises(ClusterError, match=r"Install fastmlp .* in the same versions as here"):
        run_on("loky")


def test_other_versions_are_said_once(data_npz, cluster, monkeypatch):
    cluster()
    monkeypatch.setattr(away, "versions", lambda: {**errands.versions(), "numpy": "1.0"})
    _, _, notes = run_on("loky")
    [note] = notes[1:]
    assert note.startswith(f"a worker has numpy 1.0 (here: {np.__version__});")


def test_a_cluster_without_workers_is_waited_for_and_said(data_npz, cluster, monkeypatch):
    found = cluster(slots=0)
    monkeypatch.setattr(errands, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(errands, "PATIENCE", 0.01)
    notes = []

    def note(sentence):
        notes.append(sentence)
        if "no worker" in sentence:
            found._slots = 1

    Runner(recipe(RECIPE), Options(backend="loky")).run(note=note)
    assert notes[1:] == ["the cluster of this test has no worker now; waiting for one."]


def test_so_many_at_a_time(data_npz, cluster, monkeypatch):
    cluster(slots=8)
    open_now, most = set(), []

    def note(variant):
        (open_now.add if variant.status == "running" else open_now.discard)(variant.name)
        most.append(len(open_now))

    Runner(recipe(RECIPE), Options(backend="loky", jobs=2)).run(note)
    assert max(most) == 2


def test_a_run_is_given_one_thread_unless_another_number_is_said(data_npz):
    free = RECIPE.replace('threads = "1"', "")

    def threads(text, **options):
        runner = Runner(recipe(text), Options(backend="loky", **options))
        return {planned.task["settings"]["threads"] for planned in runner.waiting}

    assert threads(free) == {"1"}
    assert threads(free, threads=3) == {"3"}
    assert threads(RECIPE.replace('threads = "1"', 'threads = "2"')) == {"2"}
