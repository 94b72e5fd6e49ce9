"""What scikit-learn's classes lack: parameters, validation, early stopping in partial_fit, metrics,
callbacks.
"""

import numpy as np
import pytest
from estimators_support import assert_same_bits, digits, numbers, several_labels, two_classes
from sklearn.metrics import accuracy_score, log_loss, make_scorer, r2_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from fastmlp import Callback, MLPClassifier, MLPRegressor
from fastmlp.metrics.quantities import regression_scores
from fastmlp.nn.activations import ACTIVATIONS
from fastmlp.optim.optimizers import OPTIMIZERS


def halves():
    X, y = digits(600)
    return X[::2], y[::2], X[1::2], y[1::2]


class TestNetworks:
    @pytest.mark.parametrize(
        "activation", [*ACTIVATIONS, "leaky_relu(0.2)", ["relu", "tanh"], "gelu, silu"]
    )
    def test_every_activation_learns(self, activation):
        X, y = two_classes()
        model = MLPClassifier(
            (20, 10), activation, max_iter=30, random_state=0, learning_rate_init=0.02
        )
        curve = model.fit(X, y).loss_curve_
        assert curve[-1] < 0.99 * curve[0]

    @pytest.mark.parametrize("solver", OPTIMIZERS)
    def test_every_solver_learns(self, solver):
        X, y = two_classes()
        curve = MLPClassifier(solver=solver, max_iter=20, random_state=0).fit(X, y).loss_curve_
        assert curve[-1] < curve[0]

    @pytest.mark.parametrize(
        "rate",
        ["cosine", "step(2,0.1)", "exponential(0.5)", "inverse_scaling", "one_cycle", "plateau"],
    )
    @pytest.mark.parametrize("solver", ["adam", "sgd"])
    def test_every_schedule_learns_and_ends_lower(self, solver, rate):
        X, y = two_classes()
        how = {"solver": solver, "max_iter": 10, "learning_rate_init": 0.01, "random_state": 0}
        model = MLPClassifier(learning_rate=rate, **how).fit(X, y)
        assert model.loss_curve_[-1] < model.loss_curve_[0]
        assert model.learning_rate_ <= 0.01 if rate == "plateau" else model.learning_rate_ < 0.01

    def test_weight_decay_shrinks(self):
        X, y = digits()
        sums = [
            np.abs(
                MLPClassifier(max_iter=5, random_state=0, weight_decay=decay).fit(X, y).coefs_[0]
            ).sum()
            for decay in (None, 0.0, 20.0)
        ]
        assert sums[0] == sums[1] > sums[2]

    def test_adamw_is_adam_with_decay(self):
        X, y = digits()
        how = {"max_iter": 3, "random_state": 0}
        one = MLPClassifier(solver="adamw", **how).fit(X, y)
        assert_same_bits(one, MLPClassifier(solver="adam", weight_decay=0.01, **how).fit(X, y))

    def test_clipping_bounds_the_first_step(self):
        X, y = digits()
        how = {
            "solver": "sgd",
            "momentum": 0,
            "learning_rate_init": 1.0,
            "batch_size": 400,
            "alpha": 0,
            "random_state": 0,
        }
        start = MLPClassifier(max_iter=1, **{**how, "learning_rate_init": 1e-30}).fit(X, y)
        end = MLPClassifier(max_iter=1, clip_norm=0.01, **how).fit(X, y)
        pairs = zip(start.coefs_ + start.intercepts_, end.coefs_ + end.intercepts_, strict=True)
        assert np.sqrt(sum(((a - b).astype(float) ** 2).sum() for a, b in pairs)) == pytest.approx(
            0.01, rel=1e-3
        )

    @pytest.mark.parametrize("dropout", [0.5, [0.5, 0.2]])
    @pytest.mark.parametrize("whole_units", [False, True])
    def test_dropout_is_for_training_alone(self, dropout, whole_units):
        X, y = digits()
        how = {"hidden_layer_sizes": (30, 20), "max_iter": 3, "random_state": 0}
        model = MLPClassifier(dropout=dropout, dropout_units=whole_units, **how).fit(X, y)
        np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))
        assert model.loss_curve_[0] > MLPClassifier(**how).fit(X, y).loss_curve_[0]

    def test_dropout_leaves_the_initial_weights(self):
        X, y = digits()
        how = {"max_iter": 1, "random_state": 0, "learning_rate_init": 1e-30}
        assert_same_bits(
            MLPClassifier(dropout=0.4, **how).fit(X, y), MLPClassifier(**how).fit(X, y)
        )

    @pytest.mark.parametrize("place", ["hidden", "input", "all"])
    def test_batch_norm_is_what_its_attributes_say(self, place):
        X, y = digits()
        model = MLPClassifier(
            (30,), max_iter=10, batch_norm=place, random_state=0, dtype="float64"
        ).fit(X, y)

        def norm(x, kept):
            x = (x - kept["running_mean"]) / np.sqrt(kept["running_variance"] + 1e-5)
            return x * kept["gamma"] + kept["beta"]

        kept = iter(model.batch_norm_)
        x = norm(X, next(kept)) if place != "hidden" else X
        x = x @ model.coefs_[0]
        x = norm(x, next(kept)) if place != "input" else x + model.intercepts_[0]
        z = np.maximum(x, 0) @ model.coefs_[1] + model.intercepts_[1]
        expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-6)

    def test_normalize_is_a_scaler_in_front(self):
        X, y = digits()
        how = {"max_iter": 5, "random_state": 0, "dtype": "float64"}
        inside = MLPClassifier(normalize="standard", **how).fit(X, y)
        scaler = StandardScaler().fit(X)
        outside = MLPClassifier(**how).fit(scaler.transform(X), y)
        np.testing.assert_allclose(inside.loss_curve_, outside.loss_curve_, rtol=1e-6)
        np.testing.assert_allclose(
            inside.predict_proba(X),
            outside.predict_proba(scaler.transform(X)),
            rtol=1e-5,
            atol=1e-9,
        )

    def test_the_rows_set_aside_are_not_normalised_by(self):
        X, y = digits()
        model = MLPClassifier(
            normalize="standard", early_stopping=True, max_iter=2, random_state=0
        ).fit(X, y)
        assert not np.allclose(
            model.input_scale_ * X.std(axis=0) + (X.std(axis=0) == 0), 1, rtol=1e-6
        )


