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


class Mixed(nn.Module):
    """mix·f(z) + (1 − mix)·z, with a share for each unit."""

    def __init__(self, columns, activation):
        super().__init__()
        self.activation = activation
        self.mix = nn.Parameter(torch.ones(columns))

    def forward(self, z):
        """Return what is mixed."""
        return self.mix * self.activation(z) + (1 - self.mix) * z


class Clamp(nn.Module):
    """x, and low or high where it lies beyond them, column by column."""

    def __init__(self, columns):
        super().__init__()
        self.register_buffer("low", torch.zeros(columns))
        self.register_buffer("high", torch.zeros(columns))

    def forward(self, x):
        """Return the clamped x."""
        return torch.minimum(torch.maximum(x, self.low), self.high)


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
