"""The numbers behind the pictures, against slow and plain counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fastmlp.report.numbers import (
    accuracy_of_classes,
    calibration,
    confidence_of,
    first_rows_of_classes,
    largest_residuals,
    most_confused,
    worst_mistakes,
)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_calibration_counted_by_hand(answers):
    found = calibration(
        np.array([sure for sure, _ in answers]), np.array([right for _, right in answers]), bins=5
    )
    error = 0.0
    for number in range(5):
        inside = [(sure, right) for sure, right in answers if min(int(sure * 5), 4) == number]
        assert found.counts[number] == len(inside)
        if inside:
            mean = sum(sure for sure, _ in inside) / len(inside)
            share = sum(right for _, right in inside) / len(inside)
            assert found.confidence[number] == pytest.approx(mean)
            assert found.right[number] == pytest.approx(share)
            error += abs(mean - share) * len(inside) / len(answers)
    assert found.error == pytest.approx(error)


def test_a_model_that_is_as_sure_as_right_has_no_calibration_error():
    assert calibration(np.full(4, 0.75), np.array([1, 1, 1, 0])).error == pytest.approx(0)
    assert calibration(np.ones(3), np.zeros(3)).error == pytest.approx(1)


def test_confidence_of_classes_and_of_labels():
    outputs = np.array([[0.2, 0.8], [0.9, 0.1]])
    sure, right = confidence_of("classification", np.array([1, 1]), outputs)
    np.testing.assert_allclose(sure, [0.8, 0.9])
    assert right.tolist() == [True, False]
    sure, right = confidence_of("multilabel", np.array([[0, 1], [1, 1]]), outputs)
    np.testing.assert_allclose(sure, [0.8, 0.8, 0.9, 0.9])
    assert right.tolist() == [True, True, True, False]


@given(arrays(np.int64, (20, 2), elements=st.integers(0, 3)))
def test_accuracy_of_classes_counted_by_hand(pairs):
    shares = accuracy_of_classes(pairs[:, 0], pairs[:, 1], 4)
    for number in range(4):
        mine = [said == true for true, said in pairs if true == number]
        assert (
            np.isnan(shares[number]) if not mine else shares[number] == pytest.approx(np.mean(mine))
        )


def test_the_worst_mistake_gave_the_true_class_least():
    outputs = np.array([[0.6, 0.4], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])
    said = np.array([0, 1, 1, 1])
    assert worst_mistakes(np.array([0, 0, 0, 1]), outputs, said, 5).tolist() == [1, 2]
    assert worst_mistakes(np.array([0, 0, 0, 1]), outputs, said, 1).tolist() == [1]
    assert worst_mistakes(np.array([0, 1, 1, 1]), outputs, said, 5).tolist() == []


def test_largest_residuals_are_measured_in_deviations():
    values = np.array([[0.0, 0.0], [1.0, 100.0], [2.0, 200.0]])
    outputs = values + np.array([[0.0, 10.0], [0.9, 0.0], [0.0, 0.0]])
    assert largest_residuals(values, outputs, 2).tolist() == [1, 0]
    assert largest_residuals(np.ones((2, 1)), np.array([[1.0], [2.0]]), 1).tolist() == [1]


def test_most_confused_leaves_out_what_is_right():
    assert most_confused(np.array([[9, 1, 0], [4, 9, 0], [0, 0, 9]]), 3) == [(1, 0, 4), (0, 1, 1)]
    assert most_confused(np.eye(3, dtype=int), 3) == []


@given(arrays(np.int64, st.integers(1, 30), elements=st.integers(0, 4)), st.integers(1, 4))
def test_first_rows_of_classes(labels, each):
    for number, rows in enumerate(first_rows_of_classes(labels, 5, each)):
        assert rows.tolist() == [row for row, label in enumerate(labels) if label == number][:each]
