"""Picture of calibration: of the answers that the model was 80 % sure of, are 80 % right?"""

from __future__ import annotations

import numpy as np

from fastmlp.report.numbers import Calibration
from fastmlp.report.words import share

from .drawing import OF_SPLIT, SOFT, Picture, axes, legend, percents, short_number


def calibration_curve(found: Calibration, split: str) -> Picture:
    """Return the share right against confidence, with the number of answers beneath."""
    figure, (ax, below) = _two_axes()
    colour, _, marker = OF_SPLIT[split]
    there = found.counts > 0
    confidence, right, counts = found.confidence[there], found.right[there], found.counts[there]
    dashed = {"color": SOFT, "linewidth": 1, "linestyle": (0, (3, 3))}
    ax.plot([0, 1], [0, 1], label="as sure as right", **dashed)
    words = f"{split}, calibration error {found.error:.4f}"
    ax.plot(confidence, right, color=colour, marker=marker, markersize=5, label=words)
    ax.vlines(confidence, confidence, right, color=colour, linewidth=0.8, alpha=0.6)
    ax.set(xlim=(0, 1.02), ylim=(0, 1.04), ylabel="share that is right")
    middle = (found.edges[:-1] + found.edges[1:]) / 2
    width = 0.86 / len(middle)
    below.bar(middle[there], counts, width, color=(colour, 0.7), edgecolor="none")
    below.set(xlabel="how sure the model was", ylabel="answers", yscale="log", ylim=(0.7, None))
    below.yaxis.set_major_formatter(lambda value, _: short_number(value))
    below.yaxis.set_minor_formatter(lambda *_: "")
    below.grid(False, axis="x")
    for axis in (ax.xaxis, ax.yaxis, below.xaxis):
        percents(axis)
    legend(ax)
    sure, true = (np.average(values, weights=counts) for values in (confidence, right))
    return Picture(
        f"calibration-{split}",
        "Calibration",
        "Line chart of the share of right answers against the model's confidence on the "
        f"{split} rows: on average it is {share(sure)} sure and {share(true)} right; the "
        f"expected calibration error is {found.error:.4f}. Below, a bar chart of how many "
        "answers have each confidence.",
        figure,
        {
            "from": found.edges[:-1],
            "to": found.edges[1:],
            "answers": found.counts,
            "mean_confidence": found.confidence,
            "share_right": found.right,
        },
        "Below the dashed line the model is surer than it should be, above it less sure. Bars: "
        "answers, logarithmic.",
    )


def _two_axes():
    from .drawing import HEIGHT, WIDTH

    figure, both = axes(WIDTH, HEIGHT + 1.0, rows=2)
    both[0].get_gridspec().set_height_ratios([3, 1])
    both[0].sharex(both[1])
    both[0].tick_params(labelbottom=False)
    return figure, both
