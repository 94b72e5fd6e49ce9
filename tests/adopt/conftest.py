"""Fixtures: a model that goes out and comes back."""

import numpy as np
import pytest
from export_support import save, train


@pytest.fixture(scope="session")
def regression(tmp_path_factory):
    """A model of two quantities of very different size, from numbers of which some are missing."""
    folder = tmp_path_factory.mktemp("regression")
    x = np.random.default_rng(0).normal(size=(200, 4)) * [1, 10, 100, 0.1]
    y = np.stack([1e4 + 50 * x[:, 0], 0.01 * x[:, 1]], axis=1)
    x[np.random.default_rng(1).random(x.shape) < 0.05] = np.nan
    return train(
        folder,
        dataset=save(folder, X=x, y=y),
        activation="tanh",
        batch_norm="all",
        batch_norm_decay=0.8,
    )
