"""Training that stops and goes on is training that never stopped: to the bit."""

import copy
import pickle

import numpy as np
import pytest
from estimators_support import assert_same_bits, digits, numbers, two_classes

from fastmlp import MLPClassifier, MLPRegressor

# float32, since 400 rows are more than float64 is used for; and the small ones.
WAYS = {
    "adam": {},
    "small": {"hidden_layer_sizes": (5,)},
    "linear": {"hidden_layer_sizes": ()},
    "momentum": {"solver": "sgd", "learning_rate_init": 0.05},
    "plain momentum": {"solver": "sgd", "nesterovs_momentum": False, "alpha": 0.0},
    "sgd": {"solver": "sgd", "momentum": 0.0},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.2},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1},
    "plateau": {"learning_rate": "plateau(1,0.5)", "learning_rate_init": 0.05},
    "step": {"learning_rate": "step(2,0.5)", "solver": "rmsprop"},
    "exponential": {"learning_rate": "exponential", "solver": "adamw"},
    "adagrad": {"solver": "adagrad", "clip_norm": 0.5},
    "dropout": {"dropout": 0.3, "hidden_layer_sizes": (40, 30)},
    "batch norm": {"batch_norm": "all", "hidden_layer_sizes": (40, 30)},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 100},
    "normalize": {"normalize": "standard"},
    "in order": {"shuffle": False, "batch_size": 64},
    "float64": {"dtype": "float64"},
}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def way(request):
    return {"random_state": 7, "tol": 0.0, **request.param}


class TestFitAgain:
    def test_five_and_five_epochs_are_ten(self, way):
        X, y = digits()
        whole = MLPClassifier(max_iter=10, **way).fit(X, y)
        parts = MLPClassifier(max_iter=5, warm_start=True, **way).fit(X, y).fit(X, y)
        assert parts.n_iter_ == 5
        assert parts.loss_curve_ == whole.loss_curve_
        assert parts.validation_scores_ == whole.validation_scores_
        assert parts.t_ == whole.t_
        assert_same_bits(parts, whole)

    def test_so_they_are_with_a_pickle_between(self, way):
        X, y = digits()
        whole = MLPClassifier(max_iter=8, **way).fit(X, y)
        half = MLPClassifier(max_iter=4, warm_start=True, **way).fit(X, y)
        parts = pickle.loads(pickle.dumps(half)).fit(X, y)
        assert parts.loss_curve_ == whole.loss_curve_
        assert_same_bits(parts, whole)

    @pytest.mark.parametrize(
        "random_state",
        [np.random.RandomState(3), np.random.RandomState(np.random.PCG64(3)), None],
        ids=["instance", "pcg64", "none"],
    )
    def test_other_sources_of_randomness(self, random_state):
        X, y = digits()

        def source():
            np.random.seed(11)
            return copy.deepcopy(random_state)

        how = {"dropout": 0.1, "early_stopping": True}
        whole = MLPClassifier(max_iter=6, random_state=source(), **how).fit(X, y)
        parts = (
            MLPClassifier(max_iter=3, random_state=source(), warm_start=True, **how)
            .fit(X, y)
            .fit(X, y)
        )
        assert_same_bits(parts, whole)

    def test_regression(self):
        X, y = numbers(targets=2)
        whole = MLPRegressor(max_iter=10, random_state=0).fit(X, y)
        parts = MLPRegressor(max_iter=5, random_state=0, warm_start=True).fit(X, y).fit(X, y)
        assert_same_bits(parts, whole)

    def test_a_cosine_begins_anew_in_every_fit(self):
        X, y = digits()
        model = MLPClassifier(
            max_iter=4, warm_start=True, learning_rate="cosine", random_state=0
        ).fit(X, y)
        first = model.learning_rate_
        model.fit(X, y)
        assert model.learning_rate_ == first < 2e-4

    def test_a_callback_s_stop_is_no_end(self):
        X, y = digits()
        whole = MLPClassifier(max_iter=6, random_state=0).fit(X, y)
        from fastmlp import Callback

        class StopAfterTwo(Callback):
            def recorded(self, trainer, record):
                if trainer.epoch == 2:
                    trainer.stop_reason = "enough"

        parts = MLPClassifier(
            max_iter=6, random_state=0, warm_start=True, callbacks=[StopAfterTwo()]
        ).fit(X, y)
        assert parts.n_iter_ == 2
        parts.set_params(max_iter=4, callbacks=None).fit(X, y)
        assert_same_bits(parts, whole)

    def test_other_rows_may_follow(self):
        X, y = digits()
        model = (
            MLPClassifier(max_iter=3, random_state=0, warm_start=True)
            .fit(X, y)
            .fit(X[:333], y[:333])
        )
        assert len(model.loss_curve_) == 6
        assert model.t_ == 3 * 400 + 3 * 333

    def test_other_layers_cannot_follow(self):
        X, y = digits()
        model = (
            MLPClassifier(max_iter=2, warm_start=True).fit(X, y).set_params(hidden_layer_sizes=(7,))
        )
        with pytest.raises(ValueError, match=r"coefs_\[0\] has shape \(64, 100\).*Fit anew"):
            model.fit(X, y)
        with pytest.raises(ValueError, match="coefs_ has 2 layers"):
            model.set_params(hidden_layer_sizes=(7, 7)).fit(X, y)

    def test_another_solver_begins_without_moments(self):
        X, y = digits()
        model = MLPClassifier(max_iter=2, warm_start=True, random_state=0).fit(X, y)
        model.set_params(solver="sgd", learning_rate_init=0.01).fit(X, y)
        assert len(model.loss_curve_) == 4
        assert model.loss_curve_[-1] < model.loss_curve_[0]


