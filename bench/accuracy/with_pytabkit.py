"""RealMLP, TabM and LightGBM with tuned defaults as pytabkit has them, given validation rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytabkit

from .frames import Frames
from .recipes import REGRESSION
from .tables import Table

# Of TabM, whose authors regularise and clip so; 512 wide is its default.
CHANGES = {"TabM_D": {"d_block": 256, "weight_decay": 3e-4, "gradient_clipping_norm": 1.0}}


class Fit:
    """One fit of ``LGBM_TD``, ``RealMLP_TD`` or ``TabM_D`` on the processor.

    None of them takes numbers that are missing: they get the median.
    """

    def __init__(
        self,
        table: Table,
        seed: int,
        threads: int,
        model: str,
        changes: dict[str, Any] | None = None,
    ):
        self._frames = Frames(table)
        self._frames.use_categories()
        self._frames.fill_numbers()
        self._is_regression = table.task == REGRESSION
        made = getattr(pytabkit, f"{model}_{'Regressor' if self._is_regression else 'Classifier'}")
        settings = CHANGES.get(model, {}) | (changes or {})
        self._model = made(device="cpu", random_state=seed, n_threads=threads, **settings)

    def fit(self) -> None:
        """Learn from the training rows; what is best is chosen by the validation rows."""
        features, target, validation = self._frames.validation_apart()
        self._model.fit(features, target, *validation, cat_col_names=self._frames.texts)

    def outputs(self) -> tuple[np.ndarray, list[str] | None]:
        """Return probabilities and their classes, or values and None, of the test rows."""
        if self._is_regression:
            return np.asarray(self._model.predict(self._frames.test)), None
        return self._model.predict_proba(self._frames.test), list(self._model.classes_)
