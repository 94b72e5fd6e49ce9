"""Most of these tests ask for training that ends at max_iter: its warning is no error here."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """Let the tests of this folder pass over ConvergenceWarning; ``pytest.warns`` sees it all the
    same.
    """
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(
                pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
            )
