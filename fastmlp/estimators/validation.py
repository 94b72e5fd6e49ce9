"""Loss and score of validation rows after every epoch, in one pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier

from fastmlp.step.counters import Counters
from fastmlp.training.sweep import Sweep

from .engine import PREDICTION_BATCH, Engine
from .rare_classes import check_score, lacking, with_all_labels
from .rows import Rows, mean_one


class Validation:
    """Rows that are looked at and not trained on.

    Parameters
    ----------
    engine
        Whose network is measured.
    features, targets
        As the network takes them.
    weights
        (rows,) or None.
    score
        Called with the finished outputs (rows, outputs).
    share
        Factor of the reported loss, see losses.
    """

    def __init__(
        self,
        engine: Engine,
        features: np.ndarray,
        targets: np.ndarray,
        weights: np.ndarray | None,
        score: Callable[[np.ndarray], float],
        share: float,
    ):
        backend, network = engine.backend, engine.network
        self._rows = Rows(
            backend,
            features,
            targets,
            Counters(backend),
            dtype=network.dtype,
            batch_size=min(PREDICTION_BATCH, len(features)),
            weights=mean_one(weights)[0],
            **engine.scaling,
        )
        width = network.architecture.outputs
        self._finished = backend.empty((self._rows.batch_size, width), network.dtype)
        self._outputs = backend.empty((len(features), width), network.dtype)
        self._engine, self._score, self._share = engine, score, share
        self._sweep = Sweep(
            backend, len(features), self._rows.batch_size, self._step, window=self._rows.window
        )

    def _step(self, rows: int) -> None:
        self._rows.begin(rows)
        x, targets, weights = self._rows.load(rows)
        outputs, finished = self._engine.network.forward(x, training=False), self._finished[:rows]
        self._engine.loss.backward(outputs, targets, weights)
        self._engine.loss.finish_outputs(outputs, finished)
        self._rows.store(finished, self._outputs)

    def run(self) -> tuple[float, float]:
        """Return (score, loss) of the network as it stands; the score is NaN where the outputs are
        not finite.
        """
        self._rows.counters.start_epoch(0)
        for _ in self._sweep.run():
            pass
        loss = self._engine.loss.take_statistics().loss * self._share
        outputs = self._engine.backend.to_numpy(self._outputs)
        return (self._score(outputs) if np.isfinite(outputs).all() else float("nan")), loss


def accuracy(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None) -> float:
    """Return the share of rows, by weight, whose labels are all right: scikit-learn's without its
    checks of every call.
    """
    right = truth == predicted
    return float(np.average(right if right.ndim == 1 else right.all(axis=1), weights=weights))


def r2(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None) -> float:
    """Return R², the mean over the outputs; 1 for a constant that is met, else 0, by scikit-learn's
    convention.
    """
    truth, predicted = np.asarray(truth, np.float64), np.asarray(predicted, np.float64)
    with np.errstate(all="ignore"):
        residual = np.average((truth - predicted) ** 2, axis=0, weights=weights)
        spread = np.average(
            (truth - np.average(truth, axis=0, weights=weights)) ** 2, axis=0, weights=weights
        )
        each = np.where(spread > 0, 1 - residual / spread, np.where(residual > 0, 0.0, 1.0))
    return float(np.mean(each))


class Outputs(BaseEstimator):
    """An estimator whose predictions are there already, for scorers that want one."""

    def __init__(self, estimator: Any = None, outputs: np.ndarray | None = None):
        self.estimator, self.outputs = estimator, outputs

    def __sklearn_tags__(self):
        return self.estimator.__sklearn_tags__()

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def classes_(self) -> np.ndarray:
        """The labels."""
        return self.estimator.classes_

    def fit(self, X, y):
        """Return self: there is nothing to learn."""
        return self

    def predict(self, X) -> np.ndarray:
        """Return the predictions of the validation rows, whatever ``X``."""
        return self.estimator._decided(self.outputs)

    def predict_proba(self, X) -> np.ndarray:
        """Return their probabilities."""
        return self.estimator._probabilities(self.outputs)


def make_score(
    estimator: Any,
    metric: str | Callable | None,
    features: np.ndarray,
    truth: np.ndarray,
    weights: np.ndarray | None,
) -> Callable[[np.ndarray], float]:
    """Return a function from outputs to a score, greater is better.

    Parameters
    ----------
    estimator
        Knows how outputs become predictions, and its own score.
    metric
        A name of scikit-learn's scorers, a scorer, or None for accuracy or R².
    features, truth, weights
        Of the validation rows: the target as the user gave it. Where they lack a class, a metric of
        probabilities that takes ``labels`` is given all of them.

    Raises
    ------
    UsageError
        If a metric of scikit-learn's cannot be computed without the classes that are lacking.
    """
    if metric is None:
        own = estimator._own_score
        return lambda outputs: own(truth, estimator._decided(outputs), weights)
    from sklearn.metrics import get_scorer

    scorer = get_scorer(metric) if isinstance(metric, str) else metric
    missing = lacking(truth, estimator.classes_) if is_classifier(estimator) else []
    if missing and truth.ndim == 1:
        scorer = with_all_labels(scorer, estimator.classes_)
    how = {} if weights is None or not isinstance(metric, str) else {"sample_weight": weights}

    def score(outputs: np.ndarray) -> float:
        return float(scorer(Outputs(estimator, outputs), features, truth, **how))

    if missing and hasattr(scorer, "_score_func"):
        check_score(
            score,
            metric,
            np.full((len(truth), estimator.n_outputs_), 1 / max(estimator.n_outputs_, 2)),
            missing,
        )
    return score
