"""Pictures of classes: the confusion matrix, the accuracy and the number of rows of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastmlp.report.numbers import most_confused
from fastmlp.report.words import share

from .drawing import (
    BLUE,
    INK,
    OF_SPLIT,
    ON_FILL,
    SOFT,
    WIDTH,
    Picture,
    axes,
    legend,
    percents,
    plot,
    size_for_bars,
    whole_numbers,
)
from .glyphs import labels

MOST_IN_COLUMN = 12  # classes whose confusion matrix fits into half a page
MOST_WITH_COUNTS = 32  # classes whose cells have room for a number
MOST_CLASSES = 120  # that a picture shows; a table of the page and the CSV hold all
LARGEST_SIDE = 12.0  # inches
HATCHES = {"train": "", "validation": "....", "test": "/////"}
LETTERS_IN_LINE = 36  # of names side by side below a matrix of half a page


def confusion(matrix: Sequence[Sequence[int]], names: list[str], split: str) -> Picture:
    """Return the confusion matrix: a row for each true class, a column for each predicted one.

    A cell is as strong as its share of the row, so that rare classes are seen too; the number is
    the count of rows.
    """
    counts = np.array(matrix)
    classes = len(counts)
    wide = classes > MOST_IN_COLUMN
    side = min(LARGEST_SIDE, 2.2 + 0.21 * classes) if wide else WIDTH if classes > 4 else 3.6
    figure, ax = axes(side, side)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    _cells(ax, counts, shares)
    shown = labels(names, 16 if classes > 6 else 20)
    ticks = np.arange(classes)
    upright = classes * max(map(len, shown)) > LETTERS_IN_LINE
    ax.set_xticks(ticks, shown, rotation=90 if upright else 0)
    ax.set_yticks(ticks, shown)
    ends = (-0.5, classes - 0.5)
    ax.set(xlim=ends, ylim=ends[::-1], aspect="equal", xlabel="predicted", ylabel="true")
    ax.tick_params(length=0)
    ax.grid(False)
    wrong = most_confused(counts, 3)
    worst = "; ".join(
        f"{names[true]} taken for {names[said]} {rows:,} times" for true, said, rows in wrong
    )
    right = int(np.trace(counts))
    return Picture(
        f"confusion-{split}",
        "Confusion matrix",
        f"Confusion matrix of {classes} classes over {counts.sum():,} {split} rows: {right:,} are "
        "on the diagonal, right. "
        + (f"Most frequent mistakes: {worst}." if worst else "There are no mistakes."),
        figure,
        {"true \\ predicted": names, **dict(zip(_unique(names), counts.T, strict=True))},
        f"Of the {split} rows. A cell is filled by its share of the true class."
        + (" Counts are in the CSV." if classes > MOST_WITH_COUNTS else ""),
        wide=wide,
    )


def _cells(ax, counts: np.ndarray, shares: np.ndarray) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Rectangle

    classes = len(counts)
    rows, columns = np.nonzero(counts)
    places = list(zip(rows.tolist(), columns.tolist(), strict=True))
    boxes = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in places]
    # A single mistake among a thousand must still be seen.
    strength = [0.12 + 0.88 * shares[place] for place in places]
    colours = [(*to_rgb(BLUE), each) for each in strength]
    ax.add_collection(PatchCollection(boxes, facecolors=colours, edgecolors="none"))
    for edge in np.arange(-0.5, classes, 1):
        ax.axhline(edge, color=SOFT, linewidth=0.2)
        ax.axvline(edge, color=SOFT, linewidth=0.2)
    if classes > MOST_WITH_COUNTS:
        return
    usual = 11 if classes <= 4 else 8 if classes <= MOST_IN_COLUMN else 7
    for (row, column), each in zip(places, strength, strict=True):
        count = counts[row, column]
        text = f"{count:,}" if count < 10_000 else f"{count / 1000:.3g}k"
        colour, size = ON_FILL if each > 0.55 else INK, usual - (len(text) > 4)
        ax.text(column, row, text, ha="center", va="center", size=size, color=colour)


def accuracy_by_class(
    shares: dict[str, np.ndarray], names: list[str], what: str = "class"
) -> Picture:
    """Return the share of right rows of each class, splits side by side, the weakest class first.

    Parameters
    ----------
    shares
        (classes,) by split, NaN where a split has no rows of a class; the last split tells the
        order.
    names
        Of the classes.
    what
        ``"class"``, or ``"label"`` where a row can have several: a row is then right where the
        label is.
    """
    judged = list(shares)[-1]
    order = np.argsort(np.nan_to_num(shares[judged], nan=2.0), kind="stable")
    drawn = order[:MOST_CLASSES]
    figure, ax = axes(*size_for_bars(len(drawn)))
    places = np.arange(len(drawn))
    rows_of = "the class's rows" if what == "class" else "rows"
    for split, values in shares.items():
        plot(ax, split, values[drawn], places, joined=False, markersize=5)
    low = np.nanmin([values[drawn] for values in shares.values()], axis=0)
    high = np.nanmax([values[drawn] for values in shares.values()], axis=0)
    ax.hlines(places, low, high, color=SOFT, linewidth=0.8, zorder=0)
    shown = labels(names)
    ax.set_yticks(places, [shown[index] for index in drawn])
    ax.set(ylim=(len(drawn) - 0.4, -0.6), xlabel=f"share of {rows_of} that are right")
    least, most = float(np.nanmin(low)), float(np.nanmax(high))
    margin = 0.05 * (most - least) or 0.02
    ax.set_xlim(max(least - margin, -0.02), most + min(margin, 0.02))
    percents(ax.xaxis)
    legend(ax)
    weakest, strongest = order[0], order[np.isfinite(shares[judged][order])][-1]
    columns = {what: [names[index] for index in order]}
    columns |= {f"{split}_accuracy": values[order] for split, values in shares.items()}
    return Picture(
        "accuracy-by-class",
        f"Accuracy of each {what}",
        f"Dot plot of the share of right rows of {len(drawn)} {what}s, "
        f"{' beside '.join(shares)}. Lowest in {judged}: {names[weakest]} with "
        f"{share(float(shares[judged][weakest]))}; highest: {names[strongest]} with "
        f"{share(float(shares[judged][strongest]))}.",
        figure,
        columns,
        f"The weakest {what} first." + _cut(len(order), len(drawn)),
    )


def class_distribution(
    counts: dict[str, np.ndarray], names: list[str], what: str = "class"
) -> Picture:
    """Return how many rows of each class each split has, the largest class first."""
    total = np.sum(list(counts.values()), axis=0)
    order = np.argsort(-total, kind="stable")
    drawn = order[:MOST_CLASSES]
    figure, ax = axes(*size_for_bars(len(drawn)))
    places, start = np.arange(len(drawn)), np.zeros(len(drawn))
    for split, values in counts.items():
        style = {"color": (OF_SPLIT[split][0], 0.8), "edgecolor": ON_FILL, "linewidth": 0.4}
        ax.barh(places, values[drawn], 0.72, start, label=split, hatch=HATCHES[split], **style)
        start = start + values[drawn]
    shown = labels(names)
    ax.set_yticks(places, [shown[index] for index in drawn])
    ax.set(ylim=(len(drawn) - 0.4, -0.6), xlabel="rows")
    ax.grid(False, axis="y")
    whole_numbers(ax.xaxis)
    legend(ax)
    first, last = order[0], order[-1]
    return Picture(
        "class-distribution",
        f"Rows of each {what}",
        f"Bar chart of the rows of {len(drawn)} classes in order of size: from {names[first]} "
        f"with {total[first]:,} to {names[last]} with {total[last]:,}.",
        figure,
        {"class": [names[index] for index in order]}
        | {f"{split}_rows": rows[order] for split, rows in counts.items()},
        "In order of size." + _cut(len(order), len(drawn)),
    )


def _cut(classes: int, drawn: int) -> str:
    return f" The first {drawn} of {classes:,} classes; the CSV has all." if drawn < classes else ""


def _unique(names: list[str]) -> list[str]:
    """Return names as keys of a dict: two that are alike must not hide each other."""
    return [
        name if names.count(name) == 1 else f"{name} ({number})"
        for number, name in enumerate(names, 1)
    ]
