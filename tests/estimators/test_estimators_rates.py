"""Learning rates epoch by epoch, as scikit-learn's tests check them by its private optimizer."""

import numpy as np
import pytest
from estimators_support import digits

from fastmlp import Callback, MLPClassifier


class Rates(Callback):
    def __init__(self):
        self.seen = []

    def recorded(self, trainer, record):
        self.seen.append(record.learning_rate)


def rates(X, y, **how):
    listener = Rates()
    model = MLPClassifier((4,), random_state=0, callbacks=[listener], **how).fit(X, y)
    assert model.learning_rate_ == pytest.approx(listener.seen[-1])
    return listener.seen, model


def test_constant():
    seen, _ = rates(*digits(100), solver="sgd", max_iter=3, learning_rate_init=0.02)
    assert seen == [0.02] * 3


def test_inverse_scaling_by_rows_seen():
    seen, model = rates(
        *digits(100), solver="sgd", learning_rate="invscaling", power_t=0.25, max_iter=3
    )
    assert seen == pytest.approx([0.001 / (1 + 100 * epoch) ** 0.25 for epoch in range(3)])
    model.set_params(warm_start=True).fit(*digits(100))
    assert model.callbacks[0].seen[3] == pytest.approx(0.001 / 301**0.25)


def test_adaptive_ends_when_the_rate_is_small():
    X, y = [[3, 2], [1, 6]], [1, 0]
    listener = Rates()
    model = MLPClassifier(
        tol=0.5,
        max_iter=3000,
        solver="sgd",
        learning_rate="adaptive",
        callbacks=[listener],
        random_state=0,
    ).fit(X, y)
    assert model.max_iter > model.n_iter_
    assert model.learning_rate_ < 1e-6
    steps = np.unique(listener.seen)[::-1]
    np.testing.assert_allclose(steps[:-1] / steps[1:], 5)


def test_cosine_ends_near_zero():
    seen, _ = rates(*digits(100), learning_rate="cosine", max_iter=10)
    assert seen[0] == 0.001
    assert seen[-1] == pytest.approx(0.001 * 0.5 * (1 + np.cos(np.pi * 0.9)))
