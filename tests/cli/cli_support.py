"""What the tests of the command line share: processes, and lines of small tables."""

import os
import sys

import numpy as np

TIME_LIMIT = 120  # seconds; kernels may have to be compiled
PLAIN = "--preset", "plain"  # for what is not about the preset of tables


def command(*words):
    return [sys.executable, "-m", "fastmlp", *(str(word) for word in words)]


def environment(**changes):
    return {**os.environ, "PYTHONIOENCODING": "utf-8", "FASTMLP_DEBUG": "", **changes}


def flowers(rows=60, seed=3, labels="xyz"):
    """Lines of a table with three numbers and a class that depends on them."""
    features = np.random.default_rng(seed).normal(size=(rows, 3)).round(3)
    names = [
        labels[int(number)]
        for number in np.argsort(np.argsort(features[:, 0])) * len(labels) // rows
    ]
    return [
        "a,b,c,species",
        *(f"{a},{b},{c},{name}" for (a, b, c), name in zip(features, names, strict=True)),
    ]


def prices(rows=60):
    """Lines of a table with a quantity that depends on two numbers."""
    features = np.random.default_rng(4).normal(size=(rows, 2)).round(3)
    return ["a,b,price", *(f"{a},{b},{100 + 30 * a - 10 * b:.3f}" for a, b in features)]


def write(path, lines):
    path.write_text("\n".join(lines) + "\n")
    return path
