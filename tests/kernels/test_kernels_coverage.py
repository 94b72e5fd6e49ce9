"""Every operation is compared with an oracle by a test in this folder."""

import importlib
from pathlib import Path

from fastmlp.kernels import cpu  # noqa: F401 - enters every operation into the table
from fastmlp.kernels.operation import OPERATIONS


def covered_operations():
    names = set()
    for path in Path(__file__).parent.glob("test_kernels_*.py"):
        module = importlib.import_module(path.stem)
        for name, test in vars(module).items():
            if name.startswith("test_"):
                names.update(getattr(test, "covers", ()))
    return names


def test_every_operation_has_an_oracle():
    assert set(OPERATIONS) - covered_operations() == set()


def test_no_test_claims_an_operation_that_does_not_exist():
    assert covered_operations() - set(OPERATIONS) == set()
