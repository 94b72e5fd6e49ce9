"""What is done to a trained network's answers, as chosen on the validation rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Adjustment:
    """Numbers that a model keeps beside its weights; the defaults leave answers as they are.

    Attributes
    ----------
    temperature
        By which logits are divided.
    threshold
        The probability above which a row is taken for the second of two classes.
    widening
        What is added to each quantile so that the intervals between them cover enough; empty for
        nothing.
    """

    temperature: float = 1.0
    threshold: float = 0.5
    widening: tuple[float, ...] = ()

    @property
    def is_none(self) -> bool:
        """Whether answers are left as they are."""
        return self == Adjustment()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)
