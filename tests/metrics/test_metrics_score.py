"""Each metric against scikit-learn, with ties, and where it is not defined."""

import math

import numpy as np
import pytest
from sklearn import metrics as oracle

from fastmlp.errors import UsageError
from fastmlp.metrics.score import Answers, decide
from fastmlp.metrics.table import (
    METRICS,
    PROBABILITIES,
    Metric,
    larger_is_better,
    metrics_of,
    parse_metric,
)


def classes_of(rows, classes, seed=0, steps=None):
    """Labels and probabilities; with ``steps`` these are few, so that many are equal."""
    random = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), random.integers(0, classes, rows)])[-rows:]
    outputs = random.random((rows, classes)) ** 2 + 0.5 * (truth[:, None] == np.arange(classes))
    outputs = outputs if steps is None else np.ceil(outputs * steps) / steps
    return truth, outputs / outputs.sum(axis=1, keepdims=True)


def score(name, *answers, **more):
    return Answers(*answers, **more).score(parse_metric(name))


@pytest.mark.parametrize("rows", [40, 501])
@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("steps", [None, 4])
def test_metrics_of_classes(rows, classes, steps):
    truth, outputs = classes_of(rows, classes, steps=steps)
    answers = Answers("classification", truth, outputs)
    said, average = outputs.argmax(axis=1), "binary" if classes == 2 else "macro"
    of_auc = outputs[:, 1] if classes == 2 else outputs
    expected = {
        "accuracy": oracle.accuracy_score(truth, said),
        "log_loss": oracle.log_loss(truth, outputs, labels=range(classes)),
        "auc": oracle.roc_auc_score(truth, of_auc, multi_class="ovr"),
        "balanced_accuracy": oracle.balanced_accuracy_score(truth, said),
        "f1": oracle.f1_score(truth, said, average=average),
    }
    assert answers.scores() == pytest.approx(expected, rel=1e-12)


def test_a_class_without_rows_has_no_part_in_f1_and_recall():
    truth, outputs = classes_of(60, 4)
    kept = truth != 2
    truth, outputs = truth[kept], outputs[kept]
    said = outputs.argmax(axis=1)
    answers = Answers("classification", truth, outputs)
    assert score("f1", "classification", truth, outputs) == pytest.approx(
        oracle.f1_score(truth, said, average="macro")
    )
    recall = oracle.recall_score(truth, said, labels=[0, 1, 3], average="macro")
    assert answers.score(Metric("balanced_accuracy")) == pytest.approx(recall)
    areas = [oracle.roc_auc_score(truth == each, outputs[:, each]) for each in (0, 1, 3)]
    assert answers.score(Metric("auc")) == pytest.approx(np.mean(areas))


@pytest.mark.parametrize("labels", [1, 3])
def test_metrics_of_several_labels(labels):
    random = np.random.default_rng(1)
    truth = (random.random((80, labels)) < 0.4).astype(np.float32)
    outputs = np.clip(truth * 0.3 + random.random((80, labels)) * 0.7, 0, 1)
    said = outputs > 0.5
    each = range(labels)
    expected = {
        "accuracy": (said == truth).all(axis=1).mean(),
        "log_loss": sum(oracle.log_loss(truth[:, k], outputs[:, k]) for k in each),
        "auc": np.mean([oracle.roc_auc_score(truth[:, k], outputs[:, k]) for k in each]),
        "f1": np.mean([oracle.f1_score(truth[:, k], said[:, k]) for k in each]),
    }
    assert Answers("multilabel", truth, outputs).scores() == pytest.approx(expected)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("rows", [2, 3, 400])
def test_metrics_of_quantities(rows, outputs):
    random = np.random.default_rng(2)
    truth = random.poisson(3.0, (rows, outputs)).astype(np.float64)
    truth[0] = 0
    predicted = random.gamma(3.0, size=(rows, outputs))
    answers = Answers("regression", truth, predicted)
    expected = {
        "rmse": oracle.root_mean_squared_error(truth, predicted),
        "mae": oracle.mean_absolute_error(truth, predicted),
        "r2": oracle.r2_score(truth, predicted),
        "poisson_deviance": oracle.mean_poisson_deviance(truth.ravel(), predicted.ravel()),
    }
    assert answers.scores() == pytest.approx(expected)
    for level in (0.05, 0.5, 0.9):
        found = answers.score(parse_metric(f"pinball({level})"))
        assert found == pytest.approx(oracle.mean_pinball_loss(truth, predicted, alpha=level))


def test_pinball_of_several_levels_is_their_mean():
    random = np.random.default_rng(3)
    truth, levels = random.normal(size=(50, 1)), (0.1, 0.4, 0.9)
    predicted = np.sort(random.normal(size=(50, 3)), axis=1)
    answers = Answers("regression", truth, predicted, levels=levels)
    each = [
        oracle.mean_pinball_loss(truth[:, 0], predicted[:, place], alpha=level)
        for place, level in enumerate(levels)
    ]
    assert answers.scores()["pinball"] == pytest.approx(np.mean(each))
    rmse = oracle.root_mean_squared_error(truth[:, 0], predicted[:, 1])
    assert answers.scores()["rmse"] == pytest.approx(rmse)