class TestPartialFit:
    def test_epochs_one_by_one_are_a_fit(self, way):
        if way.get("early_stopping"):
            pytest.skip("a fit sets rows aside, a call of partial_fit does not")
        X, y = digits()
        whole = MLPClassifier(max_iter=6, **way).fit(X, y)
        parts = MLPClassifier(**way)
        for _ in range(6):
            parts.partial_fit(X, y, classes=np.arange(10))
        assert parts.loss_curve_ == whole.loss_curve_
        assert_same_bits(parts, whole)

    def test_it_goes_on_after_fit(self):
        X, y = digits()
        whole = MLPClassifier(max_iter=6, random_state=0).fit(X, y)
        parts = MLPClassifier(max_iter=5, random_state=0).fit(X, y).partial_fit(X, y)
        assert_same_bits(parts, whole)

    def test_the_given_rows_are_left_alone(self):
        X, y = digits(100)
        before = X.copy()
        model = MLPClassifier(random_state=0)
        model.partial_fit(X, y, classes=np.arange(10))
        model.partial_fit(X[::-1] * 2, y[::-1])
        np.testing.assert_array_equal(X, before)

    def test_calls_of_one_shape_learn_from_their_own_rows(self):
        """A recorded pass is used again; its rows, targets and weights must be the new ones."""
        X, y = digits(300)
        weights = np.random.default_rng(0).integers(1, 3, 300).astype(float)
        weights = weights.reshape(3, 100) * (
            150 / weights.reshape(3, 100).sum(axis=1, keepdims=True)
        )
        again, anew = MLPClassifier(random_state=0), MLPClassifier(random_state=0)
        for part in range(3):
            rows = slice(part * 100, part * 100 + 100)
            again.partial_fit(X[rows], y[rows], weights[part], classes=np.arange(10))
            anew = pickle.loads(pickle.dumps(anew))
            anew.partial_fit(X[rows], y[rows], weights[part], classes=np.arange(10))
        assert_same_bits(again, anew)

    def test_changed_parameters_count(self):
        X, y = digits()
        model = MLPClassifier(random_state=0, alpha=0.0).partial_fit(X, y, classes=np.arange(10))
        other = copy.deepcopy(model).set_params(alpha=10.0)
        assert (
            np.abs(other.partial_fit(X, y).coefs_[0]).sum()
            < np.abs(model.partial_fit(X, y).coefs_[0]).sum()
        )


class TestWeights:
    def test_the_arrays_are_live(self):
        X, y = two_classes()
        model = MLPClassifier(max_iter=3, random_state=0).fit(X, y)
        model.coefs_[-1][...] = 0
        model.intercepts_[-1][...] = 5
        np.testing.assert_allclose(model.predict_proba(X)[:, 1], 1 / (1 + np.exp(-5)), rtol=1e-6)

    def test_other_arrays_may_be_set(self):
        X, y = two_classes()
        model = MLPClassifier(max_iter=3, random_state=0).fit(X, y)
        model.coefs_ = [np.zeros_like(each) for each in model.coefs_]
        model.intercepts_[-1] = [-5.0]
        np.testing.assert_allclose(model.predict_proba(X)[:, 0], 1 / (1 + np.exp(-5)), rtol=1e-6)
        trained = model.partial_fit(X, y)
        assert 0 < np.abs(trained.coefs_[-1]).max() < 0.1

    @pytest.mark.parametrize("early_stopping", [False, True])
    def test_training_goes_on_from_weights_that_were_changed(self, early_stopping):
        X, y = digits()
        how = {
            "random_state": 0,
            "learning_rate_init": 1e-9,
            "early_stopping": early_stopping,
            "warm_start": True,
        }
        model = MLPClassifier(max_iter=2, **how).fit(X, y)
        for array in arrays_of(model):
            array[...] = 0.25
        model.fit(X, y)
        assert all(np.abs(array - 0.25).max() < 1e-6 for array in arrays_of(model))

    def test_wrong_shapes_are_told(self):
        X, y = two_classes()
        model = MLPClassifier(max_iter=2).fit(X, y)
        model.coefs_[0] = model.coefs_[0][:, :3]
        with pytest.raises(ValueError, match=r"coefs_\[0\] has shape \(8, 3\)"):
            model.predict(X)

    def test_a_new_fit_leaves_the_old_arrays_alone(self):
        X, y = digits()
        model = MLPClassifier(max_iter=2, random_state=0).fit(X, y)
        old = model.coefs_[0]
        before = old.copy()
        model.set_params(random_state=1).fit(X, y)
        np.testing.assert_array_equal(old, before)


def arrays_of(model):
    return [*model.coefs_, *model.intercepts_]
