"""What a user gets wrong is told in one line, before any work, in scikit-learn's types of error."""

import numpy as np
import pytest
from estimators_support import digits, numbers, several_labels, two_classes
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.errors import DeviceError

WRONG = [
    ({"hidden_layer_sizes": (10, 0)}, "hidden_layer_sizes must be > 0"),
    ({"hidden_layer_sizes": (10, 2.5)}, "hidden_layer_sizes must be > 0, got \\[10, 2.5\\]"),
    ({"hidden_layer_sizes": "10"}, "hidden_layer_sizes"),
    ({"activation": "rely"}, "activation 'rely' is not known; did you mean 'relu'"),
    ({"activation": ["relu", "tanh"]}, "activation has 2 values for 1 hidden layer"),
    ({"activation": "leaky_relu(2)"}, "slope must be at least 0"),
    ({"activation": 3}, "'activation' parameter"),
    ({"solver": "adma"}, "'solver' parameter of MLPClassifier must be a str among"),
    ({"alpha": -1}, "'alpha' parameter"),
    ({"batch_size": 0}, "'batch_size' parameter"),
    ({"learning_rate": "cosin"}, "schedule 'cosin' is not known; did you mean 'cosine'"),
    ({"learning_rate_init": 0}, "'learning_rate_init' parameter"),
    ({"max_iter": 0}, "'max_iter' parameter"),
    ({"momentum": 1}, "'momentum' parameter"),
    ({"random_state": -1}, "'random_state' parameter|random_state"),
    ({"loss": "hinge"}, "loss 'hinge' is not known"),
    ({"loss": "log_loss(2)"}, "only huber takes a number"),
    ({"loss": "huber(0)"}, "delta must be greater than 0"),
    ({"loss": "squared_error", "label_smoothing": 0.1}, "label_smoothing goes with loss log_loss"),
    ({"label_smoothing": 1.0}, "'label_smoothing' parameter"),
    ({"dropout": 1.0}, "'dropout' parameter"),
    ({"dropout": [0.1, 0.1]}, "dropout has 2 values for 1 hidden layer"),
    ({"dropout": [1.5]}, "dropout must be at least 0 and less than 1"),
    ({"batch_norm": "some"}, "'batch_norm' parameter"),
    ({"weight_decay": -1}, "'weight_decay' parameter"),
    ({"clip_norm": 0}, "'clip_norm' parameter"),
    ({"dtype": "float16"}, "'dtype' parameter"),
    ({"device": "gpu"}, "device 'gpu' is not known"),
    ({"threads": 0}, "'threads' parameter"),
    (
        {"metric": "acuracy", "early_stopping": True},
        "metric 'acuracy' is not known; did you mean 'accuracy'",
    ),
    ({"normalize": "yes"}, "'normalize' parameter"),
    ({"callbacks": [print]}, "callbacks must be fastmlp.Callback objects; got builtin"),
    ({"class_weight": {7: 2.0, 77: 1.0}}, "class_weight names 77, which is no label"),
    ({"class_weight": {7: -2.0}}, "class_weight of 7 must be a number of at least 0"),
    ({"solver": "lbfgs", "dropout": 0.5}, "dropout=0.5 cannot be used with solver='lbfgs'"),
    (
        {"solver": "lbfgs", "batch_norm": "all"},
        "batch_norm='all' cannot be used with solver='lbfgs'",
    ),
    ({"solver": "lbfgs", "clip_norm": 1.0}, "clip_norm=1.0 cannot be used with solver='lbfgs'"),
]


@pytest.mark.parametrize(("parameters", "message"), WRONG)
def test_a_wrong_parameter(parameters, message):
    X, y = digits(100)
    with pytest.raises(ValueError, match=message) as caught:
        MLPClassifier(**parameters).fit(X, y)
    assert "\n" not in str(caught.value)


def test_a_device_that_cannot_be_used_is_told(monkeypatch):
    def broken(*arguments):
        raise DeviceError("no driver")

    monkeypatch.setattr("fastmlp.backend.devices._cuda", broken)
    X, y = digits(100)
    with pytest.raises(DeviceError, match="device 'cuda' cannot be used: no driver"):
        MLPClassifier(device="cuda").fit(X, y)
    assert MLPClassifier(device="auto", max_iter=1).fit(X, y).n_iter_ == 1


