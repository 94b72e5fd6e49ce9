"""Ray: a real cluster on this machine, started once for this file."""

import os
import signal
import sys
import threading
import time

import numpy as np
import psutil
import pytest
from clusters_support import needed, numbers, run_on, without_folder
from experiments_support import RECIPE, run
from joblib import parallel_config
from oracles.command_line import captured
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

needed("ray")

from fastmlp.experiments.clusters import on_ray  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module", autouse=True)
def ray():
    """A cluster that the tests find already begun, as a program of Ray's would have it."""
    import ray

    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


def test_the_same_numbers_and_the_cluster_of_others_stays(data_npz, ray):
    here, _ = run(out="here")
    there, ran, notes = run_on("ray", out="there")
    assert sorted(ran) == ["lr-0.001", "lr-0.01", "lr-0.1"]
    assert notes == ["they run on the ray cluster on this machine (1 machine, 2 runs at a time)."]
    assert without_folder(numbers(here), "here") == without_folder(numbers(there), "there")
    assert ray.is_initialized()


def test_data_that_the_workers_do_not_see_are_sent(data_npz):
    archive = dict(np.load(data_npz))
    np.savez("held-out.npz", X=archive["X"][:30], y=archive["y"][:30])
    text = RECIPE.replace("hidden = [6]", 'hidden = [6]\ntest = "held-out.npz"')
    here, _ = run(text, out="here")
    there, _, notes = run_on("ray", text, out="there")
    assert len(notes) == 2
    assert "does not see the data's files" in notes[1]
    assert without_folder(numbers(here), "here") == without_folder(numbers(there), "there")


def test_a_worker_that_dies_is_said_and_its_run_tried_again(data_npz):
    text = RECIPE.replace("epochs = 2", "epochs = 3000").replace("[0.001, 0.01, 0.1]", "[0.1]")
    text = text.partition("[[compare]]")[0]
    killer = threading.Thread(target=_kill_a_worker)
    killer.start()
    experiment, ran, notes = run_on("ray", text)
    killer.join()
    assert ran == ["lr-0.1"]
    assert notes[1:] == ["the worker of lr-0.1 died; the run is tried once more."]
    assert experiment.variants[0].status == "done"


def _kill_a_worker():
    while True:
        for process in psutil.process_iter(["cmdline", "pid"]):
            if (process.info["cmdline"] or [""])[0].startswith("ray::_called"):
                time.sleep(0.5)
                os.kill(process.info["pid"], signal.SIGKILL)
                return
        time.sleep(0.02)


def test_a_search_finds_the_same(ray):
    from ray.util.joblib import register_ray

    from fastmlp import MLPClassifier

    register_ray()
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier((8,), max_iter=5, random_state=0, learning_rate_init=0.01)
    search = GridSearchCV(model, {"alpha": [1e-4, 1.0]}, cv=2)
    with pytest.warns(UserWarning, match="converged"):
        alone = search.fit(X, y).cv_results_["mean_test_score"]
    with parallel_config("ray", n_jobs=2), pytest.warns(UserWarning, match="converged"):
        together = search.fit(X, y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(alone, together)


def test_a_command_finds_a_cluster_by_its_address(here, data_npz, ray):
    (here / "rates.toml").write_text(RECIPE)
    address = ray.get_runtime_context().gcs_address
    words = [sys.executable, "-m", "fastmlp", "experiment", "rates.toml", "--backend"]
    done = captured([*words, f"ray:{address}"], timeout=240)
    assert done.returncode == 0, done.stderr
    assert f"note: they run on the ray cluster at {address} (1 machine, 2 runs" in done.stdout
    assert "lr-0.1: train" in done.stdout
    assert done.stderr == ""


def test_close_ends_what_is_under_way(ray):
    cluster = on_ray.RayCluster(on_ray.Backend("ray"), None, 1)
    answer = cluster.submit(time.sleep, 600)
    time.sleep(1)
    cluster.close()
    assert answer.exception(timeout=60) is not None
