"""MLPClassifier and MLPRegressor: scikit-learn's classes by name, parameters and attributes, on
fastmlp's networks.
"""

from fastmlp.backend.cpu import backend as _cpu  # noqa: F401  Numba takes a third of a second to import: now, not in the first fit

from .classifier import MLPClassifier
from .regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
