"""What the tests of explanations share: a table of every kind of column, linear models on it."""

import csv
import datetime

import numpy as np

import fastmlp

COLOURS = ("red", "green", "blue")


def columns(rows=60, seed=5):
    """Return columns of every kind by name; ``idle`` tells nothing."""
    draw = np.random.default_rng(seed)
    days = draw.integers(0, 900, rows)
    first = datetime.date(2021, 3, 1)
    return {
        "size": draw.normal(size=rows).round(3),
        "far": 1_700_000_000 + draw.integers(0, 900, rows),
        "idle": draw.normal(size=rows).round(3),
        "colour": np.array(COLOURS)[draw.integers(0, 3, rows)],
        "is_new": draw.integers(0, 2, rows).astype(bool),
        "day": [first + datetime.timedelta(days=int(day)) for day in days],
    }


def write_table(path, table, target, name="answer"):
    """Write columns and a target as CSV; return the path as a text."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*table, name])
        writer.writerows(zip(*table.values(), target, strict=True))
    return str(path)


def linear_model(folder, table, weights, intercept=0.0, **settings):
    """Return a model of a table whose answer is the sum of weight times matrix column.

    Parameters
    ----------
    weights
        By the names of the matrix's columns; 0 for others.
    """
    target = np.random.default_rng(1).normal(size=len(next(iter(table.values()))))
    data = write_table(folder / "linear.csv", table, target)
    plain = {
        "preset": "plain",
        "hidden": "none",
        "normalize": "none",
        "epochs": 1,
        "standardize_target": False,
    }
    plain |= {"task": "regression", "threads": 1, "dtype": "float64"}
    run = fastmlp.train(dataset=data, out=folder / "linear", **{**plain, **settings})
    names = run.model.features.output_names
    parameters = run.model.network.named_parameters()
    kernel = [weights.get(name, 0.0) for name in names]
    parameters["dense_0.weight"].values[:] = np.reshape(
        kernel, parameters["dense_0.weight"].values.shape
    )
    parameters["dense_0.bias"].values[:] = intercept
    return run.model


def frame(table, **changes):
    """Return a table as a polars frame with some columns replaced."""
    import polars

    return polars.DataFrame({**table, **changes})
