"""What is said of all hidden layers at once, or of each: one value, or as many as layers."""

from __future__ import annotations

from fastmlp.errors import UsageError
from fastmlp.spec import split_outside_brackets


def per_layer(name: str, values, layers: int) -> list:
    """Return one value a hidden layer: one serves all, none is 0.0; else a UsageError."""
    if isinstance(values, str):
        values = split_outside_brackets(values)
    values = list(values) or [0.0]
    if len(values) == 1:
        return values * layers
    if len(values) != layers:
        raise UsageError(
            f"{name} has {len(values)} values for {layers} hidden layer(s); "
            "give one, or one a layer."
        )
    return values
