"""Loss and score of validation rows after every epoch, also by metrics that need every class."""

from __future__ import annotations

import copy
import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier

from fastmlp.errors import UsageError
from fastmlp.nn.losses import Loss
from fastmlp.nn.network import Network
from fastmlp.step.batches import Batches
from fastmlp.training.passes import MeasuredPrediction
from fastmlp.training.state import is_finite

from .parameters import SCORERS, Parameters

SHOWN = 5  # labels in a message


class Validation:
    """Rows that are looked at and not trained on.

    Parameters
    ----------
    network, loss, batches
        What is measured, on which rows.
    score
        Called with the finished outputs (rows, outputs).
    share
        Factor of the reported loss, see losses.
    dtype
        In which the weights must be finite for a score.
    """

    name = "validation"

    def __init__(
        self,
        network: Network,
        loss: Loss,
        batches: Batches,
        score: Callable[[np.ndarray], float],
        share: float,
        dtype: np.dtype,
    ):
        ranks = network.backend.ranks  # that train together measure together
        self._pass = MeasuredPrediction(network, loss, batches, ranks=ranks)
        self._store = network.store
        self._score, self._share, self._dtype = score, share, dtype

    def run(self) -> dict[str, float]:
        """Return loss and score of the network as it stands; NaN where it has diverged."""
        if not is_finite(self._store.snapshot(), self._dtype):
            return {"loss": math.nan, "score": math.nan}
        outputs, sums = self._pass.run()
        score = self._score(outputs) if np.isfinite(outputs).all() else math.nan
        return {"loss": sums.loss * self._share, "score": score}


def accuracy(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None) -> float:
    """Return the share of rows, by weight, whose labels are all right, as scikit-learn's."""
    right = truth == predicted
    return float(np.average(right if right.ndim == 1 else right.all(axis=1), weights=weights))


class Outputs(BaseEstimator):
    """An estimator whose predictions are there already, for scorers that want one."""

    def __init__(self, estimator: Parameters, outputs: np.ndarray):
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
    estimator: Parameters,
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
        A name of scikit-learn's scorers or of SCORERS, a scorer, or None for accuracy or R².
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

    scorer = get_scorer(SCORERS.get(metric, metric)) if isinstance(metric, str) else metric
    missing = lacking(truth, estimator.classes_) if is_classifier(estimator) else []
    if missing and truth.ndim == 1:
        scorer = with_all_labels(scorer, estimator.classes_)
    weighs = weights is not None and isinstance(metric, str)
    weighting = {"sample_weight": weights} if weighs else {}

    def score(outputs: np.ndarray) -> float:
        return float(scorer(Outputs(estimator, outputs), features, truth, **weighting))

    if missing and hasattr(scorer, "_score_func"):
        outputs = estimator.n_outputs_
        check_score(score, metric, np.full((len(truth), outputs), 1 / max(outputs, 2)), missing)
    return score


def lacking(truth: np.ndarray, classes: np.ndarray) -> list[Any]:
    """Return the classes that no row has; of several a row, those that all rows have alike."""
    if truth.ndim == 1:
        return np.setdiff1d(classes, truth).tolist()
    return classes[(truth == truth[:1]).all(axis=0)].tolist()


def with_all_labels(scorer: Any, classes: np.ndarray) -> Any:
    """Return a scorer that is given all labels, where its metric of probabilities can be."""
    function = getattr(scorer, "_score_func", None)
    if function is None or scorer._response_method == "predict" or "labels" in scorer._kwargs:
        return scorer
    if "labels" not in inspect.signature(function).parameters:
        return scorer
    told = copy.copy(scorer)
    told._kwargs = {**scorer._kwargs, "labels": classes}
    return told


def check_score(score: Any, metric: Any, outputs: np.ndarray, missing: list[Any]) -> None:
    """Ask for the score of outputs that mean nothing, before any work.

    Raises
    ------
    UsageError
        If there is none: the message names metric and classes.
    """
    reason = "it is not defined without them"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not math.isnan(score(outputs)):
                return
    except ValueError as error:
        reason = str(error).partition("\n")[0].rstrip(".")
    name = metric if isinstance(metric, str) else getattr(metric, "_score_func", metric).__name__
    shown = ", ".join(map(repr, missing[:SHOWN])) + (", …" if len(missing) > SHOWN else "")
    raise UsageError(
        f"metric {name!r} cannot be computed, since the validation rows lack examples of class "
        f"{shown}: {reason}. Give an eval_set with every class, a larger validation_fraction, "
        "or another metric."
    )
