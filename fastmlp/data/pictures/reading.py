"""PictureReading: what was decided on pictures in training, kept with the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastmlp.data import stored

SIXTEEN_BITS = (0.0, 65535.0)
WHITE, BLACK = 255, 0


@dataclass(frozen=True)
class PictureReading:
    """How a picture's pixels become bytes."""

    # gray level, 0 to 255, over which transparent pictures are laid; None: their alpha is dropped
    ground: int | None = None
    # integers, floats: (lowest, highest) value of pixels with more than 8 bits, which become 0 and
    # 255; None where training had none
    integers: tuple[float, float] | None = None
    floats: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        ranges = {"integers": self.integers, "floats": self.floats}
        return {"ground": self.ground} | {
            name: value and list(value) for name, value in ranges.items()
        }

    @classmethod
    def from_dict(cls, kept: Any) -> PictureReading:
        """Return the reading that ``to_dict`` described.

        Raises
        ------
        ModelFileError
            If an entry is missing, of the wrong type or out of its range.
        """
        ground = stored.entry(kept, "ground", (int, type(None)))
        if ground is not None and not BLACK <= ground <= WHITE:
            raise stored.damaged("ground", f"a gray level from {BLACK} to {WHITE}", ground)
        return cls(ground, _range(kept, "integers"), _range(kept, "floats"))


def to_bytes(values: np.ndarray, lowest: float, highest: float) -> np.ndarray:
    """Bring ``lowest`` … ``highest`` to 0 … 255, values beyond to the nearer end, NaN to 0.

    Levels are cut off downward, as a 16-bit value loses its lower byte; 1e-4 of a level is what a
    float32 may lack.
    """
    if not highest > lowest:
        return np.zeros(values.shape, np.uint8)
    finite = np.nan_to_num(values.astype(np.float64), nan=lowest, posinf=highest, neginf=lowest)
    levels = (finite - lowest) * (WHITE / (highest - lowest))
    return np.floor(np.clip(levels + 1e-4, BLACK, WHITE)).astype(np.uint8)


def _range(kept: Any, key: str) -> tuple[float, float] | None:
    ends = stored.vector(kept, key, 2, optional=True)
    if ends is None:
        return None
    if ends[0] > ends[1]:
        raise stored.damaged(key, "the lowest and the highest value", ends.tolist())
    return float(ends[0]), float(ends[1])
