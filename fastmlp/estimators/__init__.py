"""scikit-learn's classes on fastmlp's networks: MLPClassifier and MLPRegressor, and their kin for
tables.
"""

# Numba takes a third of a second to import: now, not in the first fit.
from fastmlp.backend.cpu import backend as _cpu  # noqa: F401

from .classifier import MLPClassifier
from .regressor import MLPRegressor
from .tabular import TabularClassifier, TabularRegressor

# What skops, and MLflow with it, must be told to trust in the file of a fitted estimator: classes
# of fastmlp's that hold words, numbers and arrays.
TRUSTED_TYPES = [
    "fastmlp.estimators.classifier.MLPClassifier",
    "fastmlp.estimators.engine.Blueprint",
    "fastmlp.estimators.regressor.MLPRegressor",
    "fastmlp.estimators.tabular.TabularClassifier",
    "fastmlp.estimators.tabular.TabularRegressor",
    "fastmlp.estimators.weights.FitState",
    "fastmlp.nn.architecture.Architecture",
    "fastmlp.training.state.TrainingState",
]

__all__ = [
    "TRUSTED_TYPES",
    "MLPClassifier",
    "MLPRegressor",
    "TabularClassifier",
    "TabularRegressor",
]
