"""Fixtures: small data files, and one trained run that several tests look at."""

import numpy as np
import pytest
from jobs_support import save_classes


@pytest.fixture
def classes_npz(tmp_path):
    return save_classes(tmp_path / "classes.npz")


@pytest.fixture
def prices_npz(tmp_path):
    features = np.random.default_rng(2).normal(size=(70, 3))
    np.savez(tmp_path / "prices.npz", X=features, y=1000 + 50 * features[:, 0])
    return str(tmp_path / "prices.npz")


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A trained run with validation and test rows."""
    from fastmlp import train

    folder = tmp_path_factory.mktemp("run")
    data = save_classes(folder / "classes.npz")
    return train(dataset=data, hidden=[6], epochs=20, batch_size=16, validation_fraction=0.1, out=folder / "run")
