"""The estimators on a real Dask cluster, by joblib: the same results, one thread a worker."""

import importlib.util
import logging
import os

import joblib
import numpy as np
import pytest
from estimators_support import digits
from sklearn.model_selection import GridSearchCV

is_wanted = os.environ.get("FASTMLP_REQUIRE_CLUSTERS", "0") not in ("", "0")
if importlib.util.find_spec("distributed") is None and not is_wanted:
    pytest.skip("distributed is not installed", allow_module_level=True)

from distributed import Client, LocalCluster  # noqa: E402

from fastmlp import MLPClassifier, TabularClassifier  # noqa: E402
from fastmlp.kernels.cpu.compiling.object_code import cache_folder  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def client():
    quiet = {"dashboard_address": None, "silence_logs": logging.CRITICAL}
    with LocalCluster(n_workers=2, threads_per_worker=1, **quiet) as cluster, Client(cluster) as it:
        yield it


def threads_of(rows):
    X, y = digits(rows)
    return MLPClassifier((4,), max_iter=1).fit(X, y)._engine.backend.threads


def test_a_search_finds_the_same(client):
    X, y = digits(300)
    model = MLPClassifier(max_iter=5, random_state=0)
    search = GridSearchCV(model, {"hidden_layer_sizes": [(10,), (20, 10)]}, cv=2)
    alone = search.fit(X, y)
    scores, probabilities = alone.cv_results_["mean_test_score"], alone.predict_proba(X)
    with joblib.parallel_config("dask"):
        together = search.fit(X, y)
    np.testing.assert_array_equal(scores, together.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(probabilities, together.predict_proba(X))


def test_tables_too(client):
    X, y = digits(120)
    plain = TabularClassifier(preset="plain", settings={"epochs": 3}, random_state=0)
    search = GridSearchCV(plain, {"settings": [{"epochs": 1}, {"epochs": 3}]}, cv=2)
    scores = search.fit(X[:, 10:20], y % 2).cv_results_["mean_test_score"]
    with joblib.parallel_config("dask"):
        again = search.fit(X[:, 10:20], y % 2).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, again)


def test_a_worker_takes_one_thread(client):
    with joblib.parallel_config("dask"):
        assert joblib.Parallel()(joblib.delayed(threads_of)(rows) for rows in (30, 40)) == [1, 1]


def test_workers_share_the_kernels_that_one_has_compiled(client):
    """What a worker would compile is on the disk once this process has it, under the same name."""
    X, y = digits(40)
    MLPClassifier((4,), max_iter=1).fit(X, y)
    before = sorted(path.name for path in cache_folder().glob("*.kernel"))
    with joblib.parallel_config("dask"):
        joblib.Parallel()(joblib.delayed(threads_of)(rows) for rows in (40, 40))
    assert sorted(path.name for path in cache_folder().glob("*.kernel")) == before
    assert before
