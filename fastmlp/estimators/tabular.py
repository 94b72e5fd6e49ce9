"""TabularClassifier and TabularRegressor: the strongest network for a table, without its tricks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from fastmlp.backend import Backend
from fastmlp.errors import UsageError
from fastmlp.model.model import Model, load_model
from fastmlp.preparation.given import Given
from fastmlp.preparation.prepare import prepare
from fastmlp.ranks.contract import ALONE, Ranks
from fastmlp.ranks.joining import here
from fastmlp.run.assembly import Assembly, assemble
from fastmlp.settings.presets import FEWEST_ROWS
from fastmlp.settings.settings import Settings, settings_from

from .base import Documented
from .engine import open_device, thread_count

LARGEST_SEED = 2**31 - 1


class BaseTabular(Documented, BaseEstimator, ABC):
    """An ensemble of networks for a table; use TabularClassifier or TabularRegressor."""

    _task: str
    _doc_page = "tabular"

    def __init__(
        self,
        *,
        preset="tables",
        metric=None,
        time_limit=None,
        refit=False,
        settings=None,
        random_state=None,
        device="auto",
        threads="auto",
    ):
        self.preset = preset
        self.metric = metric
        self.time_limit = time_limit
        self.refit = refit
        self.settings = settings
        self.random_state = random_state
        self.device = device
        self.threads = threads

    def fit(self, X, y):
        """Train on all rows; with the preset's folds each row is validated by one member.

        Parameters
        ----------
        X : frame or array-like of shape (n_samples, n_features)
            A pandas or polars frame with numbers, texts, dates and gaps as they are, or an array.
        y : array-like of shape (n_samples,)
            Labels or numbers.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data cannot be used.
        """
        if y is None:
            raise UsageError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None; give one label or number a row."
            )
        X, y = self._features(X, reset=True, y=y)
        ranks = here()
        with ranks.guarded():
            self._train(X, y, ranks)
        return self

    def _train(self, X, y, ranks: Ranks) -> None:
        """Set the fitted attributes."""
        said = ranks.decide(lambda: self._said(len(y)))
        backend = self._open(said, ranks)
        data = prepare(said, Given((X, self._target(y))))
        ranks.check_alike("the data", data.known_rows.order)
        training = assemble(data, backend)
        result = training.trainer.fit()
        self.choices_ = training.choose()
        self.validation_ = training.measures["validation"].run() if data.validating else None
        model = training.model
        if self.refit and data.folds is not None:
            model = _on_all_rows(training, result.best_epoch)
        self.model_, self.n_iter_, self.notes_ = model, result.epochs, tuple(data.notes)
        self.settings_ = training.settings.to_dict()
        self.history_ = [record.to_dict() for record in result.records]

    def to_model(self) -> Model:
        """Return the model, which is saved and exported as those of ``fastmlp train``."""
        check_is_fitted(self)
        return self.model_

    def _open(self, settings: Settings, ranks: Ranks = ALONE) -> Backend:
        threads = thread_count(settings.threads)
        products = settings.gemm, settings.matmul_precision
        return open_device(settings.device, threads, *products, ranks)

    def __getstate__(self) -> dict[str, Any]:
        """Return parameters and plain attributes; the model as the bytes of its file."""
        own: Any = super().__getstate__()
        state = dict(own)
        if "model_" in state:
            with TemporaryDirectory() as folder:
                state["model_"] = self.model_.save(folder).read_bytes()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "model_" in state:
            with TemporaryDirectory() as folder:
                file = Path(folder) / "model.safetensors"
                file.write_bytes(state["model_"])
                self.model_ = load_model(file, self._open(self._said(FEWEST_ROWS)))

    def _said(self, rows: int) -> Settings:
        """Return the settings that the parameters stand for."""
        said: dict[str, Any] = {
            "preset": self.preset if rows >= FEWEST_ROWS else "plain",
            "task": self._task,
            "test_fraction": 0.0,
            "seed": int(check_random_state(self.random_state).randint(LARGEST_SEED)),
            "device": self.device,
            "threads": self.threads,
        }
        named = {"metric": self.metric, "time_limit": self.time_limit}
        given = {name: value for name, value in named.items() if value is not None}
        return settings_from(said, given, self.settings or {})

    def _features(self, X, *, reset: bool, y=None) -> Any:
        """Return features as fastmlp reads them, checked as scikit-learn checks them; and y."""
        known = {} if y is None else {"y": y}
        if hasattr(X, "columns"):
            checked = validate_data(self, X, reset=reset, skip_check_array=True, **known)
            X = checked[0] if y is not None else checked
            if y is not None and len(X) != len(y):
                raise UsageError(f"X has {len(X):,} rows and y {len(y):,}; give one y a row.")
            return X if y is None else (X, y)
        if _holds_texts(X):
            import polars

            validate_data(self, X, reset=reset, dtype=None, ensure_all_finite="allow-nan")
            columns = np.asarray(X, object).T
            X = polars.DataFrame(
                {f"column_{n}": [_text(v) for v in each] for n, each in enumerate(columns, 1)}
            )
            return X if y is None else (X, y)
        rules = {"dtype": "numeric", "ensure_all_finite": "allow-nan", "reset": reset}
        if y is None:
            return validate_data(self, X, **rules)
        return validate_data(self, X, y, **rules, y_numeric=self._task == "regression")

    def _outputs(self, X) -> np.ndarray:
        check_is_fitted(self)
        return self.model_.predict_outputs(self._features(X, reset=False))

    @abstractmethod
    def _target(self, y) -> np.ndarray:
        """Return y, checked, as fastmlp reads a target."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.non_deterministic = False
        return tags


