"""Picture of calibration: of the answers that the model was 80 % sure of, are 80 % right?"""

from __future__ import annotations

import numpy as np

from fastmlp.report.numbers import Calibration
from fastmlp.report.words import share

from .drawing import OF_SPLIT, SOFT, Picture, axes, legend, percents, short_number


def calibration_curve(found: Calibration, split: str, before: Calibration | None = None) -> Picture:
    """Return the share right against confidence, with the number of answers beneath.

    ``before`` is the same before a temperature was applied, where there is one.
    """
    figure, (ax, below) = _two_axes()
    colour, _, marker = OF_SPLIT[split]
    there = found.counts > 0
    confidence, right, counts = found.confidence[there], found.right[there], found.counts[there]
    dashed = {"color": SOFT, "linewidth": 1, "linestyle": (0, (3, 3))}
    ax.plot([0, 1], [0, 1], label="as sure as right", **dashed)
    words = f"{split}, calibration error {found.error:.4f}"
    was = ""
    if before is not None:
        was = f"; before calibration it was {before.error:.4f}"
        own = before.counts > 0
        told = f"before calibration, {before.error:.4f}"
        style = {"color": SOFT, "marker": marker, "markersize": 4, "linewidth": 1}
        ax.plot(before.confidence[own], before.right[own], label=told, **style)
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
        f"expected calibration error is {found.error:.4f}{was}. Below, a bar chart of how many "
        "answers have each confidence.",
        figure,
        {
            "from": found.edges[:-1],
            "to": found.edges[1:],
            "answers": found.counts,
            "mean_confidence": found.confidence,
            "share_right": found.right,
            **(
                {}
                if before is None
                else {
                    "answers_before": before.counts,
                    "mean_confidence_before": before.confidence,
                    "share_right_before": before.right,
                }
            ),
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
