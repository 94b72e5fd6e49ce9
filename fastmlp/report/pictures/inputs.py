"""Pictures of the inputs: the decision surface of two, and a heat map of first-layer weights."""

from __future__ import annotations

import numpy as np

from fastmlp.data.mapped.rows import MappedRows
from fastmlp.data.source import numbered_names
from fastmlp.data.staged.table import StagedTable
from fastmlp.model.model import Model
from fastmlp.report.evidence import Split

from .drawing import (
    COLOURS,
    INK,
    MARKERS,
    OF_SPLIT,
    ON_FILL,
    WIDTH,
    Picture,
    axes,
    legend,
    plain_numbers,
)
from .glyphs import label, labels

STEPS = 80  # of the grid, each way
MARGIN = 0.15  # around the data, as a share of their width
MOST_POINTS = 600
MOST_CLASSES = 7  # as many as there are colours
MOST_INPUTS, MOST_UNITS = 30, 40


def two_inputs(split: Split) -> tuple[np.ndarray, list[str]] | None:
    """Return (rows, 2) numbers and their names if the data have just two inputs, both numeric.

    None too where rows stay in their file: there are too many.
    """
    features, names = split.source.features, split.source.feature_names
    if features.shape[1] != 2 or isinstance(features, (MappedRows, StagedTable)):
        return None
    if not isinstance(features, np.ndarray):
        has_texts = not all(dtype.is_numeric() for dtype in features.dtypes)
        if has_texts or features.null_count().sum_horizontal().item():
            return None
        names, features = tuple(features.columns), features.to_numpy()
    points = np.asarray(features, np.float64)
    return (points, list(names or numbered_names(2))) if np.isfinite(points).all() else None


def decision_surface(model: Model, split: Split, class_names: list[str]) -> list[Picture]:
    """Return what the model says all over the plane of its two inputs, with the judged rows.

    One picture for classes, else one for each output; none where the inputs are not two numbers.
    """
    found = two_inputs(split)
    if found is None or (model.task == "classification" and len(class_names) > MOST_CLASSES):
        return []
    points, names = found
    x, y = (_span(points[:, column]) for column in (0, 1))
    plane = np.stack([grid.ravel() for grid in np.meshgrid(x, y)], axis=1)
    outputs = model.predict_outputs(plane)
    shown = np.linspace(0, len(points) - 1, min(len(points), MOST_POINTS)).astype(np.int64)
    points, true = points[shown], split.encoded[shown]
    if model.task == "classification":
        return [_of_classes(x, y, plane, outputs, points, split, true, class_names, names)]
    kind = "probability" if model.task == "multilabel" else "predicted value"
    pictures = []
    for number, values in enumerate(outputs.T[:MOST_CLASSES]):
        several = outputs.shape[1] > 1
        words, suffix = (
            (f"{kind} of output {number + 1}", f"-{number + 1}") if several else (kind, "")
        )
        own = true[:, number]
        pictures.append(_of_output(x, y, plane, values, points, own, split, names, words, suffix))
    return pictures


def _span(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    margin = MARGIN * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, STEPS)


def _of_classes(x, y, plane, outputs, points, split, encoded, class_names, names) -> Picture:
    from matplotlib.colors import to_rgb

    decided, sure = outputs.argmax(axis=1), np.clip(outputs.max(axis=1), 0, 1)
    least = 1 / outputs.shape[1]
    strength = 0.08 + 0.5 * np.clip((sure - least) / (1 - least), 0, 1)
    colours = np.array([to_rgb(colour) for colour in COLOURS])
    image = np.concatenate([colours[decided], strength[:, None]], axis=1).reshape(STEPS, STEPS, 4)
    figure, ax = axes(WIDTH, 4.2)
    ax.imshow(image, extent=_extent(x, y), origin="lower", aspect="auto", interpolation="none")
    for number in np.unique(decided) if len(np.unique(decided)) > 1 else ():
        lead = outputs[:, number] - np.delete(outputs, number, axis=1).max(axis=1)
        ax.contour(x, y, lead.reshape(STEPS, STEPS), levels=[0.0], colors=INK, linewidths=0.8)
    for number, name in enumerate(labels(class_names)):
        style = {"marker": MARKERS[number], "color": COLOURS[number], "markeredgecolor": ON_FILL}
        mine = points[encoded == number].T
        ax.plot(*mine, linestyle="none", markersize=6, markeredgewidth=0.6, label=name, **style)
    _finish(ax, x, y, names)
    shares = np.bincount(decided, minlength=len(class_names)) / len(decided)
    shares = zip(class_names, shares, strict=True)
    areas = ", ".join(f"{name} on {share:.0%}" for name, share in shares)
    return Picture(
        "decision-surface",
        "Decision surface",
        f"Map of the plane of {names[0]} and {names[1]}: the class that the model would "
        f"predict at each place ({areas} of the area shown), stronger where it is surer, with "
        f"{len(points):,} {split.name} rows marked by their true class.",
        figure,
        {
            names[0]: plane[:, 0],
            names[1] if names[1] != names[0] else f"{names[1]} (2)": plane[:, 1],
            "predicted": [class_names[number] for number in decided],
            **{f"output_{number}": values for number, values in enumerate(outputs.T, 1)},
        },
        f"Colour: predicted class, stronger where the model is surer. Points: {split.name} "
        "rows by their true class.",
    )


