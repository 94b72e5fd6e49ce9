"""Scores beside scikit-learn's metrics."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, root_mean_squared_error

import fastmlp
from fastmlp.errors import UsageError
from fastmlp.explanation.scores import METRICS, Score, metric_of, score_of

RIGHT = 1e-12


def test_classification(random):
    outputs = random.dirichlet(np.ones(4), 50)
    truth = random.integers(0, 4, 50)
    accuracy = Score("accuracy", "classification", truth).measure(outputs)
    assert accuracy == accuracy_score(truth, outputs.argmax(axis=1))
    measured = Score("log_loss", "classification", truth).measure(outputs)
    assert measured == pytest.approx(log_loss(truth, outputs, labels=range(4)), rel=RIGHT)


def test_labels_count_together_for_accuracy_and_alone_for_log_loss(random):
    outputs, truth = random.uniform(size=(40, 3)), random.integers(0, 2, (40, 3))
    accuracy = Score("accuracy", "multilabel", truth).measure(outputs)
    assert accuracy == accuracy_score(truth, outputs > 0.5)
    each = [log_loss(truth[:, label], outputs[:, label]) for label in range(3)]
    measured = Score("log_loss", "multilabel", truth).measure(outputs)
    assert measured == pytest.approx(np.mean(each), rel=RIGHT)


def test_regression(random):
    outputs, truth = random.normal(size=(2, 30, 2))
    measured = Score("rmse", "regression", truth).measure(outputs)
    assert measured == pytest.approx(root_mean_squared_error(truth, outputs), rel=RIGHT)
    measured = Score("mae", "regression", truth).measure(outputs)
    assert measured == pytest.approx(mean_absolute_error(truth, outputs), rel=RIGHT)


def test_a_probability_of_zero_is_not_infinitely_wrong():
    outputs = np.array([[0.0, 1.0]], np.float32)
    measured = Score("log_loss", "classification", np.array([0])).measure(outputs)
    assert measured == pytest.approx(-np.log(np.finfo(np.float32).eps))


def test_a_loss_grows_where_the_measure_becomes_worse():
    assert Score("accuracy", "classification", np.zeros(1)).loss(0.7, 0.9) == pytest.approx(0.2)
    assert Score("rmse", "regression", np.zeros(1)).loss(3.0, 2.5) == pytest.approx(0.5)
    assert str(Score("accuracy", "classification", np.zeros(1)).loss(0.9, 0.9)) == "0.0"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scores")
    features = np.random.default_rng(0).normal(size=(60, 3))
    targets = {
        "classification": np.where(features[:, 0] > 0, "up", "down"),
        "multilabel": (features > 0).astype(int),
        "regression": 100 + 20 * features[:, :2],
    }
    return (
        {
            task: fastmlp.train(
                (features, target), task=task, hidden="4", epochs=2, out=folder / task
            ).model
            for task, target in targets.items()
        },
        features,
        targets,
    )


@pytest.mark.parametrize("task", METRICS)
def test_the_default_is_the_first_metric_and_agrees_with_measure(models, task):
    known, features, targets = models
    model = known[task]
    assert metric_of(model, None) == METRICS[task][0]
    told = model.measure(features, targets[task])
    if task == "multilabel":
        told["loss"] /= 3  # a row's loss is the sum over its labels
    if task == "regression":
        told["mae"] = np.abs(model.predict(features) - targets[task]).mean()
    outputs = model.predict_outputs(features)
    for metric in METRICS[task]:
        assert metric_of(model, metric) == metric
        measured = score_of(model, targets[task], metric).measure(outputs)
        expected = told.get(metric, told["loss"])  # log_loss is the loss of these
        assert measured == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("task", "metric"), [("classification", "rmse"), ("regression", "accuracy"), ("multilabel", "")]
)
def test_a_metric_of_another_task_is_refused(models, task, metric):
    with pytest.raises(UsageError, match=f"metric of a {task} '{metric}' is not known"):
        metric_of(models[0][task], metric)


def test_log_loss_needs_probabilities(tmp_path):
    features = np.random.default_rng(0).normal(size=(60, 3))
    labels = np.where(features[:, 0] > 0, "up", "down")
    run = fastmlp.train((features, labels), loss="mse", hidden="4", epochs=1, out=tmp_path / "run")
    assert metric_of(run.model, None) == "accuracy"
    with pytest.raises(UsageError, match=r"needs probabilities, which .* loss squared_error"):
        metric_of(run.model, "log_loss")
