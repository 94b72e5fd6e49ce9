"""Pickles, copies and clones: plain arrays and settings travel, and train on as at home."""

import copy
import io
import pickle
import subprocess
import sys
import threading

import joblib
import numpy as np
import pytest
from estimators_support import (
    arrays,
    assert_same_bits,
    digits,
    numbers,
    several_labels,
    two_classes,
)
from sklearn.base import clone

from fastmlp import MLPClassifier, MLPRegressor


class Plain(pickle.Unpickler):
    """Refuses everything but the estimators' settings, NumPy's arrays and Python's own types."""

    ALLOWED = ("numpy", "builtins", "copyreg", "collections", "_codecs")
    OWN = (
        *(f"fastmlp.estimators.{name}" for name in ("classifier", "regressor")),
        "fastmlp.optim.lbfgs.descent",
    )
    OWN_VALUES = (
        ("fastmlp.estimators.weights", "FitState"),
        ("fastmlp.training.state", "TrainingState"),
        ("fastmlp.estimators.engine", "Blueprint"),
        ("fastmlp.nn.architecture", "Architecture"),
    )

    def find_class(self, module, name):
        if (
            module.split(".")[0] in self.ALLOWED
            or module in self.OWN
            or (module, name) in self.OWN_VALUES
        ):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} should not be in the pickle of an estimator")


MODELS = {
    "classes": (MLPClassifier(max_iter=3, random_state=0, dropout=0.2, batch_norm="all"), digits),
    "two classes": (
        MLPClassifier(max_iter=3, random_state=0, normalize="standard", early_stopping=True),
        two_classes,
    ),
    "labels": (
        MLPClassifier(max_iter=3, random_state=0, solver="sgd", learning_rate="adaptive"),
        several_labels,
    ),
    "numbers": (MLPRegressor(max_iter=3, random_state=0, learning_rate="plateau"), numbers),
    "lbfgs": (MLPRegressor(max_iter=3, random_state=0, solver="lbfgs"), numbers),
    "lbfgs goes on": (
        MLPRegressor(max_iter=3, random_state=0, solver="lbfgs", warm_start=True),
        numbers,
    ),
}


@pytest.fixture(params=MODELS.values(), ids=MODELS)
def trained(request):
    model, problem = request.param
    X, y = problem()
    return clone(model).fit(X, y), X, y


def outputs(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


WAYS = {
    "pickle": lambda model: Plain(io.BytesIO(pickle.dumps(model))).load(),
    "deepcopy": copy.deepcopy,
    "copy": lambda model: copy.deepcopy(copy.copy(model)),
}


@pytest.mark.parametrize("travel", WAYS.values(), ids=WAYS)
def test_travelling_changes_no_bit(trained, travel):
    model, X, y = trained
    other = travel(model)
    assert_same_bits(model, other)
    np.testing.assert_array_equal(outputs(model, X), outputs(other, X))
    if model.solver != "lbfgs":
        how = {"early_stopping": False}
        assert_same_bits(
            model.set_params(**how).partial_fit(X, y), other.set_params(**how).partial_fit(X, y)
        )
        assert model.loss_curve_ == other.loss_curve_


def test_a_copy_has_arrays_of_its_own(trained):
    model, X, _ = trained
    before = outputs(model, X)
    other = copy.deepcopy(model)
    for array in arrays(other):
        array[...] = 0
    outputs(other, X)
    np.testing.assert_array_equal(outputs(model, X), before)


def test_a_shallow_copy_predicts_the_same(trained):
    model, X, _ = trained
    np.testing.assert_array_equal(outputs(copy.copy(model), X), outputs(model, X))


def test_a_clone_has_only_parameters(trained):
    model, X, y = trained
    again = clone(model)
    assert set(vars(again)) == set(model.get_params())
    assert_same_bits(again.fit(X, y), model)


def test_a_memory_mapped_model_predicts(trained, tmp_path):
    model, X, _ = trained
    joblib.dump(model, tmp_path / "model")
    np.testing.assert_array_equal(
        outputs(joblib.load(tmp_path / "model", mmap_mode="r"), X), outputs(model, X)
    )


def test_another_process_predicts_the_same(tmp_path):
    X, y = digits()
    model = MLPClassifier(max_iter=3, random_state=0).fit(X, y)
    (tmp_path / "model").write_bytes(pickle.dumps(model))
    np.save(tmp_path / "X.npy", X)
    program = (
        "import pickle, numpy as np; model = pickle.load(open('model', 'rb'));"
        "np.save('found.npy', model.predict_proba(np.load('X.npy')))"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), model.predict_proba(X))


def test_a_pickle_holds_no_training_rows():
    X, y = digits(400)
    model = MLPClassifier((4,), max_iter=2).fit(X, y)
    assert len(pickle.dumps(model)) < 40_000 < X.nbytes


class TestSameSeed:
    @pytest.mark.parametrize("random_state", [0, 2**32 - 1])
    def test_same_model(self, random_state):
        X, y = digits()
        how = {"max_iter": 3, "dropout": 0.3, "early_stopping": True, "random_state": random_state}
        assert_same_bits(MLPClassifier(**how).fit(X, y), MLPClassifier(**how).fit(X, y))

    def test_fit_begins_anew(self):
        X, y = digits()
        model = MLPClassifier(max_iter=3, random_state=0)
        first = copy.deepcopy(model.fit(X, y))
        assert_same_bits(model.fit(X, y), first)

    def test_an_instance_moves_on(self):
        X, y = digits()
        random = np.random.RandomState(0)
        one, two = (MLPClassifier(max_iter=2, random_state=random).fit(X, y) for _ in range(2))
        assert np.abs(one.coefs_[0] - two.coefs_[0]).max() > 0

    def test_none_follows_numpy_s_seed(self):
        X, y = digits()
        models = []
        for _ in range(2):
            np.random.seed(5)
            models.append(MLPClassifier(max_iter=2).fit(X, y))
        assert_same_bits(*models)

    def test_threads_change_no_bit_of_the_tiles(self):
        X, y = digits(1000)
        how = {"max_iter": 3, "random_state": 0, "hidden_layer_sizes": (128, 64)}
        one, two = (MLPClassifier(threads=threads, **how).fit(X, y) for threads in (1, 2))
        assert_same_bits(one, two)


def test_threads_may_share_a_model():
    X, y = digits()
    model = MLPClassifier(max_iter=3, random_state=0).fit(X, y)
    expected = {rows: model.predict_proba(X[:rows]) for rows in (1, 7, 300)}
    wrong = []

    def ask(rows):
        wrong.extend(
            rows
            for _ in range(30)
            if not np.array_equal(model.predict_proba(X[:rows]), expected[rows])
        )

    threads = [threading.Thread(target=ask, args=(rows,)) for rows in expected for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
