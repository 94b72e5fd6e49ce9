"""Where contenders run: the CPU or one GPU, and how exactly float32 products are made there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from fastmlp.backend.cuda.cublas import PRECISIONS
from fastmlp.errors import UsageError, choose

CPU = "cpu"


@dataclass(frozen=True)
class Place:
    """A device.

    Attributes
    ----------
    device
        ``"cpu"`` or ``"cuda:N"``.
    precision
        Of float32 products: ``"highest"``, or ``"high"`` for TF32.
    """

    device: str = CPU
    precision: str = "highest"

    @property
    def is_gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.device != CPU

    @property
    def index(self) -> int:
        """Number of the GPU."""
        return int(self.device.partition(":")[2] or 0)

    @property
    def options(self) -> dict[str, Any]:
        """Keywords of the contenders' classes; none on the CPU, which is their default."""
        return {"device": self.device, "precision": self.precision} if self.is_gpu else {}


def parse_place(device: str, precision: str) -> Place:
    """Return the place that was asked for.

    Raises
    ------
    UsageError
        If a word is not accepted, or TF32 is asked of the CPU.
    """
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise UsageError(f"device {device!r} cannot be measured. Accepted: cpu, cuda, cuda:N.")
    choose("matmul precision", precision, PRECISIONS)
    if device == CPU and precision != "highest":
        raise UsageError(
            f"--matmul-precision {precision} is for --device cuda; products on the CPU are"
            " float32's own."
        )
    return Place("cuda:0" if device == "cuda" else device, precision)
