"""The best threshold beside a search over all, with scikit-learn's scores."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from fastmlp.metrics.score import decide
from fastmlp.metrics.threshold import CHOOSES, best_threshold

SCORES = {"f1": f1_score, "balanced_accuracy": balanced_accuracy_score}


def by_search(truth, probabilities, metric):
    values = np.unique(np.concatenate([[0.0, 1.0], probabilities.astype(float)]))
    tried = (values[1:] + values[:-1]) / 2
    scores = [SCORES[metric](truth, probabilities > each) for each in tried]
    return max(scores)


@pytest.mark.parametrize("metric", CHOOSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [2, 3, 50, 1001])
@pytest.mark.parametrize("steps", [4, None])
def test_no_other_is_better(metric, dtype, rows, steps):
    random = np.random.default_rng(rows)
    truth = np.append([0, 1], random.random(rows - 2) < 0.2).astype(np.int64)
    probabilities = np.clip(0.15 * truth + 0.6 * random.random(rows), 0, 1).astype(dtype)
    if steps:
        probabilities = np.round(probabilities * steps) / dtype(steps)
    found = best_threshold(truth, probabilities, metric)
    outputs = np.stack([1 - probabilities, probabilities], axis=1)
    score = SCORES[metric](truth, decide("classification", outputs, found))
    assert 0 <= found <= 1
    assert score == pytest.approx(by_search(truth, probabilities, metric))


@pytest.mark.parametrize("metric", CHOOSES)
@pytest.mark.parametrize(
    "values", [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.3, np.nextafter(0.3, 1)]]
)
def test_probabilities_at_the_ends(metric, values):
    truth, values = np.array([0, 1]), np.array(values)
    found = best_threshold(truth, values, metric)
    said = decide("classification", np.stack([1 - values, values], axis=1), found)
    if values[1] > values[0]:
        assert said.tolist() == [0, 1]
    assert 0 <= found <= 1


def test_of_equally_good_ones_the_one_nearest_to_a_half():
    truth = np.array([0, 0, 1, 1])
    assert best_threshold(truth, np.array([0.1, 0.3, 0.8, 0.9]), "f1") == pytest.approx(0.55)
    wrong = np.array([0.9, 0.6, 0.2, 0.1])  # nothing but all or none: recall of each is ½
    found = best_threshold(truth, wrong, "balanced_accuracy")
    said = decide("classification", np.stack([1 - wrong, wrong], axis=1), found)
    assert len(set(said.tolist())) == 1
