"""Metrics that need every class, where rows held out would lack one by chance."""

import numpy as np
import pytest
from estimators_support import digits, several_labels
from sklearn.metrics import log_loss, make_scorer, roc_auc_score
from sklearn.model_selection import train_test_split

from fastmlp import MLPClassifier
from fastmlp.estimators.inputs import Sample, split, spread

HOW = {
    "hidden_layer_sizes": (8,),
    "max_iter": 3,
    "early_stopping": True,
    "n_iter_no_change": np.inf,
}
OF_PROBABILITIES = [
    "neg_log_loss",
    "roc_auc_ovr",
    "roc_auc_ovo_weighted",
    "d2_log_loss_score",
    "neg_brier_score",
]
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


def rare(third=10, labels=(0, 1, 2)):
    random = np.random.default_rng(0)
    y = np.r_[np.zeros(140, int), np.ones(150, int), np.full(third, 2)]
    random.shuffle(y)
    return random.normal(size=(len(y), 4)), np.array(labels)[y]


@pytest.mark.parametrize(
    "metric", [*OF_PROBABILITIES, make_scorer(log_loss, response_method="predict_proba")]
)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("third", "labels"), [(10, (0, 1, 2)), (2, ("no", "yes", "perhaps"))])
def test_a_rare_class_is_held_out_too(metric, seed, third, labels):
    X, y = rare(third, labels)
    model = MLPClassifier(metric=metric, validation_fraction=0.03, random_state=seed, **HOW).fit(
        X, y
    )
    assert np.isfinite(model.validation_scores_).all()


@pytest.mark.parametrize("seed", range(6))
def test_two_classes_of_which_one_is_rare(seed):
    X, y = rare(6)
    y = y == 2
    model = MLPClassifier(metric="roc_auc", validation_fraction=0.03, random_state=seed, **HOW).fit(
        X, y
    )
    assert np.isfinite(model.validation_scores_).all()


def test_a_class_of_one_row_is_known_to_a_metric_that_takes_labels():
    X, y = rare(1)
    model = MLPClassifier(metric="neg_log_loss", random_state=0, **HOW).fit(X, y)
    assert np.isfinite(model.validation_scores_).all()


def test_an_eval_set_without_a_class_is_measured_with_all_labels():
    X, y, how = *rare(), {"sample_weight": None, "labels": [0, 1, 2]}
    X_new, y_new = X[y < 2][:30], y[y < 2][:30]
    model = MLPClassifier(metric="neg_log_loss", random_state=0, **HOW).fit(
        X, y, eval_set=(X_new, y_new)
    )
    expected = -log_loss(y_new, model.predict_proba(X_new), **how)
    assert model.best_validation_score_ == pytest.approx(expected, rel=1e-5)


REFUSED = [
    (
        "roc_auc_ovr",
        "metric 'roc_auc_ovr' cannot be computed, since the validation rows lack examples of class "
        "2:",
    ),
    (
        "average_precision",
        "metric 'average_precision' cannot be computed, .* lack examples of class 2:",
    ),
    (
        make_scorer(roc_auc_score, response_method="predict_proba", multi_class="ovr"),
        "metric 'roc_auc_score' .* 2:",
    ),
]


@pytest.mark.parametrize(("metric", "message"), REFUSED)
def test_what_is_not_defined_without_a_class_is_refused_in_one_line(metric, message):
    X, y = rare()
    model = MLPClassifier(metric=metric, random_state=0, **HOW)
    with pytest.raises(ValueError, match=message) as caught:
        model.fit(X, y, eval_set=(X[y < 2], y[y < 2]))
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="cannot be computed"):
        model.partial_fit(X, y, classes=[0, 1, 2], eval_set=(X[y < 2], y[y < 2]))


def test_a_label_that_no_validation_row_has_is_refused():
    X, y = several_labels()
    y_new = y.copy()
    y_new[:, 2] = 0
    with pytest.raises(ValueError, match=r"metric 'roc_auc' .* class 2:"):
        MLPClassifier(metric="roc_auc", **HOW).fit(X, y, eval_set=(X, y_new))


def test_metrics_that_need_no_classes_take_what_there_is():
    X, y = rare()
    for metric in ("accuracy", "f1_macro", "matthews_corrcoef", None):
        model = MLPClassifier(metric=metric, **HOW).fit(X, y, eval_set=(X[y < 2], y[y < 2]))
        assert np.isfinite(model.validation_scores_).all()


@pytest.mark.parametrize("metric", [None, "accuracy"])
def test_rows_are_exchanged_for_a_metric_alone(metric):
    """Without one they stay those that scikit-learn sets aside; with one as many are set aside."""
    X, y = rare()
    sample, labels = Sample(X, y, y), None if metric is None else y
    for seed in range(10):
        kept, held = split(sample, 0.03, np.random.RandomState(seed), None, labels)
        rows = train_test_split(
            np.arange(300), random_state=np.random.RandomState(seed), test_size=0.03
        )
        assert (len(kept), len(held)) == (291, 9)
        assert len(np.unique(np.r_[kept.features, held.features], axis=0)) == 300
        if metric is None:
            np.testing.assert_array_equal(held.features, X[rows[1]])
        else:
            assert set(held.truth) == {0, 1, 2} == set(kept.truth)


def test_as_many_classes_as_there_is_room_for():
    labels = np.arange(40) // 2  # twenty classes of two rows
    train, held_out = np.arange(5, 40), np.arange(5)
    spread(train, held_out, labels)
    assert sorted([*train, *held_out]) == list(range(40))
    assert len(set(labels[held_out])) == 5
    X, y = digits(300)
    model = MLPClassifier(
        metric="neg_log_loss", validation_fraction=0.02, random_state=0, **HOW
    ).fit(X, y)
    assert np.isfinite(model.validation_scores_).all()


def test_nothing_is_exchanged_where_nothing_lacks():
    train, held_out = np.array([3, 2, 5]), np.array([1, 0, 4])
    spread(train, held_out, np.array([0, 1, 0, 1, 2, 0]))
    assert (train.tolist(), held_out.tolist()) == ([3, 2, 5], [1, 0, 4])
