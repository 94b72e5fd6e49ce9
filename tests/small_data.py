"""Small data sets that several rooms train on."""

import numpy as np


def save_classes(path, rows=60, classes=3, seed=1):
    """Features of which the first tells the class."""
    features = np.random.default_rng(seed).normal(size=(rows, 4)).astype(np.float32)
    labels = np.argsort(np.argsort(features[:, 0])) * classes // rows
    np.savez(path, X=features, y=labels)
    return str(path)
