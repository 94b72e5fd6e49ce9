"""Fixtures: small data for a small recipe."""

import pytest
from small_data import save_classes


@pytest.fixture
def data_npz(here):
    """Three classes that one of four features tells apart."""
    save_classes(here / "classes.npz", rows=90)
    return here / "classes.npz"
