"""MLPClassifier and MLPRegressor: scikit-learn's classes by name, parameters and attributes, on fastmlp's networks."""

from .classifier import MLPClassifier
from .regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
