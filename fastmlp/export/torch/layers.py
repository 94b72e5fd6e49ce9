"""The layers that torch.nn lacks, copied into generated files. Imports torch."""

import torch  # pyright: ignore[reportMissingModuleSource]
from torch import nn  # pyright: ignore[reportMissingModuleSource]


class Scale(nn.Module):
    """x·scale + shift, column by column; neither is trained."""

    def __init__(self, columns):
        super().__init__()
        self.register_buffer("scale", torch.ones(columns))
        self.register_buffer("shift", torch.zeros(columns))

    def forward(self, x):
        """Return the scaled x."""
        return x * self.scale + self.shift


class SignedLog(nn.Module):
    """sign(x)·ln(1 + |x|)."""

    def forward(self, x):
        """Return f(x)."""
        return torch.sign(x) * torch.log1p(torch.abs(x))


class SmoothClip(nn.Module):
    """x/√(1 + (x/limit)²), computed so that no square overflows."""

    def __init__(self, limit):
        super().__init__()
        self.limit = limit

    def forward(self, x):
        """Return f(x)."""
        size = torch.abs(x)
        small, large = size.clamp(max=self.limit), size.clamp(min=self.limit)
        return torch.sign(x) * small / torch.sqrt(1 + (small / large) ** 2)
