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


class Ensemble(nn.Module):
    """Networks on the same rows; what it gives makes the mean of their predictions.

    ``link`` makes predictions of outputs: softmax, sigmoid, exponential or identity.
    """

    def __init__(self, link, *members):
        super().__init__()
        self.link = link
        self.members = nn.ModuleList(members)

    def forward(self, x):
        """Return logits of the mean probabilities, the logarithm of the mean, or the mean."""
        z = torch.stack([member(x) for member in self.members])
        log_count = torch.log(torch.tensor(float(len(z)), dtype=z.dtype, device=z.device))
        if self.link == "softmax":
            return torch.logsumexp(torch.log_softmax(z, dim=2), dim=0) - log_count
        if self.link == "sigmoid":
            yes, no = nn.functional.logsigmoid(z), nn.functional.logsigmoid(-z)
            return torch.logsumexp(yes, dim=0) - torch.logsumexp(no, dim=0)
        if self.link == "exponential":
            return torch.logsumexp(z, dim=0) - log_count
        return z.mean(dim=0)


class Quantiles(nn.Module):
    """Quantiles in ascending order, moved by ``widening``; an outer interval holds all inner ones.

    What moves them is not trained.
    """

    def __init__(self, columns):
        super().__init__()
        self.register_buffer("widening", torch.zeros(columns))

    def forward(self, x):
        """Return the quantiles (rows, columns)."""
        columns = list((x.sort(dim=1).values + self.widening).unbind(1))
        last = len(columns) - 1
        low, high = columns[last // 2], columns[(last + 1) // 2]
        for place in range(last // 2, -1, -1):
            below, above = columns[place], columns[last - place]
            low = torch.minimum(low, torch.minimum(below, above))
            high = torch.maximum(high, torch.maximum(below, above))
            columns[place], columns[last - place] = low, high
        return torch.stack(columns, 1)


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


class Leaving(nn.Module):
    """A function of every column but some, which stay as they are."""

    def __init__(self, columns, function):
        super().__init__()
        self.function = function
        self.register_buffer("leaves", torch.zeros(columns, dtype=torch.bool))

    def forward(self, x):
        """Return f(x), and x in the columns that stay."""
        return torch.where(self.leaves, x, self.function(x))


class Piecewise(nn.Module):
    """x, and shares of the way through bins of its columns, cut off outside them."""

    def __init__(self, components):
        super().__init__()
        self.register_buffer("columns", torch.zeros(components, dtype=torch.int64))
        for name in ("left", "right", "lowest", "highest"):
            self.register_buffer(name, torch.zeros(components))

    def forward(self, x):
        """Return [x | components]."""
        share = (x[:, self.columns] - self.left) / (self.right - self.left)
        share = torch.minimum(torch.maximum(share, self.lowest), self.highest)
        return torch.cat([x, share], 1)


class Waves(nn.Module):
    """x, and linear functions of cosines of its numbers; frequency and phase are in turns."""

    def __init__(self, numbers, frequencies, outputs):
        super().__init__()
        self.register_buffer("columns", torch.zeros(numbers, dtype=torch.int64))
        self.frequency = nn.Parameter(torch.zeros(numbers, frequencies))
        self.phase = nn.Parameter(torch.zeros(numbers, frequencies))
        self.weight = nn.Parameter(torch.zeros(numbers, outputs, frequencies))
        self.bias = nn.Parameter(torch.zeros(numbers, outputs))

    def forward(self, x):
        """Return [x | outputs]."""
        turns = self.frequency * x[:, self.columns, None] + self.phase
        cosines = torch.cos(2 * torch.pi * (turns - torch.floor(turns + 0.5)))
        outputs = (cosines[:, :, None] * self.weight).sum(3) + self.bias
        return torch.cat([x, outputs.flatten(1)], 1)


class Lookup(nn.Module):
    """Columns of codes become rows of a table, behind the other columns."""

    def __init__(self, plain, codes, rows, width):
        super().__init__()
        self.register_buffer("plain", torch.zeros(plain, dtype=torch.int64))
        self.register_buffer("codes", torch.zeros(codes, dtype=torch.int64))
        self.register_buffer("starts", torch.zeros(codes, dtype=torch.int64))
        self.table = nn.Parameter(torch.zeros(rows, width))

    def forward(self, x):
        """Return [plain columns | vectors]."""
        rows = x[:, self.codes].round().long() + self.starts
        return torch.cat([x[:, self.plain], self.table[rows].flatten(1)], 1)
