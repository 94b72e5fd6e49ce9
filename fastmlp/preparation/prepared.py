"""PreparedData: what training needs to know of the data; a Part is the rows of one split."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from fastmlp.data.features.targets import TargetEncoder
from fastmlp.data.mapped.rows import Matrix, within
from fastmlp.data.preprocessing import FeaturePreprocessor
from fastmlp.data.row_hashes import row_hashes
from fastmlp.settings.settings import Settings

from .known_rows import KnownRows


@dataclass(frozen=True)
class Part:
    """The rows of one split, ready for batches: features (rows, columns) and encoded targets."""

    features: Matrix  # an array, maybe a file's that is mapped, or rows that stay in their file
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True)
class PreparedData:
    """Everything that training needs to know of the data."""

    name: str  # of the source
    settings: Settings  # with those of the preset that was chosen by the data
    train: Part
    validation: Part | None  # None where there are no such rows
    test: Part | None
    features: FeaturePreprocessor  # fitted
    targets: TargetEncoder  # fitted
    # (training rows,) weight of each row, mean 1; None for equal weights
    weights: np.ndarray | None = None
    input_shape: tuple[int, ...] | None = None  # (height, width[, channels]) for images, else None
    # (training rows,) the fold of each row; None without folds
    folds: np.ndarray | None = None
    # what the target is called in the source, if it has a name there
    target_name: str | None = None
    # what a user should know: rows left out, columns grouped, parts missing
    notes: list[str] = field(default_factory=list)
    # (training rows,) uint64, the hashes of what ``transform`` makes of the training rows where
    # that differs from ``train``, as target statistics do
    train_hashes: np.ndarray | None = None
    # with folds and target statistics: the training rows once for each fold, as the members see
    # them that do not learn from it, with statistics to which its targets do not count
    stacked: Part | None = None

    @property
    def validating(self) -> Part | None:
        """The rows that validate: with folds all training rows do, each out of its fold."""
        return self.validation if self.folds is None else self.train

    @property
    def parts(self) -> dict[str, Part | None]:
        """The splits by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def rows(self) -> dict[str, int]:
        """The number of rows of each split."""
        return {name: 0 if part is None else len(part) for name, part in self.parts.items()}

    @cached_property
    def known_rows(self) -> KnownRows:
        """What tells later whether data are these."""
        known = {} if self.train_hashes is None else {"train": self.train_hashes}
        for name, part in self.parts.items():
            if part is not None and name not in known:
                features = within(part.features, self.settings.memory)
                known[name] = row_hashes(features, part.targets)
        return KnownRows.of(known)