class TestData:
    def test_labels_that_were_never_seen(self):
        X, y = digits(100)
        model = MLPClassifier(max_iter=1).partial_fit(X, y, classes=np.arange(10))
        with pytest.raises(ValueError, match="`y` has classes not in"):
            model.partial_fit(X, y + 5)
        with pytest.raises(ValueError, match="`y` has classes not in"):
            model.fit(X, y, eval_set=(X, y + 50))
        with pytest.raises(ValueError, match=r"classes=.* is not the same"):
            model.partial_fit(X, y, classes=[1, 2])

    def test_the_first_partial_fit_needs_classes(self):
        with pytest.raises(ValueError, match="classes must be passed on the first call"):
            MLPClassifier().partial_fit(*digits(100))

    def test_another_number_of_outputs(self):
        X, y = numbers(targets=3)
        model = MLPRegressor(max_iter=1).fit(X, y)
        with pytest.raises(ValueError, match=r"y has \(200, 2\) values.*trained on 3 output"):
            model.partial_fit(X, y[:, :2])
        X, y = several_labels()
        model = MLPClassifier(max_iter=1).fit(X, y)
        with pytest.raises(ValueError, match="y has 2 labels; the model was trained on 4"):
            model.partial_fit(X, y[:, :2])

    def test_several_classes_in_several_columns(self):
        X, y = digits(100)
        with pytest.raises(ValueError, match="Multioutput target data is not supported"):
            MLPClassifier().fit(X, np.stack([y, y], axis=1))

    def test_numbers_are_no_labels(self):
        X, y = numbers()
        with pytest.raises(ValueError, match="Unknown label type"):
            MLPClassifier().fit(X, y)

    def test_weights_of_nothing(self):
        X, y = digits(100)
        with pytest.raises(ValueError, match="every row the weight 0"):
            MLPClassifier(class_weight=dict.fromkeys(range(10), 0)).fit(X, y)

    def test_class_weight_of_several_labels(self):
        X, y = several_labels()
        with pytest.raises(ValueError, match="class_weight needs one label a row"):
            MLPClassifier(class_weight="balanced").fit(X, y)

    @pytest.mark.parametrize("wrong", [np.zeros((3, 64)), (np.zeros((3, 64)),), {"X": 1}])
    def test_eval_set_is_a_pair(self, wrong):
        X, y = digits(100)
        with pytest.raises(ValueError, match="eval_set must be"):
            MLPClassifier().fit(X, y, eval_set=wrong)

    def test_eval_set_of_other_columns(self):
        X, y = digits(100)
        with pytest.raises(ValueError, match="64 features"):
            MLPClassifier().fit(X, y, eval_set=(X[:, :5], y))

    def test_eval_set_without_epochs(self):
        X, y = digits(100)
        with pytest.raises(ValueError, match="eval_set cannot be used with solver='lbfgs'"):
            MLPClassifier(solver="lbfgs").fit(X, y, eval_set=(X, y))

    def test_early_stopping_of_calls_needs_rows_to_watch(self):
        X, y = digits(100)
        with pytest.raises(ValueError, match=r"without eval_set=\(X, y\)"):
            MLPClassifier(early_stopping=True).partial_fit(X, y, classes=np.arange(10))

    def test_a_network_too_large_for_memory(self):
        X, y = digits(100)
        with pytest.raises(
            ValueError, match=r"hidden_layer_sizes=\[10000000, 10000000\] needs .* of memory"
        ):
            MLPClassifier((10_000_000, 10_000_000)).fit(X, y)

    def test_nothing_is_predicted_before_fit(self):
        with pytest.raises(NotFittedError):
            MLPClassifier().predict([[1.0]])


def test_a_failed_fit_leaves_nothing_fitted():
    X, y = digits(100)
    model = MLPClassifier(early_stopping=True, validation_fraction=0.001)
    with pytest.raises(ValueError, match="validation set is too small"):
        model.fit(X, y)
    with pytest.raises(NotFittedError):
        model.predict(X)


class TestDivergence:
    def test_training_stops_at_once_and_keeps_the_weights_of_the_epoch_before(self):
        X, y = numbers()
        model = MLPRegressor(
            solver="sgd", learning_rate_init=1e-2, random_state=0, max_iter=5, warm_start=True
        ).fit(X, y)
        before = model.predict(X)
        model.set_params(learning_rate_init=1e9, max_iter=200)
        with pytest.raises(
            ValueError, match=r"non-finite parameter weights.*not finite after epoch \d+"
        ):
            model.fit(X, y)
        assert model.n_iter_ < 20
        assert all(np.isfinite(array).all() for array in model.coefs_ + model.intercepts_)
        if model.n_iter_ == 1:
            np.testing.assert_array_equal(model.predict(X), before)

    def test_with_early_stopping_the_best_weights_are_kept(self):
        X, y = numbers()
        model = MLPRegressor(
            solver="sgd", learning_rate_init=1e6, early_stopping=True, random_state=0
        )
        with pytest.warns(ConvergenceWarning, match="is not finite after epoch"):
            model.fit(X, y)
        assert not model.validation_scores_[-1] > -1e30
        assert np.isfinite(model.predict(X)).all()


class TestWarnings:
    def test_the_end_of_max_iter(self):
        X, y = two_classes()
        with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(3\) reached") as told:
            MLPClassifier(max_iter=3).fit(X, y)
        assert told[0].filename == __file__  # the line that called fit

    def test_a_batch_larger_than_the_data(self):
        X, y = two_classes()
        with pytest.warns(UserWarning, match="`batch_size` larger than sample size") as told:
            MLPClassifier(max_iter=3, batch_size=1000).fit(X, y)
        assert told[0].filename == __file__

    def test_lbfgs_that_did_not_converge(self):
        X, y = two_classes()
        with pytest.warns(
            ConvergenceWarning, match="lbfgs failed to converge after 2 iteration"
        ) as told:
            MLPClassifier(solver="lbfgs", max_iter=2).fit(X, y)
        assert told[0].filename == __file__

    def test_a_column_as_y(self):
        from sklearn.exceptions import DataConversionWarning

        X, y = two_classes()
        with pytest.warns(DataConversionWarning):
            MLPClassifier(max_iter=1).fit(X, y[:, None])


def test_ctrl_c_ends_training_with_a_warning(monkeypatch):
    X, y = digits()
    interrupted = iter([False, False, False, True])

    def check(self):
        if next(interrupted):
            raise KeyboardInterrupt

    monkeypatch.setattr("fastmlp.training.interrupts.Interrupts.check", check)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = MLPClassifier(random_state=0).fit(X, y)
    assert model.n_iter_ < 4
    assert np.isfinite(model.predict_proba(X)).all()
