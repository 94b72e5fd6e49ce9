"""scikit-learn's classes on fastmlp's networks: MLPClassifier and MLPRegressor, and their kin for
tables.
"""

# Numba takes a third of a second to import: now, not in the first fit.
from fastmlp.backend.cpu import backend as _cpu  # noqa: F401

from .classifier import MLPClassifier
from .regressor import MLPRegressor
from .tabular import TabularClassifier, TabularRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor"]
