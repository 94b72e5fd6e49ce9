"""LightGBM with its defaults: its own handling of categories and of missing values."""

from __future__ import annotations

import numpy as np
from lightgbm import LGBMClassifier, LGBMRegressor

from .frames import Frames
from .recipes import REGRESSION
from .tables import Table


class Fit:
    """One fit."""

    def __init__(self, table: Table, seed: int, threads: int):
        self._frames = Frames(table)
        self._frames.use_categories()
        made = LGBMRegressor if table.task == REGRESSION else LGBMClassifier
        self._model = made(n_jobs=threads, random_state=seed, verbose=-1)

    def fit(self) -> None:
        """Learn from training and validation rows."""
        self._model.fit(self._frames.features, self._frames.target)

    def outputs(self) -> tuple[np.ndarray, list[str] | None]:
        """Return probabilities and their classes, or values and None, of the test rows."""
        if isinstance(self._model, LGBMRegressor):
            return np.asarray(self._model.predict(self._frames.test)), None
        return self._model.predict_proba(self._frames.test), list(self._model.classes_)
