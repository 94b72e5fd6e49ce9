"""A job: estimators learn by one process and by all ranks; prints how far they are apart."""

import json
import sys
import warnings

import numpy as np
from compared_cases import alone, apart, data
from oracles.ranks import checked_alike

from fastmlp import MLPClassifier, MLPRegressor, TabularClassifier
from fastmlp.errors import UsageError
from fastmlp.ranks.joining import here

warnings.simplefilter("ignore")
HOW = {"hidden_layer_sizes": (9,), "max_iter": 6, "batch_size": 17, "threads": 1, "device": "cpu"}


def classes(seed):
    X, y = data("classes")
    how = {**HOW, "early_stopping": True, "dropout": 0.2, "batch_norm": "hidden"}
    model = MLPClassifier(**how, random_state=seed, class_weight="balanced")
    model.fit(X, y, sample_weight=np.linspace(0.5, 2, len(y)))
    return model, [*model.coefs_, *model.intercepts_, np.array(model.loss_curve_)]


def pieces(seed):
    X, y = data("classes")
    model = MLPClassifier(**{**HOW, "max_iter": 1}, random_state=seed, solver="sgd")
    for part in (slice(0, 70), slice(70, 140), slice(0, 70)):
        model.partial_fit(X[part], y[part], classes=[0, 1, 2])
    return model, [*model.coefs_, *model.intercepts_]


def numbers(seed):
    X, y = data("prices")
    model = MLPRegressor(**HOW, random_state=seed, learning_rate="adaptive", solver="sgd")
    model.fit(X, (y - y.mean()) / y.std())
    return model, [*model.coefs_, *model.intercepts_]


def table(seed):
    X, y = data("classes")
    settings = {"epochs": 2, "dtype": "float64"}
    model = TabularClassifier(settings=settings, random_state=seed, threads=1, device="cpu")
    model.fit(X, y)
    return model, [model.predict_proba(X)]


def main():
    ranks, results = here(), {}
    for learn in (classes, pieces, numbers, table):
        _, together = learn(3)
        checked_alike(ranks, together)
        if ranks.is_first:
            with alone():
                _, single = learn(3)
            results[learn.__name__] = apart(single, together)
    model, drawn = classes(None)  # each rank would draw its own
    checked_alike(ranks, drawn)
    outputs = model.predict_proba(data("classes")[0][: 30 + ranks.rank])  # by each on its own
    assert len(outputs) == 30 + ranks.rank
    try:
        MLPClassifier(solver="lbfgs").fit(*data("classes"))
    except UsageError as error:
        results["lbfgs"] = str(error)
    try:
        X, y = data("classes")
        MLPClassifier(**HOW).fit(X + ranks.rank, y)
    except UsageError as error:
        results["other rows"] = str(error)
    if ranks.is_first:
        print(json.dumps(results))


if __name__ == "__main__":
    sys.exit(main())
