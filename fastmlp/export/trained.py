"""What an export needs of a model; ``model.model.Model`` is the one that there is."""

from __future__ import annotations

from typing import Any, Protocol

from fastmlp.data.features.targets import TargetEncoder
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.metrics.adjustment import Adjustment
from fastmlp.nn.losses import Loss
from fastmlp.nn.network import Network


class TrainedModel(Protocol):
    """A network with its loss and the fitted preprocessing around it.

    The exports name it rather than ``Model``, which calls them: imports point downward.
    """

    network: Network
    loss: Loss
    features: FeaturePreprocessor
    targets: TargetEncoder
    target_name: str | None
    adjustment: Adjustment

    @property
    def task(self) -> str:
        """``"classification"``, ``"multilabel"`` or ``"regression"``."""
        ...

    @property
    def classes(self) -> list | None:
        """The labels in the order of the probabilities' columns; None for regression."""
        ...

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels of the quantiles that it predicts; else empty."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return all that the model is beside its arrays, as JSON can hold it."""
        ...
