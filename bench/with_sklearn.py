"""scikit-learn's MLPClassifier as a contender, in float32; and the matrix product of its BLAS."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from .problem import Problem, RowCalls
from .vectors import Report, of_numpy

NEVER = 10**9  # epochs without improvement before it stops


class Training:
    """Epochs of fit with warm_start: one call of fit for all that are asked for at once.

    For two classes MLPClassifier trains one logit where the others train two outputs; it starts
    from weights of its own then, and its losses cannot be compared.
    """

    compile_seconds = 0.0

    def __init__(self, problem: Problem, threads: int, shuffle: bool):
        self._features, self._labels = problem.features, problem.labels
        self._network = _network(problem, shuffle)

    def run(self, epochs: int) -> list[float]:
        """Train; return each epoch's mean loss."""
        seen = len(self._network.loss_curve_)
        _fit(self._network.set_params(max_iter=epochs), self._features, self._labels)
        return [float(loss) for loss in self._network.loss_curve_[seen:]]


class Prediction:
    """Calls of predict_proba."""

    compile_seconds = 0.0

    def __init__(self, problem: Problem, threads: int, batch: int):
        self._calls = RowCalls(problem.features, batch)
        self._network = _network(problem, shuffle=False)

    def run(self, calls: int) -> list[list[float]]:
        """Predict; return the last call's first row of probabilities."""
        for _ in range(calls):
            outputs = self._network.predict_proba(self._calls.next())
        return outputs[:1].tolist()


class Product:
    """Products of square matrices by NumPy's BLAS."""

    compile_seconds = 0.0

    def __init__(self, size: int, threads: int):
        self._a, self._b, self._c = (np.ones((size, size), np.float32) for _ in range(3))

    def run(self, products: int) -> list[float]:
        """Multiply."""
        for _ in range(products):
            np.matmul(self._a, self._b, out=self._c)
        return []


def vectors() -> list[Report]:
    """Return what NumPy and each BLAS say; scikit-learn's own code has no choice to make."""
    return of_numpy()


def _network(problem: Problem, shuffle: bool) -> MLPClassifier:
    """Return a network fitted to one row of each class, then given the initial weights."""
    shape = problem.shape
    network = MLPClassifier(
        shape.widths[1:-1],
        activation="relu",
        solver="adam" if shape.optimizer == "adam" else "sgd",
        alpha=0.0,
        batch_size=shape.batch,
        learning_rate_init=shape.learning_rate,
        momentum=shape.momentum,
        nesterovs_momentum=False,
        max_iter=1,
        shuffle=shuffle,
        random_state=0,
        tol=0.0,
        n_iter_no_change=NEVER,
        warm_start=True,
    )
    classes, first_rows = np.unique(problem.labels, return_index=True)
    _fit(network, problem.features[first_rows], problem.labels[first_rows])
    if len(classes) > 2:
        network.coefs_ = [weight.copy() for weight, _ in problem.parameters]
        network.intercepts_ = [bias.copy() for _, bias in problem.parameters]
    return network


def _fit(network: MLPClassifier, features: np.ndarray, labels: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is told how many epochs to make
        warnings.filterwarnings("ignore", "Got `batch_size`")  # the few rows of the first fit
        network.fit(features, labels)
