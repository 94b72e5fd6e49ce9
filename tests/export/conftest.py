"""Fixtures: trained models of every kind that the tests export, each trained once."""

import numpy as np
import pytest
from export_support import learnt_factors_model, people, regression_model, save, train


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    return train(tmp_path_factory.mktemp("digits"), dataset="digits")


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    """A model of the table of people, which has columns of every kind."""
    folder = tmp_path_factory.mktemp("table")
    people().write_parquet(folder / "people.parquet")
    return train(folder, dataset=str(folder / "people.parquet"), epochs=20)


@pytest.fixture(scope="session")
def multilabel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("multilabel")
    x = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
    return train(folder, dataset=save(folder, X=x, y=(x[:, :3] > 0).astype(int)), dropout=0.2)


@pytest.fixture(scope="session")
def one_logit(tmp_path_factory):
    """A model of two classes, called by truth values, with a single output."""
    folder = tmp_path_factory.mktemp("one_logit")
    x = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
    return train(
        folder, dataset=save(folder, X=x, y=x[:, 0] > 0), loss="log_loss", activation="elu(0.7)"
    )


@pytest.fixture(scope="session")
def regression(tmp_path_factory):
    return regression_model(tmp_path_factory.mktemp("regression"))


@pytest.fixture(scope="session")
def learnt_factors(tmp_path_factory):
    return learnt_factors_model(tmp_path_factory.mktemp("learnt_factors"))
