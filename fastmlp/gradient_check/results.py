"""What a gradient check found: of each array, of each layer, of the whole network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

AGREES, WRONG, NOT_COMPARED = "ok", "WRONG", "at kinks"


@dataclass(frozen=True)
class Comparison:
    """One array's derivatives, from the backward pass and by differences.

    Attributes
    ----------
    symbol, name
        ``"dW"`` and ``"weight"``, ``"dx"`` and ``"input"`` …
    shape
        Of the array.
    looked_at, kinks
        How many of its numbers were looked at, and how many of those stand at a kink, which has no
        derivative.
    place
        Index of the number on which the two differ most; of the largest derivative where all agree
        to rounding; None where nothing was compared.
    backward, differences
        The derivative there.
    error
        The largest relative error, infinite where the backward pass gave no number.
    verdict
        AGREES, WRONG or NOT_COMPARED.
    """

    symbol: str
    name: str
    shape: tuple[int, ...]
    looked_at: int
    kinks: int
    place: tuple[int, ...] | None
    backward: float
    differences: float
    error: float
    verdict: str


@dataclass(frozen=True)
class LayerCheck:
    """A layer, or the loss: what its backward computes, and whether it agrees.

    Attributes
    ----------
    name, description
        ``"dense_1"`` and ``"5 → 3, tanh"``.
    formulas
        The lines of its backward.
    comparisons
        One for each parameter and one for what is handed on to the layer below.
    """

    name: str
    description: str
    formulas: list[str]
    comparisons: list[Comparison]

    @property
    def is_wrong(self) -> bool:
        """Whether an array of it disagrees."""
        return any(comparison.verdict == WRONG for comparison in self.comparisons)


@dataclass(frozen=True)
class GradientCheck:
    """What ``gradcheck`` found.

    Attributes
    ----------
    network, loss_name
        ``"4-5-3-3, tanh"`` and ``"softmax_cross_entropy"``.
    loss
        The loss of the batch, penalties included.
    rows, seed, dtype
        Of the check; differences are taken in float64 whatever the dtype.
    step, tolerance, resolution
        The step of the differences for numbers up to 1, the largest relative error that counts as
        agreement, and the one that rounding alone can make.
    layers
        The loss and the layers, from the output to the input.
    """

    network: str
    loss_name: str
    loss: float
    rows: int
    seed: int
    dtype: str
    step: float
    tolerance: float
    resolution: float
    layers: list[LayerCheck]

    @property
    def comparisons(self) -> list[Comparison]:
        """Those of every layer, from the output to the input."""
        return [comparison for layer in self.layers for comparison in layer.comparisons]

    @property
    def passed(self) -> bool:
        """Whether something was compared and nothing disagrees."""
        verdicts = {comparison.verdict for comparison in self.comparisons}
        return AGREES in verdicts and WRONG not in verdicts

    @property
    def culprit(self) -> LayerCheck | None:
        """The first layer, counted from the output, that disagrees: those above it gave it the
        right gradient.
        """
        return next((layer for layer in self.layers if layer.is_wrong), None)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, with the verdict."""
        culprit = None if self.culprit is None else self.culprit.name
        return {"passed": self.passed, "culprit": culprit, **asdict(self)}
