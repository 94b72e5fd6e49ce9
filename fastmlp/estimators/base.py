"""What MLPClassifier and MLPRegressor share: ``fit``, and the way to a model."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sklearn.base import _fit_context
from sklearn.utils.validation import check_is_fitted

from . import parameters
from .fitting import Fitting

if TYPE_CHECKING:
    from fastmlp.export.network import PlainLayer
    from fastmlp.model.model import Model


class Documented:
    """Where scikit-learn's picture of an estimator finds its documentation."""

    _doc_link_module = "fastmlp"
    _doc_page = "estimators"

    def _get_doc_link(self) -> str:
        """Return the page's address; empty if there is none, or the class is somebody's own."""
        is_ours = type(self).__module__.partition(".")[0] == self._doc_link_module
        return documentation(self._doc_page) if is_ours else ""


@cache
def documentation(page: str) -> str:
    """Return the address of a page of docs/: where the installed package says that they are, else
    in the checkout that it runs from; empty if there is neither.
    """
    try:
        urls = metadata("fastmlp").get_all("Project-URL") or []
    except PackageNotFoundError:
        urls = []
    for label, _, url in (each.partition(", ") for each in urls):
        if label.lower() == "documentation":
            return f"{url.rstrip('/')}/{page}.html"
    path = Path(__file__).resolve().parents[2] / "docs" / f"{page}.md"
    return path.as_uri() if path.is_file() else ""


def is_stochastic(estimator: BaseMLP) -> bool:
    """Return True, or hide ``partial_fit`` by an AttributeError where there are no epochs."""
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
        )
    return True


class BaseMLP(Documented, Fitting):
    """A multilayer perceptron with scikit-learn's interface; use MLPClassifier or MLPRegressor."""

    _parameter_constraints: ClassVar[dict] = parameters.CONSTRAINTS

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
        self._learn(X, y, sample_weight, eval_set, incremental=False)
        return self

    def plain_layers(self) -> list[PlainLayer]:
        """Return what is computed between the scaled inputs and the last activation, as copies."""
        from fastmlp.export.network import plain_layers

        check_is_fitted(self)
        return plain_layers(self._ready_engine().network)

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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
