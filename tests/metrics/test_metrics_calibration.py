"""The temperature beside SciPy's minimum of the log loss, at its ends and of odd inputs."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss

from fastmlp.errors import UsageError
from fastmlp.metrics.adjustment import Adjustment
from fastmlp.metrics.calibration import (
    HIGHEST,
    LOWEST,
    at_temperature,
    cross_entropy,
    fit_temperature,
    logits_of,
)


def drawn(rows, classes, temperature, seed=0):
    """Logits, and labels that are drawn with their probabilities at a temperature."""
    random = np.random.default_rng(seed)
    logits = 4 * random.normal(size=(rows, classes))
    shares = softmax(logits / temperature, axis=1).cumsum(axis=1)
    return logits, (random.random((rows, 1)) > shares).sum(axis=1)


def by_scipy(logits, labels):
    def loss(log_temperature):
        rows = np.arange(len(labels))
        of_all = log_softmax(logits / np.exp(log_temperature), axis=1)
        doubt = 1 / (len(labels) + 1)  # as if one row more were of each class alike
        return -(1 - doubt) * of_all[rows, labels].mean() - doubt * of_all.mean()

    found = minimize_scalar(
        loss, bounds=np.log([LOWEST, HIGHEST]), method="bounded", options={"xatol": 1e-10}
    )
    return np.exp(found.x)


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_it_is_the_minimum(classes, temperature):
    logits, labels = drawn(3000, classes, temperature)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(by_scipy(logits, labels), rel=1e-5)
    assert found == pytest.approx(temperature, rel=0.15)
    assert cross_entropy(logits, labels, found) <= cross_entropy(logits, labels) + 1e-3


def test_probabilities_do_as_well_as_logits():
    """As of an ensemble, whose members' probabilities are averaged."""
    logits, labels = drawn(500, 4, 2.0)
    by_logits = fit_temperature(logits, labels)
    assert fit_temperature(logits_of(softmax(logits, axis=1)), labels) == pytest.approx(by_logits)
    mean = (softmax(logits, axis=1) + softmax(logits[:, ::-1], axis=1)) / 2
    expected = by_scipy(np.log(mean), labels)
    assert fit_temperature(logits_of(mean), labels) == pytest.approx(expected, rel=1e-5)
    ends = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    assert fit_temperature(logits_of(ends), np.array([0, 1, 1])) == HIGHEST


def test_one_logit_is_a_softmax_of_two():
    logits, labels = drawn(400, 2, 3.0)
    one = logits[:, 1:] - logits[:, :1]
    assert fit_temperature(one, labels) == pytest.approx(fit_temperature(logits, labels))
    assert fit_temperature(one, labels[:, None]) == pytest.approx(fit_temperature(one, labels))
    assert cross_entropy(one, labels, 2.0) == pytest.approx(cross_entropy(logits, labels, 2.0))


def test_several_labels_are_fitted_together():
    random = np.random.default_rng(3)
    logits = 3 * random.normal(size=(400, 3))
    labels = (random.random((400, 3)) < 1 / (1 + np.exp(-logits / 2))).astype(np.float32)
    pairs = np.stack([np.zeros(1200), logits.ravel()], axis=1)
    expected = by_scipy(pairs, labels.ravel().astype(int))
    assert fit_temperature(logits, labels) == pytest.approx(expected, rel=1e-5)
    each = at_temperature(logits, 2.0, "sigmoid")
    expected = sum(log_loss(labels[:, k], each[:, k]) for k in range(3))
    assert cross_entropy(logits, labels, 2.0) == pytest.approx(expected)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e4, 1e30])
def test_the_ends(size):
    right = size * np.eye(3)
    labels = np.arange(3)
    # Three rows that are right leave room for doubt, the more the surer they are.
    sharp = {1e-30: 1.0, 1.0: by_scipy(right, labels)}.get(size, HIGHEST)
    assert fit_temperature(right, labels) == pytest.approx(sharp, rel=1e-5)
    flat = 1.0 if size < 1e-12 else HIGHEST
    assert fit_temperature(right, (labels + 1) % 3) == flat


def test_equal_logits_leave_it_at_one():
    assert fit_temperature(np.full((4, 3), 7.0), np.array([0, 1, 2, 0])) == 1
    assert fit_temperature(np.zeros((1, 1)), np.array([1])) == 1


def test_mixed_sizes_of_logits():
    logits = np.array([[1e8, 0.0], [0.0, 1e-3], [3.0, 0.0], [0.0, 2.0]])
    found = fit_temperature(logits, np.array([0, 1, 1, 1]))
    assert found == pytest.approx(by_scipy(logits, np.array([0, 1, 1, 1])), rel=1e-4)


def test_what_is_refused():
    with pytest.raises(UsageError, match="at least one row"):
        fit_temperature(np.zeros((0, 2)), np.zeros(0, int))
    for bad in (np.nan, np.inf):
        with pytest.raises(UsageError, match="finite logits"):
            fit_temperature(np.array([[0.0, bad]]), np.array([0]))


def test_probabilities_at_a_temperature():
    logits = np.array([[1000.0, 0.0, -1000.0], [1.0, 2.0, 3.0]])
    expected = softmax(logits / 3, axis=1)
    assert at_temperature(logits, 3.0, "softmax") == pytest.approx(expected)
    with np.errstate(over="ignore"):
        expected = 1 / (1 + np.exp(-logits / 3))
    assert at_temperature(logits, 3.0, "sigmoid") == pytest.approx(expected)


def test_nothing_is_adjusted_by_default():
    assert Adjustment().is_none
    assert not Adjustment(temperature=1.5).is_none
    assert Adjustment(threshold=0.25).to_dict()["threshold"] == 0.25
