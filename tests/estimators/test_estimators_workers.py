"""joblib's workers: one thread each, the same results in every backend."""

import joblib
import numpy as np
import pytest
from estimators_support import digits
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastmlp import MLPClassifier
from fastmlp.backend.available import available_threads
from fastmlp.estimators.engine import LIMITS, thread_count


def threads_of(rows):
    X, y = digits(rows)
    return MLPClassifier((4,), max_iter=1).fit(X, y)._engine.backend.threads


@pytest.fixture(autouse=True)
def _no_limits(monkeypatch):
    for name in LIMITS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_a_worker_takes_one_thread(backend):
    with joblib.parallel_config(
        backend, **({"inner_max_num_threads": 1} if backend == "loky" else {})
    ):
        found = joblib.Parallel(n_jobs=2)(joblib.delayed(threads_of)(rows) for rows in (30, 40))
    assert found == [1, 1]


def test_outside_of_them_all_may_be_taken(monkeypatch):
    assert thread_count("auto") is None
    assert threads_of(30) == available_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads_of(30) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "1000")
    assert threads_of(30) == available_threads()
    assert thread_count(3) == 3


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_a_search_finds_the_same_in_every_backend(backend):
    X, y = digits(300)
    candidates = {
        "mlpclassifier__alpha": [1e-4, 1.0],
        "mlpclassifier__hidden_layer_sizes": [(10,), (20, 10)],
    }
    pipe = make_pipeline(StandardScaler(), MLPClassifier(max_iter=5, random_state=0))
    alone = GridSearchCV(pipe, candidates, cv=2).fit(X, y)
    with joblib.parallel_config(backend, n_jobs=2):
        together = GridSearchCV(pipe, candidates, cv=2).fit(X, y)
    np.testing.assert_array_equal(
        alone.cv_results_["mean_test_score"], together.cv_results_["mean_test_score"]
    )
    assert alone.best_params_ == together.best_params_
    np.testing.assert_array_equal(alone.predict_proba(X), together.predict_proba(X))


def test_cross_validation_gives_probabilities():
    X, y = digits(200)
    found = cross_val_predict(
        MLPClassifier(max_iter=5, random_state=0), X, y, cv=2, method="predict_proba", n_jobs=2
    )
    assert found.shape == (200, 10)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)


def test_one_compiler_serves_all():
    X, y = digits(100)
    models = [MLPClassifier((4,), max_iter=1).fit(X, y) for _ in range(2)]
    backends = [model._engine.backend for model in models]
    assert backends[0] is not backends[1]
    assert backends[0].compiler is backends[1].compiler