def test_probabilities_of_zero_and_one_in_float32():
    truth = np.array([0, 1, 1])
    outputs = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    expected = oracle.log_loss(truth, outputs)
    assert score("log_loss", "classification", truth, outputs) == pytest.approx(expected)


@pytest.mark.parametrize("rows", [1, 3])
def test_one_class_alone(rows):
    truth = np.ones(rows, np.int64)
    outputs = np.tile([0.25, 0.75], (rows, 1))
    answers = Answers("classification", truth, outputs)
    assert math.isnan(answers.score(Metric("auc")))
    assert "auc" not in answers.scores()
    assert answers.scores()["f1"] == answers.scores()["balanced_accuracy"] == 1
    none = Answers("classification", truth * 0, outputs[:, ::-1])
    assert none.score(Metric("f1")) == 0  # nothing to find and nothing said: as scikit-learn


def test_a_constant_target():
    truth = np.full((4, 1), 3.0)
    assert Answers("regression", truth, truth).scores() == {
        "rmse": 0, "mae": 0, "r2": 1, "poisson_deviance": 0,
    }  # fmt: skip
    assert score("r2", "regression", truth, truth + 2) == 0


def test_poisson_deviance_at_its_ends():
    truth = np.array([[0.0], [2.0]])
    for bad in ([[1.0], [0.0]], [[-0.5], [2.0]]):
        assert score("poisson_deviance", "regression", truth, np.array(bad)) == math.inf
        assert "poisson_deviance" not in Answers("regression", truth, -truth - 1).scores()
    assert score("poisson_deviance", "regression", truth, truth) == 0
    with pytest.raises(UsageError, match="targets of at least 0, and the smallest is -2"):
        score("poisson_deviance", "regression", -truth, truth)


@pytest.mark.parametrize("name", METRICS)
def test_no_rows_are_an_error(name):
    task = METRICS[name].tasks[0]
    truth = np.zeros((0, 1)) if task == "regression" else np.zeros(0, np.int64)
    with pytest.raises(UsageError, match="needs at least one row"):
        score(name, task, truth, np.zeros((0, 2)))


@pytest.mark.parametrize("name", METRICS)
def test_outputs_that_diverged_have_no_score(name):
    task = METRICS[name].tasks[0]
    truth = np.zeros((2, 2)) if task == "regression" else np.zeros(2, np.int64)
    assert math.isnan(score(name, task, truth, np.full((2, 2), np.nan)))


def test_a_loss_that_gives_no_probabilities_has_no_metrics_of_them():
    truth, outputs = classes_of(20, 3)
    answers = Answers("classification", truth, outputs * 2 - 1, are_probabilities=False)
    needing = {name for name, kind in METRICS.items() if kind.needs == PROBABILITIES}
    assert set(answers.scores()) == set(metrics_of("classification")) - needing


class TestWords:
    def test_a_metric_knows_its_direction(self):
        better = {"accuracy", "auc", "balanced_accuracy", "f1", "r2"}
        assert {name for name in METRICS if larger_is_better(name)} == better
        assert {name for name in METRICS if larger_is_better(f"validation_{name}")} == better
        assert not any(map(larger_is_better, ["loss", "test_loss", "test_binary_cross_entropy"]))
        assert Metric("f1").loss(0.25) == -0.25
        assert Metric("rmse").loss(0.25) == 0.25

    @pytest.mark.parametrize(
        ("text", "task", "message"),
        [
            ("f2", None, "metric 'f2' is not known"),
            ("rmse", "classification", "rmse goes with regression; this is a classification task"),
            ("balanced_accuracy", "multilabel", "Accepted: accuracy, log_loss, auc, f1"),
            ("pinball(1)", "regression", "the level must be greater than 0 and less than 1"),
            ("f1(2)", "classification", "f1 takes 0"),
        ],
    )
    def test_what_is_refused(self, text, task, message):
        with pytest.raises(UsageError) as error:
            parse_metric(text, task)
        assert message in str(error.value)

    def test_its_word(self):
        assert [str(parse_metric(text)) for text in ("f1", "pinball(0.9)")] == [
            "f1",
            "pinball(0.9)",
        ]


def test_a_threshold_decides_between_two_classes():
    outputs = np.array([[0.9, 0.1], [0.8, 0.2], [0.5, 0.5], [0.3, 0.7]])
    assert decide("classification", outputs).tolist() == [0, 0, 0, 1]
    assert decide("classification", outputs, 0.15).tolist() == [0, 1, 1, 1]
    assert decide("classification", outputs, 0.2).tolist() == [0, 0, 1, 1]
    assert decide("multilabel", outputs).tolist() == [[1, 0], [1, 0], [0, 0], [0, 1]]
