"""Pictures of a search: its history, what counts, all settings at once, each by itself, curves."""

from __future__ import annotations

import math

import numpy as np

from fastmlp.report.pictures.drawing import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    SOFT,
    VERMILLION,
    WIDTH,
    Picture,
    axes,
    legend,
    plain_numbers,
    short_number,
    size_for_bars,
    whole_numbers,
)
from fastmlp.report.pictures.glyphs import labels
from fastmlp.tuning.outcomes import Outcome
from fastmlp.tuning.results import Study

from .study_axes import Axis, axes_of, limits

BEST_SHARE = 0.25  # of the trials that are drawn as the good ones
MOST_SLICES, SLICES_IN_ROW, MOST_CURVES, MOST_AXES = 12, 3, 200, 10
MOST_BARS = 20
FEWEST = 2  # complete trials for a picture of settings


def _values(trials: list[Outcome]) -> np.ndarray:
    return np.array([math.nan if each.value is None else each.value for each in trials])


def history_picture(study: Study) -> Picture | None:
    """Return the number of each trial, and the best one until then."""
    done = study.complete
    if not done:
        return None
    numbers, values = np.array([each.number for each in done]), _values(done)
    best = (np.maximum if study.larger_is_better else np.minimum).accumulate(values)
    figure, ax = axes(height=3.3)
    style = {"linestyle": "none", "marker": "o", "color": BLUE, "label": "a trial"}
    ax.plot(numbers, values, **style)
    ax.step(numbers, best, where="post", color=VERMILLION, label="the best so far")
    if study.first is not None and study.first.value is not None:
        given = {"color": SOFT, "linewidth": 0.9, "linestyle": (0, (5, 2))}
        ax.axhline(study.first.value, **given, label="as given")
    ended = [each.number for each in study.trials if each.state in ("pruned", "diverged", "late")]
    if ended:
        place = np.full(len(ended), 0.02)
        ends = {"linestyle": "none", "marker": "|", "color": INK, "label": "ended early"}
        ax.plot(ended, place, transform=ax.get_xaxis_transform(), clip_on=False, **ends)
    ax.set_ylim(*limits(study, values.tolist()))
    ax.set(xlabel="trial", ylabel=study.heading)
    whole_numbers(ax.xaxis)
    plain_numbers(ax.yaxis)
    legend(ax, 2)
    return Picture(
        "study-history",
        "History",
        f"Scatter chart of {study.heading} of {len(done)} complete trials by their number; the "
        f"best went from {short_number(best[0])} to {short_number(best[-1])}.",
        figure,
        {"trial": numbers, study.number: values, "best_so_far": best},
        "The worst trials may lie outside.",
    )


def importance_picture(study: Study) -> Picture | None:
    """Return how much each parameter counts."""
    if not study.importance:
        return None
    found = sorted(study.importance.items(), key=lambda pair: -pair[1])[:MOST_BARS]
    names, shares = [name for name, _ in found], np.array([share for _, share in found])
    figure, ax = axes(*size_for_bars(len(names) + 2))
    places = np.arange(len(names))
    ax.barh(places, 100 * shares, 0.66, color=(BLUE, 0.75))
    ax.set_yticks(places, labels(names, 22))
    ax.set(ylim=(len(names) - 0.4, -0.6), xlabel="% of the spread of the results")
    ax.grid(False, axis="y")
    plain_numbers(ax.xaxis)
    listed = ", ".join(f"{name} {100 * share:.0f} %" for name, share in found[:5])
    return Picture(
        "study-importance",
        "What counts",
        f"Bar chart of the share of each parameter in the spread of the results: {listed}.",
        figure,
        {"parameter": names, "share": shares},
        "By the trials that were made, of which most lie where the search hoped for more.",
    )


def parallel_picture(study: Study) -> Picture | None:
    """Return each complete trial as a line through its settings."""
    done, order = _ranked(study)
    found = axes_of(study, done)[:MOST_AXES]
    if len(done) < FEWEST or len(found) < 2:
        return None
    figure, ax = axes(width=max(WIDTH, 1.25 * len(found) + 1), height=3.6)
    for rank in order[::-1]:  # the best are drawn last, above the others
        style = _style(rank, order)
        ax.plot(range(len(found)), [axis.places[rank] for axis in found], **style)
    for number, axis in enumerate(found):
        ax.axvline(number, color=INK, linewidth=0.8, zorder=3)
        for place, words in axis.ticks:
            box = {"xy": (number, place), "xytext": (3, 0), "textcoords": "offset points"}
            ax.annotate(words, **box, size=7, va="center", color=INK, zorder=5)
    ax.set_xticks(range(len(found)), labels([axis.name for axis in found]))
    ax.set(yticks=[], ylim=(-0.06, 1.06), xlim=(-0.15, len(found) - 0.35))
    ax.grid(False)
    ax.spines["left"].set_visible(False)
    columns = {axis.name: [str(value) for value in axis.values] for axis in found}
    return Picture(
        "study-parallel",
        "All settings at once",
        f"Parallel coordinates of {len(done)} complete trials over {len(found)} settings: "
        f"{', '.join(axis.name for axis in found)}. The best trial has "
        f"{', '.join(f'{axis.name} {axis.values[order[0]]}' for axis in found)}.",
        figure,
        {"trial": [each.number for each in done], study.number: _values(done), **columns},
        "A line is a trial: orange the best, blue the best quarter, grey the others.",
        wide=True,
    )


