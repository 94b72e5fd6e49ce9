"""Data and comparisons that the tests of the estimators share."""

import numpy as np
from sklearn.datasets import (
    load_digits,
    make_classification,
    make_multilabel_classification,
    make_regression,
)


def digits(rows=400):
    X, y = load_digits(return_X_y=True)
    return X[:rows] / 16, y[:rows]


def two_classes(rows=150):
    return make_classification(rows, 8, n_informative=5, random_state=1)


def several_labels(rows=150):
    X, y = make_multilabel_classification(rows, 10, n_classes=4, random_state=2)
    return X / 20, y


def numbers(rows=200, targets=1):
    X, y = make_regression(rows, 6, n_targets=targets, noise=3.0, random_state=3)
    return X, y / np.std(y)


def arrays(estimator):
    """Return every number that a prediction depends on."""
    norms = [array for norm in getattr(estimator, "batch_norm_", []) for array in norm.values()]
    return [*estimator.coefs_, *estimator.intercepts_, *norms]


def assert_same_bits(one, other):
    assert len(arrays(one)) == len(arrays(other))
    for first, second in zip(arrays(one), arrays(other), strict=True):
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)