class TabularClassifier(ClassifierMixin, BaseTabular):
    """Classes of a table's rows, by an ensemble of networks over folds with calibrated
    probabilities.

    Parameters
    ----------
    preset : str, default='tables'
        Settings that belong together, as of ``fastmlp train``; tables of fewer than 40 rows are
        trained without folds.
    metric : str or None, default=None
        What tells the best epoch, on rows out of their fold: 'accuracy', 'auc', 'log_loss',
        'balanced_accuracy' or 'f1'; None for the loss.
    time_limit : float or None, default=None
        Seconds of training after which the best weights so far are kept.
    refit : bool, default=False
        Train the members anew on all rows, for as many epochs as were best out of fold. It takes
        as long again.
    settings : dict or None, default=None
        Any settings of ``fastmlp train``, which count more than the preset's.
    random_state : int, RandomState or None, default=None
        Of folds, initial weights, orders and dropout.
    device : str, default='auto'
        'auto', 'cpu', 'cuda' or 'cuda:N'.
    threads : int or 'auto', default='auto'
        CPU threads.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels in the order of the probabilities.
    model_ : fastmlp.Model
        What was trained.
    validation_ : dict or None
        Loss, accuracy and the metric of the training rows, each out of its fold.
    choices_ : dict
        The temperature and the threshold that were chosen, and by what.
    settings_ : dict
        Every setting of the training.
    notes_ : tuple of str
        What was noticed of the columns.
    history_ : list of dict
        A record an epoch.
    n_iter_, n_features_in_ : int
        Epochs trained, and columns seen in fit.
    feature_names_in_ : ndarray
        The columns' names, where they have any.

    Examples
    --------
    >>> import polars
    >>> from fastmlp import TabularClassifier
    >>> rows = polars.DataFrame({"size": [1.0, 2.0, None, 4.0] * 20, "kind": ["a", "b"] * 40})
    >>> model = TabularClassifier(random_state=0).fit(rows, ["no", "no", "yes", "yes"] * 20)
    >>> model.predict(rows[:4]).tolist()
    ['no', 'no', 'yes', 'yes']
    """

    _task = "classification"

    def predict(self, X):
        """Return the labels (n_samples,)."""
        outputs = self._outputs(X)
        decided = self.model_.decide(outputs).tolist()
        place = {label: number for number, label in enumerate(self._labels)}
        return self.classes_[[place[label] for label in decided]]

    def predict_proba(self, X):
        """Return the probability of each class (n_samples, n_classes), ordered as ``classes_``."""
        outputs, known = self._outputs(X), self.model_.classes or []
        return outputs[:, [known.index(label) for label in self._labels]]

    @property
    def _labels(self) -> list:
        """The model's own names of ``classes_``."""
        labels = self.classes_.tolist()
        return labels if set(labels) == set(self.model_.classes or ()) else [*range(len(labels))]

    def _target(self, y) -> np.ndarray:
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise UsageError(
                f"classifier needs rows of more than one class; all of y is {self.classes_[0]!r}."
            )
        # Labels that a model file can hold are kept; others are numbered.
        kinds = {type(each) for each in self.classes_.tolist()}
        return np.asarray(y if kinds in ({str}, {int}) else numbers)


class TabularRegressor(RegressorMixin, BaseTabular):
    """Numbers for a table's rows, by an ensemble of networks over folds.

    Parameters
    ----------
    preset, time_limit, refit, settings, random_state, device, threads
        As of TabularClassifier.
    metric : str or None, default=None
        What tells the best epoch, on rows out of their fold: 'rmse', 'mae', 'r2' or
        'poisson_deviance'; None for the loss.

    Attributes
    ----------
    model_, validation_, choices_, settings_, notes_, history_, n_iter_, n_features_in_,
    feature_names_in_
        As of TabularClassifier.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import TabularRegressor
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> model = TabularRegressor(random_state=0).fit(X, X[:, 0] * X[:, 1])
    >>> model.score(X, X[:, 0] * X[:, 1]) > 0.8
    True
    """

    _task = "regression"

    def predict(self, X):
        """Return the values (n_samples,)."""
        return self._outputs(X)[:, 0]

    def _target(self, y) -> np.ndarray:
        return column_or_1d(y, warn=True).astype(np.float64)


def _on_all_rows(training: Assembly, epochs: int) -> Model:
    """Train an ensemble like one over folds on all rows, and let it have what that one chose."""
    settings = settings_from(
        {name: value for name, value in training.settings.to_dict().items() if name != "folds"},
        {
            "members": training.settings.member_count,
            "epochs": max(epochs, 1),
            "calibrate": "none",
            "metric": "auto",
        },
    )
    settings = replace(settings, early_stopping=None)
    data = replace(training.data, settings=settings, folds=None)
    again = assemble(data, training.backend)
    again.trainer.fit()
    again.model.adjustment = training.model.adjustment
    return again.model


def _holds_texts(X: Any) -> bool:
    kind = getattr(X, "dtype", None)
    if kind is None and isinstance(X, (list, tuple)) and X and isinstance(X[0], (list, tuple)):
        return any(isinstance(cell, str) for row in X for cell in row)
    if kind is None or getattr(kind, "kind", "") not in "OU":
        return False
    return any(isinstance(cell, str) for cell in np.asarray(X, object).ravel())


def _text(cell: Any) -> str | None:
    return None if cell is None or cell != cell else str(cell)