def _ranked(study: Study) -> tuple[list[Outcome], list[int]]:
    """Return the complete trials, and their places in the list from the best to the worst."""
    done = study.complete
    sign = -1 if study.larger_is_better else 1
    return done, sorted(range(len(done)), key=lambda place: sign * (done[place].value or 0.0))


def _style(place: int, order: list[int]) -> dict:
    rank = order.index(place)
    if rank == 0:
        return {"color": ORANGE, "linewidth": 2.2, "alpha": 1.0, "zorder": 4}
    if rank < max(BEST_SHARE * len(order), 2):
        return {"color": BLUE, "linewidth": 1.1, "alpha": 0.75, "zorder": 2}
    return {"color": SOFT, "linewidth": 0.6, "alpha": 0.4, "zorder": 1}


def slices_picture(study: Study) -> Picture | None:
    """Return the results against each setting by itself."""
    done, order = _ranked(study)
    found = axes_of(study, done)[:MOST_SLICES]
    if len(done) < FEWEST or not found:
        return None
    across = min(len(found), SLICES_IN_ROW)
    down = -(-len(found) // across)
    figure, grid = axes(
        width=2.6 * across + 0.6, height=2.1 * down + 0.3, rows=down, columns=across
    )
    cells, values = np.atleast_1d(grid).reshape(-1), _values(done)
    shown = limits(study, values.tolist())
    for cell, axis in zip(cells, found, strict=False):
        _slice(cell, axis, values, order, shown)
    for number, cell in enumerate(cells):
        if number >= len(found):
            cell.set_visible(False)
        elif number % across == 0:
            cell.set_ylabel(study.heading)
    columns = {axis.name: [str(value) for value in axis.values] for axis in found}
    return Picture(
        "study-slices",
        "Each setting by itself",
        f"{len(found)} scatter charts of {study.heading} against a setting each: "
        f"{', '.join(axis.name for axis in found)}.",
        figure,
        {"trial": [each.number for each in done], study.number: values, **columns},
        "A point is a trial, orange the best. The worst may lie outside.",
        wide=across > 1,
    )


def _slice(cell, axis: Axis, values: np.ndarray, order: list[int], shown) -> None:
    style = {"linestyle": "none", "marker": "o", "markersize": 3.2}
    cell.plot(axis.places, values, color=BLUE, alpha=0.7, **style)
    best = order[0]
    cell.plot(axis.places[best], values[best], color=ORANGE, zorder=3, **{**style, "markersize": 6})
    few = axis.ticks[:: max(1, -(-len(axis.ticks) // 4))]
    long = any(len(words) > 6 for _, words in few)
    turned = {"rotation": 20, "ha": "right"} if long else {}
    cell.set_xticks([place for place, _ in few], [words for _, words in few], **turned)
    cell.set(xlim=(-0.06, 1.06), ylim=shown, title=labels([axis.name])[0])
    plain_numbers(cell.yaxis)


def curves_picture(study: Study) -> Picture | None:
    """Return the number of the validation rows by epoch, for each trial."""
    drawn = [each for each in study.trials if each.curve][-MOST_CURVES:]
    if not drawn:
        return None
    figure, ax = axes(height=3.3)
    best, ends = study.best_trial, []
    for each in sorted(drawn, key=lambda each: (each is best, each.is_default)):
        epochs, values = np.array(each.curve, np.float64).T
        ends += [values[-1], values.min() if not study.larger_is_better else values.max()]
        if best is not None and each.number == best.number:
            style = {"color": ORANGE, "linewidth": 2.2, "zorder": 4, "label": "the best trial"}
        elif each.is_default:
            style = {"color": GREEN, "linewidth": 1.8, "zorder": 3, "label": "as given"}
        else:
            style = {"color": BLUE, "linewidth": 0.7, "alpha": 0.5}
        ax.plot(epochs, values, **style)
        if each.state == "pruned":
            ax.plot(epochs[-1], values[-1], marker="x", color=INK, markersize=4, zorder=2)
    ax.set_ylim(*limits(study, ends))
    ax.set(xlabel="epoch", ylabel=study.heading)
    whole_numbers(ax.xaxis)
    plain_numbers(ax.yaxis)
    legend(ax)
    points = [(each.number, *point) for each in drawn for point in each.curve or []]
    return Picture(
        "study-curves",
        "While they trained",
        f"Line chart of {study.heading} by epoch of {len(drawn)} trials, of which "
        f"{sum(each.state == 'pruned' for each in drawn)} were ended early.",
        figure,
        dict(zip(("trial", "epoch", study.number), map(list, zip(*points, strict=True)),
                 strict=True)),
        "A cross ends a trial that was pruned.",
    )  # fmt: skip
