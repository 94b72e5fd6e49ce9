"""Dask: a real cluster of two workers on this machine, which does what one process does."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from clusters_support import needed, numbers, run_on, without_folder
from experiments_support import RECIPE, run

needed("distributed")

from distributed import Client, LocalCluster  # noqa: E402

from fastmlp.experiments.clusters.on_dask import DaskCluster  # noqa: E402
from fastmlp.experiments.clusters.words import Backend  # noqa: E402
from fastmlp.experiments.results import read_experiment  # noqa: E402

LONG = RECIPE.replace("epochs = 2", "epochs = 1_000_000_000")

# What the cluster's own processes and its client leave behind when they are ended by force.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """The address of a cluster whose workers were started in another folder."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("workers"))
    try:
        cluster = LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        )
    finally:
        os.chdir(before)
    with cluster:
        yield cluster.scheduler_address


@pytest.fixture
def backend(scheduler):
    return f"dask:{scheduler}"


def test_the_same_numbers_on_a_cluster_that_runs_already(data_npz, backend, scheduler):
    here, _ = run(out="here")
    there, ran, notes = run_on(backend, out="there")
    assert sorted(ran) == ["lr-0.001", "lr-0.01", "lr-0.1"]
    assert notes == [f"they run on the dask cluster at {scheduler} (2 workers)."]
    assert without_folder(numbers(here), "here") == without_folder(numbers(there), "there")


def test_data_that_the_workers_do_not_see_are_sent(data_npz, backend):
    """A test set is named from the current folder, in which these workers are not."""
    archive = dict(np.load(data_npz))
    np.savez("held-out.npz", X=archive["X"][:30], y=archive["y"][:30])
    text = RECIPE.replace("hidden = [6]", 'hidden = [6]\ntest = "held-out.npz"')
    here, _ = run(text, out="here")
    there, _, notes = run_on(backend, text, out="there")
    assert notes[1:] == ["a worker does not see the data's files, which are sent to it."]
    assert without_folder(numbers(here), "here") == without_folder(numbers(there), "there")
    assert {variant.metrics["test_rows"] for variant in there.variants} == {30}


def test_a_worker_that_dies_is_said_and_its_run_goes_to_another(data_npz, backend, scheduler):
    text = RECIPE.replace("epochs = 2", "epochs = 3000").replace("[0.001, 0.01, 0.1]", "[0.1]")
    text = text.partition("[[compare]]")[0]
    here, _ = run(text, out="here")
    killer = threading.Thread(target=_kill_a_busy_worker, args=(scheduler,))
    killer.start()
    there, ran, notes = run_on(backend, text, out="there")
    killer.join()
    assert ran == ["lr-0.1"]
    assert len(notes) == 2
    assert notes[1].startswith("the worker tcp://")
    assert notes[1].endswith("died; its run is tried again.")
    assert without_folder(numbers(here), "here") == without_folder(numbers(there), "there")


def _kill_a_busy_worker(scheduler):
    with Client(scheduler, set_as_default=False) as client:
        while True:
            busy = [worker for worker, tasks in client.processing().items() if tasks]
            if busy:
                time.sleep(0.5)  # let it begin
                pids = client.run(os.getpid, workers=busy[:1])
                os.kill(pids[busy[0]], signal.SIGKILL)
                return
            time.sleep(0.05)


def test_data_that_died_with_a_worker_are_known_to_be_gone(scheduler):
    cluster = DaskCluster(Backend("dask", scheduler), None, lambda note: None)
    try:
        shared = cluster.share({"a": np.zeros(3)})
        assert cluster.has(shared)
        with Client(scheduler, set_as_default=False) as client:
            for pid in client.run(os.getpid).values():
                os.kill(pid, signal.SIGKILL)
        _wait(lambda: not cluster.has(shared))
        _wait(lambda: cluster.slots == 2)  # they are started again
    finally:
        cluster.close()


def test_ctrl_c_ends_the_command_and_its_runs(here, data_npz, backend, scheduler):
    (here / "rates.toml").write_text(LONG)
    words = [sys.executable, "-m", "fastmlp", "experiment", "rates.toml", "--backend", backend]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with Client(scheduler, set_as_default=False) as client:
        _wait(lambda: sum(map(len, client.processing().values())) == 2)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        assert errors.strip() == "error: interrupted."
        kept = read_experiment(here / "experiments" / "rates")
        assert {variant.status for variant in kept.variants} == {"pending"}
        # The workers have let go of the runs, and take others.
        _wait(lambda: client.submit(_threads_at_work, pure=False).result(timeout=60) <= 1)


def _threads_at_work():
    """Return how many calls this worker has under way, this one included."""
    from distributed import get_worker

    return len(get_worker().state.executing) + len(get_worker().state.long_running)


def _wait(is_true, seconds=60):
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_cluster_of_our_own(data_npz):
    here, _ = run(out="here")
    there, _, notes = run_on("dask", out="there", jobs=1)
    assert len(notes) == 1
    assert notes[0].endswith("(1 worker).")
    assert without_folder(numbers(here), "here") == without_folder(numbers(there), "there")
