"""What MLPClassifier and MLPRegressor share: fit, predictions, and what is kept between them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils.validation import check_is_fitted

from . import parameters, weights
from .engine import Engine
from .inputs import row_blocks, validated_features
from .learning import learn, new_engine

if TYPE_CHECKING:
    from fastmlp.export.network import Step
    from fastmlp.model.model import Model

KEPT_ON_THE_DEVICE = ("_engine", "_worker", "_lesson")


def is_stochastic(estimator: Any) -> bool:
    """Return True, or raise the AttributeError that hides ``partial_fit`` where there are no
    epochs.
    """
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
        )
    return True


class BaseMLP(BaseEstimator, ABC):
    """A multilayer perceptron with scikit-learn's interface; use MLPClassifier or MLPRegressor."""

    _parameter_constraints: ClassVar[dict] = parameters.CONSTRAINTS
    _accepted_losses: tuple[str, ...]
    _numeric_target = False

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, eval_set=None):
        """Train on all rows for up to ``max_iter`` epochs.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Features. A sparse matrix is made dense, if there is memory for it.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels, 0 and 1 for each label, or numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Factor of each row's loss.
        eval_set : tuple (X, y) or (X, y, sample_weight), default=None
            Rows that are measured after every epoch and not trained on; early stopping watches them
            instead of setting rows aside.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data cannot be used, or the weights did not stay finite.
        """
        learn(self, X, y, sample_weight, eval_set, incremental=False)
        return self

    @abstractmethod
    def _encoded(
        self, y: np.ndarray, first: bool, incremental: bool
    ) -> tuple[str, np.ndarray, np.ndarray]:
        """Return (task, targets for the network, target in the user's terms) of a checked ``y``."""

    @abstractmethod
    def _decided(self, outputs: np.ndarray) -> np.ndarray:
        """Turn finished outputs (rows, outputs) into predictions."""

    @abstractmethod
    def _own_score(
        self, truth: np.ndarray, predicted: np.ndarray, row_weights: np.ndarray | None
    ) -> float:
        """Return what early stopping watches unless ``metric`` says otherwise."""

    @abstractmethod
    def _out_activation(self, task: str, outputs: int) -> str:
        """Return the word for ``out_activation_``."""

    def _class_factors(self, truth: np.ndarray) -> np.ndarray | None:
        """Return what ``class_weight`` multiplies the weights of training rows by."""
        return None

    def _stratify(self, targets: np.ndarray) -> np.ndarray | None:
        """Return by what the rows for early stopping are stratified."""
        return None

    def _class_numbers(self, truth: np.ndarray) -> np.ndarray | None:
        """Return the class number of each row, None where a row has not just one class."""
        return None

    def _ready_engine(self) -> Engine:
        """Return the network with the weights of the attributes; it is built anew after unpickling."""
        engine = getattr(self, "_engine", None)
        is_new = engine is None or not engine.fits(self._blueprint, self.device, self.threads)
        if is_new:
            engine = new_engine(self, self._blueprint)
        with engine.lock:
            weights.put(self, engine)
            if is_new:
                self._engine = engine
                weights.show(self, engine)
        return engine

    def _outputs(self, X) -> np.ndarray:
        """Return the finished outputs (rows, outputs), in float32 where X is, else in float64."""
        check_is_fitted(self)
        X = validated_features(self, X)
        engine = self._ready_engine()
        blocks = [engine.outputs(block) for block in row_blocks(X)]
        outputs = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        return outputs.astype(np.float32 if X.dtype == np.float32 else np.float64, copy=False)

    def network_steps(self) -> list[Step]:
        """Return what the network computes between the scaled inputs and the last activation, as
        copies.
        """
        from fastmlp.export.network import network_steps

        check_is_fitted(self)
        return network_steps(self._ready_engine().network)

    def to_model(self) -> Model:
        """Return a model that predicts the same, and is saved and exported like those that
        ``fastmlp train`` makes.

        A ``Pipeline`` with scalers before the network becomes a model by ``fastmlp.from_sklearn``.

        Raises
        ------
        UsageError
            If the loss is one whose outputs a model cannot report: poisson, or a classifier's
            without probabilities.
        """
        from fastmlp.adopt.from_sklearn import from_sklearn

        check_is_fitted(self)
        return from_sklearn(self)

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there are weights; a fit that failed may have left other attributes."""
        return hasattr(self, "coefs_")

    def __getstate__(self) -> dict[str, Any]:
        """Return settings and plain arrays: the network on its device is built again when it is
        needed.
        """
        state = dict(super().__getstate__())
        for name in KEPT_ON_THE_DEVICE:
            state.pop(name, None)
        memory = state.get("_memory")
        if memory is not None and memory.descent is not None and not self.warm_start:
            # As large as twenty copies of the weights in float64, and of use to a warm start alone.
            state["_memory"] = replace(memory, descent=None)
        return state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
