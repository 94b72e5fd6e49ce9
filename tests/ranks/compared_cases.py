"""A job: trains each case by one process and by all ranks, and prints how far they are apart.

``mpiexec -n 2 python compared_cases.py FOLDER CASE…``; the case names are those of CASES.
"""

import json
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
from oracles.ranks import checked_alike

import fastmlp
from fastmlp.ranks.contract import ALONE
from fastmlp.ranks.joining import here

USERS = "run.api", "run.train", "run.resume", "estimators.fitting", "estimators.tabular"
# 64-bit, 120 training rows, 8 batches of which the last has one row: fewer than there are ranks.
PLAIN = {
    "preset": "plain", "hidden": "9,7", "dropout": "0.3", "batch_size": 17, "epochs": 7,
    "dtype": "float64", "threads": "1", "seed": 5, "device": "cpu",
}  # fmt: skip
TABLE = {"preset": "tables", "dtype": "float64", "threads": "1", "device": "cpu", "epochs": 3}
# Each is a whole training: what does not disturb each other is tried together.
CASES = {
    "adam": {"early_stopping": 7},
    "sgd_penalties": {"optimizer": "sgd", "clip_value": 0.01, "l1": 1e-3, "l2": 1e-2},
    "momentum_clip_norm": {"optimizer": "momentum", "clip_norm": 0.5, "batch_norm": "hidden"},
    "nesterov_schedules": {"optimizer": "nesterov", "dropout_schedule": "cosine", "warmup": 9,
                           "weight_decay": 0.1, "weight_decay_schedule": "cosine"},
    "rmsprop_weights": {"optimizer": "rmsprop", "class_weight": "balanced", "label_smoothing": 0.1},
    "adagrad_sum": {"optimizer": "adagrad", "reduction": "sum", "drop_last": True},
    "adamw_batch_norm": {"batch_norm": "all", "optimizer": "adamw", "batch_size": 20},
    "batch_norm_of_one_row": {"batch_norm": "all", "optimizer": "sgd"},
    "batches_of_two_rows": {"batch_size": 2, "epochs": 1, "batch_norm": "hidden"},
    "large_batches": {"batch_size": 0, "dropout_units": True, "shuffle": False},
    "one_logit": {"dataset": "pairs", "loss": "log_loss", "metric": "auc", "log_every": 3,
                  "validation_fraction": 0.2, "calibrate": "temperature"},
    "regression": {"dataset": "prices", "early_stopping": 3, "lr": 0.03, "epochs": 20,
                   "schedule": "plateau(1,0.3)", "watch": "score"},
    "average": {"average_weights": "ema(0.9)", "batch_norm": "hidden", "input_scale": True,
                "activation_mix": True, "parametrization": "ntk"},
    "piecewise": {"dataset": "texts", "number_encoding": "piecewise(4)", "embed_above": 3},
    "periodic": {"dataset": "texts", "number_encoding": "periodic(5)", "bias_init": "he+5"},
    "pictures": {"dataset": "pictures", "augment": "shift(1),rotate(10),elastic(3,2),flip",
                 "hidden": "8", "epochs": 2},
    "members": {"members": 3, "batch_norm": "hidden", "average_weights": "mean(0.5)"},
    "folds": {"folds": 3, "members": 6, "member_weights": "shared", "early_stopping": 3},
    "tables": {"dataset": "texts", **TABLE},
    "float32": {"dtype": "float32", "batch_norm": "hidden"},
}  # fmt: skip


@contextmanager
def alone():
    """Let fastmlp think that there is one process."""
    with ExitStack() as patches:
        for name in USERS:
            patches.enter_context(mock.patch(f"fastmlp.{name}.here", return_value=ALONE))
        yield


def data(name):
    """Return X and y of 150 rows."""
    random = np.random.default_rng(7)
    X = random.normal(size=(150, 5))
    score = X[:, 0] - X[:, 1] * X[:, 2] + 0.3 * random.normal(size=150)
    if name == "prices":
        return X, 50 + 7 * score
    if name == "pairs":
        return X, score > 0.3
    labels = np.digitize(score, [-0.7, 0.4])
    if name == "texts":
        words = np.array(["red", "green", "blue", "white", "black"])
        columns = {"a": X[:, 0], "b": X[:, 1], "colour": words[np.digitize(X[:, 2], [-1, 0, 1, 2])]}
        return columns, labels
    if name == "pictures":
        return random.integers(0, 256, (150, 8, 8), np.uint8), labels
    return X, labels


def train(name, folder):
    """Return a case's parameters and statistics, and its history without what a clock said."""
    how = {**PLAIN, **CASES[name]}
    if how["preset"] == "tables":
        how = dict(CASES[name])
    dataset = data(how.pop("dataset", "classes"))
    run = fastmlp.train(dataset=dataset, out=folder / name, **how)
    records = [
        {key: value for key, value in record.items() if "second" not in key}
        for record in run.history
    ]
    metrics = {
        key: value
        for key, value in run.metrics.items()
        if isinstance(value, (int, float)) and "second" not in key and key != "ranks"
    }
    return run.model.network.store.snapshot(), records, metrics


def apart(one, other):
    """Return the largest difference of numbers, relative where they are large, in anything."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), (one, other)
        return max((apart(one[key], other[key]) for key in one), default=0.0)
    if isinstance(one, (list, tuple)):
        assert len(one) == len(other), (len(one), len(other))
        return max((apart(*pair) for pair in zip(one, other, strict=True)), default=0.0)
    if isinstance(one, (str, bool)) or one is None:
        assert one == other, (one, other)
        return 0.0
    difference = np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64))
    return float((difference / np.maximum(1.0, np.abs(one))).max(initial=0.0))


def main(folder, names):
    ranks, results = here(), {}
    for name in names:
        together = train(name, Path(folder) / "together")
        checked_alike(ranks, together[0])
        if ranks.is_first:
            with alone():
                single = train(name, Path(folder) / "alone")
            results[name] = {
                "parameters": apart(single[0], together[0]),
                "history": apart(single[1], together[1]),
                "metrics": apart(single[2], together[2]),
                "updates": single[1][-1]["update"],
            }
    if ranks.is_first:
        print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
