"""What tests of exports and imports share: random state_dicts, and what they compute in NumPy."""

from functools import cache
from itertools import pairwise

import numpy as np
from oracles.activations import VALUES

import fastmlp

TOLERANCE = {"rtol": 1e-6, "atol": 1e-6}  # of float32 results, as they are promised
# The parameters that the oracles have.
WORDS = {"leaky_relu": "leaky_relu(0.2)", "elu": "elu(1.5)", "smooth_clip": "smooth_clip(2.5)"}
ACTIVATIONS = {
    **{("tanh" if name == "hyperbolic_tangent" else name): f for name, f in VALUES.items()}
}
COLUMNS = ["age", "height", "opened", "colour", "smoker", "town", "income"]


def softmax(z):
    shares = np.exp(z - z.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


ACTIVATIONS["softmax"] = softmax


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def random_state(widths, seed=0, dtype=np.float32, batch_norm=False, bias=True):
    """Arrays of Linear and BatchNorm1d layers, named as nn.Sequential names them."""
    random, state, index = np.random.default_rng(seed), {}, 0
    for position, (inputs, outputs) in enumerate(pairwise(widths)):
        state[f"{index}.weight"] = random.normal(size=(outputs, inputs)) / np.sqrt(inputs)
        if bias:
            state[f"{index}.bias"] = random.normal(size=outputs) / 2
        if batch_norm and position < len(widths) - 2:
            state |= random_norm(f"{index + 1}", outputs, random)
            index += 1
        index += 2
    return {
        name: np.asarray(array, dtype if array.ndim else np.int64) for name, array in state.items()
    }


def random_norm(name, width, random):
    return {
        f"{name}.weight": random.uniform(0.5, 2, width),
        f"{name}.bias": random.normal(size=width),
        f"{name}.running_mean": random.normal(size=width),
        f"{name}.running_var": random.uniform(0.5, 2, width),
        f"{name}.num_batches_tracked": np.array(7),
    }


def normalize(x, state, name, epsilon=1e-5):
    gamma, beta, mean, variance = (
        state[f"{name}.{kind}"].astype(np.float64)
        for kind in ("weight", "bias", "running_mean", "running_var")
    )
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def linear(x, state, name):
    return x @ state[f"{name}.weight"].astype(np.float64).T + state[f"{name}.bias"].astype(
        np.float64
    )


def rows(count, columns, seed=1, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=(count, columns)).astype(dtype)


@cache
def people(count=240):
    """A table of numbers (gaps, far from zero), truth values, dates and texts; what was bought."""
    import polars

    random = np.random.default_rng(3)
    age, height = random.integers(18, 90, count), random.normal(170, 9, count)
    colour = random.choice(["red", "green", "blue"], count)
    gaps = random.random((count, 3)) < 0.1
    chosen = np.array(["tea", "coffee", "milk"])[(age > 50).astype(int) + (colour == "red")]
    return polars.DataFrame(
        {
            "age": [
                None if gap else int(value) for value, gap in zip(age, gaps[:, 0], strict=True)
            ],
            "height": [
                float("nan") if gap else value
                for value, gap in zip(height, gaps[:, 1], strict=True)
            ],
            "opened": 1.7e9 + random.integers(0, 10**6, count).astype(float),
            "colour": [
                None if gap else str(value) for value, gap in zip(colour, gaps[:, 2], strict=True)
            ],
            "smoker": random.random(count) < 0.3,
            "town": random.choice(["Bonn", "Köln", "Ahrweiler"], count),
            "income": random.lognormal(10, 1, count),
            "bought": chosen,
        }
    )


def strange_people():
    """Rows as they may come: texts that training did not know, gaps everywhere."""
    import polars

    frame = people().head(20).drop("bought")
    return frame.with_columns(
        colour=polars.Series(["mauve", None, ""] + ["red"] * 17),
        town=polars.Series([None, "Rome", "Köln"] + ["Bonn"] * 17),
        age=polars.Series([None] * 10 + [33] * 10),
        smoker=polars.Series([None, True] + [False] * 18),
        opened=polars.Series([None, 1.8e9] + [1.7e9 + 17] * 18),
    )


def onnx_inputs(frame):
    """The inputs of a table's ONNX file, as the documentation says that they are to be given."""
    import polars

    given = {}
    for series in frame:
        if series.dtype == polars.String:
            given[series.name] = series.fill_null("").to_numpy().astype(object)[:, None]
        else:
            given[series.name] = (
                series.cast(polars.Float64).fill_null(float("nan")).to_numpy()[:, None]
            )
    return given


def train(folder, **settings):
    few = {"preset": "plain", "hidden": [16, 8], "epochs": 3, "threads": "1", "device": "cpu"}
    settings = few | settings
    return fastmlp.train(out=folder / "run", **settings).model


def save(folder, **arrays):
    np.savez(folder / "data.npz", **arrays)
    return str(folder / "data.npz")


def learnt_factors_model(folder, **settings):
    """Train a model of two quantities with every layer that learns factors, and clamped outputs."""
    x = np.random.default_rng(0).normal(size=(200, 4))
    y = np.stack([1e4 + 50 * x[:, 0], 0.01 * x[:, 1]], axis=1)
    given = {"activation": "selu,signed_log", "input_scale": True, "parametrization": "ntk"}
    given |= {"activation_mix": True, "bias_init": "he+5", "clamp_outputs": True, "lr": 0.1}
    return train(folder, dataset=save(folder, X=x, y=y), epochs=15, **given | settings)


def regression_model(folder):
    """Train a model of two quantities of very different size; some of its inputs are missing."""
    x = np.random.default_rng(0).normal(size=(200, 4)) * [1, 10, 100, 0.1]
    y = np.stack([1e4 + 50 * x[:, 0], 0.01 * x[:, 1]], axis=1)
    x[np.random.default_rng(1).random(x.shape) < 0.05] = np.nan
    return train(
        folder,
        dataset=save(folder, X=x, y=y),
        activation="tanh",
        batch_norm="all",
        batch_norm_decay=0.8,
    )
