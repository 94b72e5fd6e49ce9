"""``normalize``: origin, scale and shift of the inputs, applied while a batch is gathered."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.data.features.scaling import origin_scale_and_shift

from .engine import Engine
from .inputs import Sample


def set_scaling(estimator: Any, engine: Engine, sample: Sample, first: bool) -> None:
    """Take the statistics of the first training rows; later ones are scaled by these."""
    if first or not hasattr(estimator, "input_scale_"):
        columns = sample.features.shape[1]
        names = tuple(str(name) for name in getattr(estimator, "feature_names_in_", range(columns)))
        scaling = origin_scale_and_shift(
            sample.features, estimator.normalize, engine.network.dtype, names
        )
        estimator.input_origin_, estimator.input_scale_, estimator.input_shift_ = scaling
    engine.scaling = scaling_of(estimator)


def scaling_of(estimator: Any) -> dict[str, np.ndarray | None]:
    """Return what an estimator's inputs are scaled by, as Batches takes it; one from an older
    pickle has no origin.
    """
    return {
        word: getattr(estimator, f"input_{word}_", None) for word in ("origin", "scale", "shift")
    }
