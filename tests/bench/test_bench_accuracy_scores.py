"""The scores of ``bench.accuracy``: metrics as scikit-learn has them, scales, wins and means."""

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from bench.accuracy import metrics, scores
from bench.accuracy.scores import Rows


@pytest.mark.parametrize("rows", [2, 3, 41, 1000])
def test_two_classes_are_measured_as_scikit_learn_measures_them(rows):
    numbers = np.random.default_rng(rows)
    labels = np.arange(rows) % 2
    second = np.round(numbers.uniform(0.01, 0.99, rows), 1 if rows > 10 else 6)  # with ties
    second = np.clip(second, 0.01, 0.99)
    outputs = np.column_stack([1 - second, second])
    truth = [("no", "yes")[label] for label in labels]
    found = metrics.measure("binary", truth, outputs, ["no", "yes"])
    assert found["auc"] == pytest.approx(sklearn_metrics.roc_auc_score(labels, second))
    assert found["log_loss"] == pytest.approx(sklearn_metrics.log_loss(labels, outputs))
    predicted = outputs.argmax(axis=1)
    assert found["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(labels, predicted))


def test_more_classes_are_measured_in_the_order_of_their_columns():
    numbers = np.random.default_rng(5)
    outputs = numbers.dirichlet(np.ones(4), 77)
    labels = numbers.integers(0, 4, 77)
    classes = ["d", "b", "a", "c"]
    found = metrics.measure("multiclass", [classes[label] for label in labels], outputs, classes)
    assert set(found) == {"accuracy", "log_loss"}
    expected = sklearn_metrics.log_loss(labels, outputs, labels=range(4))
    assert found["log_loss"] == pytest.approx(expected)
    assert found["accuracy"] == pytest.approx(np.mean(outputs.argmax(axis=1) == labels))


def test_values_are_measured_in_their_unit():
    numbers = np.random.default_rng(6)
    values, outputs = numbers.normal(10, 3, (2, 50))
    found = metrics.measure("regression", [repr(float(v)) for v in values], outputs[:, None], None)
    expected = sklearn_metrics.root_mean_squared_error(values, outputs)
    assert found == {"rmse": pytest.approx(expected)}


def test_one_certain_mistake_is_not_infinitely_bad():
    outputs = np.array([[1.0, 0.0], [0.0, 1.0]])
    found = metrics.log_loss(np.array([0, 0]), outputs)
    assert found == pytest.approx(-math.log(1e-7) / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("value", "score"), [(0.80, 0.0), (0.90, 1.0), (0.85, 0.5), (0.95, 1.5), (0.5, -1.0)]
)
def test_the_score_is_0_at_the_linear_model_and_1_at_the_best_peer(value, score):
    peers = {"linear": 0.80, "lightgbm": 0.90, "tabm": 0.7}
    ends = scores.scale("accuracy", peers, Rows(1000))
    assert scores.normalised(value, ends) == pytest.approx(score)


def test_of_errors_less_is_better():
    ends = scores.scale("rmse", {"linear": 4.0, "lightgbm": 2.0, "tabm": 5.0}, Rows(100))
    assert scores.normalised(3.0, ends) == pytest.approx(0.5)
    assert scores.normalised(1.0, ends) == pytest.approx(1.5)
    assert scores.normalised(90.0, ends) == -1.0


def test_a_table_whose_peers_differ_by_noise_has_no_scale():
    noise = math.sqrt(0.8 * 0.2 / 100)
    for best, has_scale in ((0.8 + 0.9 * noise, False), (0.8 + 1.1 * noise, True)):
        ends = scores.scale("accuracy", {"linear": 0.8, "tabm": best}, Rows(100))
        assert (ends is not None) == has_scale
    assert scores.scale("rmse", {"linear": 100.0, "tabm": 99.5}, Rows(100)) is None
    assert scores.scale("accuracy", {"linear": 1.0}, Rows(100)) is None, "nobody else"
    assert scores.scale("accuracy", {"tabm": 1.0}, Rows(100)) is None, "no linear model"
    assert scores.normalised(0.9, None) is None


def test_the_noise_of_auc_is_that_of_repeated_samples():
    """Scores that are normal in both classes, one deviation apart: AUC is Φ(1/√2) = 0.760."""
    numbers = np.random.default_rng(0)
    positive = np.arange(120) < 30
    found = [metrics.auc(positive, numbers.normal(size=120) + positive) for _ in range(4000)]
    expected = scores.standard_error("auc", float(np.mean(found)), Rows(120, (90, 30)))
    assert np.mean(found) == pytest.approx(0.760, abs=0.005)
    assert np.std(found) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("metric", "value", "other", "expected"),
    [
        ("auc", 0.9, 0.89, 1),
        ("auc", 0.9, 0.898, 0),
        ("accuracy", 0.89, 0.9, -1),
        ("rmse", 98.0, 100.0, 1),
        ("rmse", 99.5, 100.0, 0),
        ("rmse", 103.0, 100.0, -1),
    ],
)
def test_wins_and_losses(metric, value, other, expected):
    assert scores.outcome(metric, value, other) == expected


def fits(contender, values, **more):
    return [
        {"contender": contender, "accuracy": value, "log_loss": 1.0, "wall": 2.0, "cpu": 1.0} | more
        for value in values
    ]


def test_medians_over_seeds_count_and_means_over_tables_with_a_scale():
    peers = ["linear", "tabm"]
    rows = [*fits("linear", [0.5]), *fits("tabm", [0.7]), *fits("fastmlp", [0.1, 0.6, 0.9])]
    even = [*fits("linear", [0.5]), *fits("tabm", [0.5]), *fits("fastmlp", [0.5], cpu=4.0)]
    tables = [scores.score_table("multiclass", each, Rows(100), peers) for each in (rows, even)]
    assert [table.has_scale for table in tables] == [True, False]
    own = scores.summarise("fastmlp", "fastmlp", tables)
    assert own.score == pytest.approx(0.5)
    assert (own.tables, own.scaled, own.processor_seconds) == (2, 1, 5.0)
    against = scores.summarise("linear", "fastmlp", tables)
    assert (against.wins, against.ties, against.losses) == (1, 1, 0)
    assert scores.summarise("tabm", "fastmlp", tables).losses == 1
    assert own.log_loss_score is None, "all log losses are the same"
