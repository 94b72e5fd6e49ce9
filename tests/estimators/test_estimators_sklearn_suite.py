"""Runs scikit-learn's own tests of its MLP, as they are installed, against these classes; every
deviation has its reason.
"""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

import pytest
import sklearn.neural_network

from fastmlp import MLPClassifier, MLPRegressor

SUITE = Path(sklearn.neural_network.__file__).parent / "tests" / "test_mlp.py"
PRIVATE = "looks into scikit-learn's private {}; {} checks the same of what is public"
FLOAT32 = (
    "dtype='float32' is the default whatever the input; predictions have the type of X, "
    "dtype='float64' the weights"
)
DEVIATIONS = {
    "test_gradient": PRIVATE.format("_loss_grad_lbfgs", "test_estimators_lbfgs"),
    "test_learning_rate_warmstart": PRIVATE.format("_optimizer", "test_estimators_rates"),
    "test_adaptive_learning_rate": PRIVATE.format("_optimizer", "test_estimators_rates"),
    "test_mlp_param_dtypes[MLPClassifier-float64]": FLOAT32,
    "test_mlp_param_dtypes[MLPRegressor-float64]": FLOAT32,
}


def load_suite():
    """Return scikit-learn's test module with its two classes replaced by ours, also in the lists of
    parameters.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sklearn.neural_network, "MLPClassifier", MLPClassifier)
        patch.setattr(sklearn.neural_network, "MLPRegressor", MLPRegressor)
        description = importlib.util.spec_from_file_location("sklearn_test_mlp", SUITE)
        module = importlib.util.module_from_spec(description)
        description.loader.exec_module(module)
    return module


for name, test in inspect.getmembers(load_suite(), inspect.isfunction):
    if name.startswith("test_"):
        globals()[name] = test

# scikit-learn runs its tests with warnings that do not stop them; those that are about warnings see
# them all the same.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _deviations(request):
    """Expect a listed deviation to be there still."""
    if request.node.name in DEVIATIONS:
        request.applymarker(pytest.mark.xfail(strict=True, reason=DEVIATIONS[request.node.name]))


@pytest.fixture
def global_random_seed():
    """Return the seed that scikit-learn's test runs take by default."""
    return 42