class TestLosses:
    @pytest.mark.parametrize("loss", ["huber", "huber(0.5)", "absolute_error", "squared_error"])
    def test_regression(self, loss):
        X, y = numbers()
        model = MLPRegressor(loss, max_iter=150, random_state=0, learning_rate_init=0.01).fit(X, y)
        assert model.score(X, y) > 0.9

    def test_loss_curves_are_the_losses(self):
        X, y = numbers(targets=2)
        delta = 0.3
        for loss, of in (
            ("squared_error", lambda d: d**2 / 2),
            ("absolute_error", abs),
            (
                f"huber({delta})",
                lambda d: np.where(abs(d) <= delta, d**2 / 2, delta * (abs(d) - delta / 2)),
            ),
        ):
            how = {
                "max_iter": 1,
                "learning_rate_init": 1e-30,
                "random_state": 0,
                "alpha": 0,
                "dtype": "float64",
            }
            model = MLPRegressor(loss, **how).fit(X, y)
            assert model.loss_ == pytest.approx(of(model.predict(X) - y).mean(), rel=1e-9)

    def test_absolute_error_shrugs_at_outliers(self):
        X, y = numbers()
        y = np.where(np.arange(len(y)) % 10 == 0, y + 50, y)
        how = {"max_iter": 150, "random_state": 0, "learning_rate_init": 0.01}
        robust, plain = (
            MLPRegressor(loss, **how).fit(X, y) for loss in ("absolute_error", "squared_error")
        )
        errors = [np.median(abs(model.predict(X) - y)) for model in (robust, plain)]
        assert errors[0] < errors[1]

    @pytest.mark.parametrize("problem", [digits, two_classes, several_labels])
    @pytest.mark.parametrize("loss", ["squared_error", "huber"])
    def test_classification_without_probabilities(self, problem, loss):
        X, y = problem()
        model = MLPClassifier(loss=loss, max_iter=60, random_state=0, learning_rate_init=0.01).fit(
            X, y
        )
        assert model.score(X, y) > 0.5
        assert model.out_activation_ == "identity"
        assert not hasattr(model, "predict_proba")

    def test_label_smoothing_makes_modest(self):
        X, y = digits()
        sharp, smooth = (
            MLPClassifier(label_smoothing=share, max_iter=60, random_state=0)
            .fit(X, y)
            .predict_proba(X)
            .max(axis=1)
            for share in (0.0, 0.3)
        )
        assert smooth.mean() < sharp.mean()

    def test_poisson_refuses_negative_targets(self):
        X, y = numbers()
        with pytest.raises(ValueError, match="loss poisson needs y of at least 0"):
            MLPRegressor("poisson").fit(X, y)