def _of_output(x, y, plane, values, points, true, split, names, word, suffix) -> Picture:
    figure, ax = axes(WIDTH, 4.0)
    low, high = (float(limit(np.concatenate([values, true]))) for limit in (np.min, np.max))
    scale = {"cmap": "cividis", "vmin": low, "vmax": high}
    placed = {"extent": _extent(x, y), "origin": "lower", "aspect": "auto"}
    image = ax.imshow(values.reshape(STEPS, STEPS), interpolation="none", **placed, **scale)
    style = {"edgecolors": "white", "linewidths": 0.7, "marker": OF_SPLIT[split.name][2]}
    ax.scatter(*points.T, c=true, s=22, **style, **scale)
    _colour_bar(figure, ax, image, word)
    _finish(ax, x, y, names)
    return Picture(
        f"decision-surface{suffix}",
        f"Surface of the {word}",
        f"Map of the plane of {names[0]} and {names[1]}: the {word} at each place, from "
        f"{values.min():.4g} (dark) to {values.max():.4g} (light), with {len(points):,} "
        f"{split.name} rows in the colour of their true value.",
        figure,
        {"first": plane[:, 0], "second": plane[:, 1], "predicted": values},
        f"Points: {split.name} rows in the colour of their true value.",
    )


def _finish(ax, x: np.ndarray, y: np.ndarray, names: list[str]) -> None:
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    ax.set(xlabel=label(names[0], 1, 30), ylabel=label(names[1], 2, 30))
    ax.grid(False)
    plain_numbers(ax.xaxis)
    plain_numbers(ax.yaxis)
    legend(ax, columns=4)


def _extent(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float, float]:
    half_x, half_y = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
    return x[0] - half_x, x[-1] + half_x, y[0] - half_y, y[-1] + half_y


def _colour_bar(figure, ax, image, words: str) -> None:
    bar = figure.colorbar(image, ax=ax, use_gridspec=False, label=words)
    bar.outline.set_visible(False)
    plain_numbers(bar.ax.yaxis)


def weights_heat_map(weights: np.ndarray, input_names: tuple[str, ...]) -> Picture:
    """Return the first layer's weights as a map: a line for each input, a column for each unit.

    Parameters
    ----------
    weights
        (inputs, units).
    input_names
        Of the network's inputs.
    """
    strength = np.linalg.norm(weights, axis=1)
    inputs = np.argsort(-strength, kind="stable")[:MOST_INPUTS]
    units = np.argsort(-np.linalg.norm(weights, axis=0), kind="stable")[:MOST_UNITS]
    part = weights[np.ix_(inputs, units)]
    limit = float(np.abs(part).max()) or 1.0
    figure, ax = axes(WIDTH, max(2.4, 1.2 + 0.17 * len(inputs)))
    scale = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
    image = ax.imshow(part, aspect="auto", interpolation="none", **scale)
    shown = labels([input_names[index] for index in inputs], 18)
    ax.set_yticks(np.arange(len(inputs)), shown)
    ax.set_xticks([])
    ax.set_xlabel(f"{len(units)} of {weights.shape[1]:,} units, the strongest first")
    ax.grid(False)
    _colour_bar(figure, ax, image, "weight")
    names = _unique([input_names[index] for index in inputs])
    return Picture(
        "first-layer-weights",
        "Weights of the first layer",
        f"Heat map of the weights of {len(inputs)} inputs (lines) and {len(units)} units of "
        f"the first layer (columns), from −{limit:.3g} in blue over white to {limit:.3g} in "
        f"red. The inputs with the largest weights: {', '.join(names[:3])}.",
        figure,
        {"input": names, **{f"unit_{unit + 1}": weights[inputs, unit] for unit in units}},
        "Inputs as the network gets them, scaled; those with the largest weights first."
        + (f" The first {len(inputs)} of {len(weights):,}." if len(inputs) < len(weights) else ""),
    )


def _unique(names: list[str]) -> list[str]:
    taken: list[str] = []
    for name in names:
        taken.append(name if name not in taken else f"{name} ({len(taken) + 1})")
    return taken
