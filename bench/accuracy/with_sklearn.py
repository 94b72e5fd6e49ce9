"""scikit-learn's linear models and MLP: medians, standard scaling, a column for each text."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from .frames import MISSING, Frames
from .recipes import REGRESSION
from .tables import Table


class Fit:
    """One fit of ``linear`` or ``mlp``, as scikit-learn has them but for a limit of 2,000 steps."""

    def __init__(self, table: Table, seed: int, threads: int, model: str):
        self._frames = frames = Frames(table)
        is_regression = table.task == REGRESSION
        if model == "linear":
            last = Ridge(1.0) if is_regression else LogisticRegression(max_iter=2000)
        elif is_regression:
            network = MLPRegressor(max_iter=200, random_state=seed)
            last = TransformedTargetRegressor(network, transformer=StandardScaler())
        else:
            last = MLPClassifier(max_iter=200, random_state=seed)
        self._model = make_pipeline(_preparation(frames), last)

    def fit(self) -> None:
        """Learn from training and validation rows."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # 200 epochs are its default
            self._model.fit(self._frames.features, self._frames.target)

    def outputs(self) -> tuple[np.ndarray, list[str] | None]:
        """Return probabilities and their classes, or values and None, of the test rows."""
        if not hasattr(self._model, "classes_"):
            return self._model.predict(self._frames.test), None
        return self._model.predict_proba(self._frames.test), list(self._model.classes_)


def _preparation(frames: Frames) -> ColumnTransformer:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    texts = make_pipeline(
        SimpleImputer(missing_values=np.nan, strategy="constant", fill_value=MISSING),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),  # dense: ridge is then exact
    )
    return ColumnTransformer([("numbers", numbers, frames.numbers), ("texts", texts, frames.texts)])
