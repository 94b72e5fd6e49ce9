"""Policies: what one kind of training does otherwise than another, fastmlp's or an estimator's."""

from .base import Order, Patience, Policy, Rates, Reported, SeededOrder
from .sklearn import DrawnOrder, PenalizedLoss, Tolerance, WordRates

__all__ = [
    "DrawnOrder",
    "Order",
    "Patience",
    "PenalizedLoss",
    "Policy",
    "Rates",
    "Reported",
    "SeededOrder",
    "Tolerance",
    "WordRates",
]
