"""Pictures of regression: predicted against true, and what is left over."""

from __future__ import annotations

import numpy as np

from .drawing import (
    BLUE,
    INK,
    OF_SPLIT,
    SOFT,
    Picture,
    axes,
    legend,
    plain_numbers,
    plot,
    whole_numbers,
)

MOST_POINTS = 3000  # that a picture draws
MOST_OUTPUTS = 6
BINS = 30
DASHED = {"color": SOFT, "linewidth": 1, "linestyle": (0, (3, 3))}


def pictures_of_output(
    true: np.ndarray, predicted: np.ndarray, split: str, name: str, suffix: str = ""
) -> list[Picture]:
    """Return the pictures of one output.

    Parameters
    ----------
    true, predicted
        (rows,) values in the target's own unit.
    split
        Whose rows they are.
    name
        What the output is called.
    suffix
        Of the files' names, where there are several outputs.
    """
    shown = np.linspace(0, len(true) - 1, min(len(true), MOST_POINTS)).astype(np.int64)
    some = f" {len(shown):,} of {len(true):,} rows, evenly chosen."
    some = some if len(shown) < len(true) else ""
    points = {"row": shown + 1, "true": true[shown], "predicted": predicted[shown]}
    return [
        _predicted_against_true(points, split, name, suffix, some),
        _residuals_against_predicted(points, split, name, suffix, some),
        _residual_histogram(true - predicted, split, name, suffix),
    ]


def _predicted_against_true(points: dict, split: str, name: str, suffix: str, some: str) -> Picture:
    true, predicted = points["true"], points["predicted"]
    figure, ax = axes(height=4.0)
    _scatter(ax, true, predicted, split)
    ends = [float(end([true, predicted])) for end in (np.min, np.max)]
    ax.plot(ends, ends, label="exactly right", zorder=1, **DASHED)
    ax.set(xlabel="true", ylabel="predicted")
    _plain(ax)
    legend(ax)
    return Picture(
        f"predicted-against-true{suffix}",
        f"Predicted against true: {name}",
        f"Scatter plot of {len(true):,} {split} rows: predicted {name} against the true one, "
        f"from {ends[0]:.4g} to {ends[1]:.4g}; their correlation is "
        f"{_correlation(true, predicted):.3f}. A dashed diagonal shows where exact predictions "
        "lie.",
        figure,
        points,
        f"Exact predictions lie on the dashed line.{some}",
    )


def _residuals_against_predicted(
    points: dict, split: str, name: str, suffix: str, some: str
) -> Picture:
    residuals = points["true"] - points["predicted"]
    figure, ax = axes()
    ax.axhline(0, **DASHED)
    _scatter(ax, points["predicted"], residuals, split)
    ax.set(xlabel="predicted", ylabel="true − predicted")
    _plain(ax)
    legend(ax)
    return Picture(
        f"residuals{suffix}",
        f"Residuals: {name}",
        f"Scatter plot of true minus predicted {name} against predicted for {len(residuals):,} "
        f"{split} rows: between {residuals.min():.4g} and {residuals.max():.4g}.",
        figure,
        {**points, "residual": residuals},
        f"A shape in this cloud is something that the model has not learnt.{some}",
    )


def _residual_histogram(residuals: np.ndarray, split: str, name: str, suffix: str) -> Picture:
    bins = min(BINS, max(5, int(np.sqrt(len(residuals))) + 1))
    counts, edges = np.histogram(residuals, bins=bins)
    mean = float(residuals.mean())
    figure, ax = axes()
    ax.stairs(counts, edges, fill=True, color=(OF_SPLIT[split][0], 0.7), label=split)
    ax.axvline(mean, color=BLUE, linewidth=1.5, linestyle=(0, (4, 2)), label=f"mean {mean:.3g}")
    ax.axvline(0, color=INK, linewidth=0.7)
    ax.set(xlabel="true − predicted", ylabel="rows")
    plain_numbers(ax.xaxis)
    whole_numbers(ax.yaxis)
    legend(ax)
    return Picture(
        f"residual-histogram{suffix}",
        f"How large the residuals are: {name}",
        f"Histogram of true minus predicted {name} over {len(residuals):,} {split} rows: mean "
        f"{mean:.3g}, half of them within ±{np.median(np.abs(residuals)):.3g}.",
        figure,
        {"from": edges[:-1], "to": edges[1:], "rows": counts},
        "A mean away from zero is a bias: the model guesses too low where it is positive.",
    )


def _scatter(ax, x: np.ndarray, y: np.ndarray, split: str) -> None:
    strength = 0.7 if len(x) <= 300 else 0.35
    style = {"markersize": 3, "markeredgewidth": 0, "alpha": strength, "rasterized": len(x) > 600}
    plot(ax, split, x, y, joined=False, **style)


def _plain(ax) -> None:
    plain_numbers(ax.xaxis)
    plain_numbers(ax.yaxis)


def _correlation(true: np.ndarray, predicted: np.ndarray) -> float:
    if len(true) < 2 or true.std() == 0 or predicted.std() == 0:
        return 0.0
    return float(np.corrcoef(true, predicted)[0, 1])
