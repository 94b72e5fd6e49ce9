"""Fixtures: a model that goes out and comes back."""

import pytest
from export_support import regression_model


@pytest.fixture(scope="session")
def regression(tmp_path_factory):
    return regression_model(tmp_path_factory.mktemp("regression"))