class TestWeights:
    def test_class_weight_is_a_sample_weight(self):
        X, y = two_classes()
        how = {"max_iter": 10, "random_state": 0}
        by_class = MLPClassifier(class_weight={0: 3.0}, **how).fit(X, y)
        by_row = MLPClassifier(**how).fit(X, y, sample_weight=np.where(y == 0, 3.0, 1.0))
        assert_same_bits(by_class, by_row)

    def test_both_multiply(self):
        X, y = two_classes()
        weights = np.random.default_rng(0).uniform(0.5, 2, len(y))
        how = {"max_iter": 5, "random_state": 0}
        both = MLPClassifier(class_weight={1: 2.0}, **how).fit(X, y, weights)
        assert_same_bits(both, MLPClassifier(**how).fit(X, y, weights * np.where(y == 1, 2.0, 1.0)))

    def test_balanced_finds_the_rare(self):
        X, y = two_classes(400)
        X, y = X[(y == 0) | (np.arange(400) % 8 == 0)], y[(y == 0) | (np.arange(400) % 8 == 0)]
        how = {"max_iter": 30, "random_state": 0}
        found = [
            MLPClassifier(class_weight=weight, **how).fit(X, y).predict(X)[y == 1].mean()
            for weight in ("balanced", None)
        ]
        assert found[0] > found[1]

    def test_in_partial_fit_too(self):
        X, y = two_classes()
        weighted, plain = (MLPClassifier(random_state=0) for _ in range(2))
        weighted.partial_fit(X, y, np.where(y == 0, 5.0, 1.0), classes=[0, 1])
        plain.partial_fit(X, y, classes=[0, 1])
        assert np.abs(weighted.coefs_[0] - plain.coefs_[0]).max() > 0

    def test_integer_weights_are_repeated_rows(self):
        X, y = digits(150)
        weights = np.random.default_rng(0).integers(0, 3, 150)
        how = {"max_iter": 5, "random_state": 0, "dtype": "float64", "shuffle": False}
        weighted = MLPClassifier(**how).fit(X, y, weights)
        repeated = MLPClassifier(**how).fit(X.repeat(weights, axis=0), y.repeat(weights))
        np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)


class TestValidation:
    def test_eval_set_is_measured_after_every_epoch(self):
        X, y, X_new, y_new = halves()
        model = MLPClassifier(max_iter=6, random_state=0).fit(X, y, eval_set=(X_new, y_new))
        assert len(model.validation_loss_curve_) == len(model.validation_scores_) == 6
        assert model.validation_scores_[-1] == accuracy_score(y_new, model.predict(X_new))
        assert model.validation_loss_curve_[-1] == pytest.approx(
            log_loss(y_new, model.predict_proba(X_new)), rel=1e-5
        )
        assert model.best_loss_ == min(model.loss_curve_)

    def test_measuring_does_not_change_training(self):
        X, y, X_new, y_new = halves()
        how = {"max_iter": 6, "random_state": 0, "dropout": 0.2, "batch_norm": "hidden"}
        measured = MLPClassifier(**how).fit(X, y, eval_set=(X_new, y_new))
        assert_same_bits(measured, MLPClassifier(**how).fit(X, y))

    def test_early_stopping_keeps_the_best_weights_of_eval_set(self):
        X, y, X_new, y_new = halves()
        how = {
            "early_stopping": True,
            "n_iter_no_change": 3,
            "learning_rate_init": 0.05,
            "random_state": 0,
        }
        model = MLPClassifier(**how).fit(X, y, eval_set=(X_new, y_new))
        assert model.converged_
        assert model.n_iter_ < 200
        assert (
            model.score(X_new, y_new)
            == model.best_validation_score_
            == max(model.validation_scores_)
        )

    def test_eval_set_takes_weights(self):
        X, y, X_new, y_new = halves()
        weights = np.arange(len(y_new)) % 3
        model = MLPClassifier(max_iter=2, random_state=0).fit(
            X, y, eval_set=(X_new, y_new, weights)
        )
        assert model.validation_scores_[-1] == accuracy_score(
            y_new, model.predict(X_new), sample_weight=weights
        )

    def test_regression_scores_are_r2(self):
        X, y = numbers(targets=2)
        model = MLPRegressor(max_iter=20, random_state=0).fit(
            X[:100], y[:100], eval_set=(X[100:], y[100:])
        )
        assert model.validation_scores_[-1] == pytest.approx(
            r2_score(y[100:], model.predict(X[100:])), rel=1e-5
        )
        loss = ((model.predict(X[100:]) - y[100:]) ** 2).mean() / 2
        assert model.validation_loss_curve_[-1] == pytest.approx(loss, rel=1e-5)

    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize("targets", [1, 3])
    def test_r2_is_scikit_learn_s(self, targets, weighted):
        random = np.random.default_rng(0)
        truth, predicted = random.normal(size=(2, 20, targets))
        truth[:, 0] = 2.0  # a constant, missed
        weights = random.uniform(0, 2, 20) if weighted else None
        assert regression_scores(truth, predicted, weights)["r2"] == pytest.approx(
            r2_score(truth, predicted, sample_weight=weights)
        )
        assert (
            regression_scores(truth, truth, weights)["r2"]
            == r2_score(truth, truth, sample_weight=weights)
            == 1
        )

    @pytest.mark.parametrize(
        "metric", ["roc_auc", "auc", make_scorer(roc_auc_score, response_method="predict_proba")]
    )
    def test_a_metric_is_watched(self, metric):
        X, y = two_classes(300)
        how = {"early_stopping": True, "max_iter": 5, "random_state": 0}
        model = MLPClassifier(metric=metric, **how).fit(
            X[:200], y[:200], eval_set=(X[200:], y[200:])
        )
        assert model.best_validation_score_ == pytest.approx(
            roc_auc_score(y[200:], model.predict_proba(X[200:])[:, 1])
        )

    @pytest.mark.parametrize("metric", ["mae", "rmse"])
    def test_a_metric_by_fastmlp_s_own_name(self, metric):
        X, y = numbers()
        how = {"early_stopping": True, "max_iter": 3, "random_state": 0}
        by_name = MLPRegressor(metric=metric, **how).fit(X, y)
        scorer = {"mae": "neg_mean_absolute_error", "rmse": "neg_root_mean_squared_error"}[metric]
        by_scorer = MLPRegressor(metric=scorer, **how).fit(X, y)
        assert by_name.validation_scores_ == by_scorer.validation_scores_

    def test_a_metric_of_one_s_own(self):
        X, y = numbers()
        seen = []

        def score(estimator, rows, truth):
            seen.append(estimator.predict(rows))
            return -np.abs(seen[-1] - truth).max()

        model = MLPRegressor(metric=score, early_stopping=True, max_iter=4, random_state=0).fit(
            X, y
        )
        assert len(seen) == 4
        assert all(len(predicted) == 20 for predicted in seen)
        assert max(model.validation_scores_) == model.best_validation_score_ < 0

    def test_partial_fit_stops_early_with_the_best_weights(self):
        X, y, X_new, y_new = halves()
        how = {
            "early_stopping": True,
            "n_iter_no_change": 3,
            "learning_rate_init": 0.05,
            "random_state": 0,
        }
        whole = MLPClassifier(**how).fit(X, y, eval_set=(X_new, y_new))
        parts = MLPClassifier(**how)
        calls = 0
        while not (calls and parts.converged_):
            parts.partial_fit(X, y, classes=np.arange(10), eval_set=(X_new, y_new))
            calls += 1
        assert calls == whole.n_iter_
        assert_same_bits(parts, whole)


class TestCallbacks:
    def test_they_are_told(self):
        X, y, X_new, y_new = halves()
        told = []

        class Listener(Callback):
            def training_started(self, trainer):
                told.append(("start", trainer.epochs))

            def progressed(self, trainer, progress):
                assert np.isfinite(progress.loss)

            def recorded(self, trainer, record):
                told.append(
                    (
                        record.epoch,
                        record.train["loss"],
                        record.monitor["score"],
                        record.learning_rate,
                    )
                )

            def training_ended(self, trainer, result):
                told.append(("end", result.epochs, result.best_epoch))

        model = MLPClassifier(max_iter=3, random_state=0, callbacks=[Listener()]).fit(
            X, y, eval_set=(X_new, y_new)
        )
        expected = zip(
            (1, 2, 3), model.loss_curve_, model.validation_scores_, [0.001] * 3, strict=True
        )
        assert told == [("start", 3), *expected, ("end", 3, 3)]

    def test_they_may_stop_training(self):
        X, y = digits()

        class Stop(Callback):
            def recorded(self, trainer, record):
                trainer.stop_reason = "enough"

        model = MLPClassifier(callbacks=[Stop()]).fit(X, y)
        assert model.n_iter_ == 1
        assert not model.converged_
