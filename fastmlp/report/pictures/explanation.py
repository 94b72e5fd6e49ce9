"""Pictures of an explanation: the importance of columns or pixels, and the answer's dependence."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.data.readings.words import counted, printable
from fastmlp.explanation.results import Dependence, Explanation
from fastmlp.explanation.values import written

from .drawing import (
    BLUE,
    COLOURS,
    DASHES,
    INK,
    MARKERS,
    WIDTH,
    Picture,
    axes,
    legend,
    plain_numbers,
    size_for_bars,
)
from .glyphs import label, labels

MOST_BARS = 30
MOST_LEVELS = 24
MOST_CURVES = len(COLOURS)
LONGEST_NAME = 60  # of a column in words
LETTERS_IN_LINE = 40  # of levels side by side
NEAR = 0.01  # values that differ by less, relative to the largest, need more digits than four
MOST_TICKS = 5
DAY = 86_400.0  # seconds
CLOCK_STEPS = (0.01, 0.1, 1, 5, 15, 60, 300, 900, 3600, 3 * 3600, 6 * 3600)
WORDS = {"accuracy": "accuracy", "log_loss": "log loss", "rmse": "RMSE", "mae": "MAE"}


def importance_picture(explanation: Explanation) -> Picture:
    """Return the importance of each column as bars, or of each block of pixels as a map."""
    is_map = explanation.heat_map is not None
    found = explanation.importances
    numbers = np.array([each.losses for each in found])
    columns: dict[str, Any] = {
        "pixels" if is_map else "column": [each.column for each in found],
        "importance": [each.mean for each in found],
        "deviation": [each.deviation for each in found],
    }
    columns |= {f"repeat_{place + 1}": losses for place, losses in enumerate(numbers.T)}
    return (_map if is_map else _bars)(explanation, columns)


def _what_is_lost(explanation: Explanation) -> str:
    change = "lost" if explanation.metric == "accuracy" else "added"
    return f"{WORDS[explanation.metric]} {change}"


def _bars(explanation: Explanation, columns: dict[str, Any]) -> Picture:
    drawn = explanation.importances[:MOST_BARS]
    figure, ax = axes(*size_for_bars(len(drawn)))
    places = np.arange(len(drawn))
    means = [each.mean for each in drawn]
    error = {"elinewidth": 1.0, "ecolor": INK, "capsize": 2}
    deviations = [each.deviation for each in drawn]
    ax.barh(places, means, 0.72, xerr=deviations, color=(BLUE, 0.8), error_kw=error)
    ax.set_yticks(places, labels([each.column for each in drawn], 24))
    ax.set(ylim=(len(drawn) - 0.4, -0.6), xlabel=f"{_what_is_lost(explanation)} when shuffled")
    ax.grid(False, axis="y")
    plain_numbers(ax.xaxis)
    count, repeats = len(explanation.importances), len(drawn[0].losses)
    names = [printable(each.column, LONGEST_NAME) for each in drawn[:3]]
    cut = f" The first {len(drawn)} of {count:,} columns; the CSV has all."
    return Picture(
        "importance",
        "What the model needs each column for",
        f"Bar chart of {len(drawn)} columns by the {_what_is_lost(explanation)} when their "
        f"values are shuffled among the rows. The most important: {', '.join(names)}.",
        figure,
        columns,
        f"Mean and standard deviation over {repeats} shuffles of {explanation.rows:,} "
        f"{_rows_of(explanation)}." + (cut if len(drawn) < count else ""),
    )


def _map(explanation: Explanation, columns: dict[str, Any]) -> Picture:
    heat = explanation.heat_map
    assert heat is not None
    limit = float(np.abs(heat).max()) or 1.0
    down, across = heat.shape
    figure, ax = axes(WIDTH, min(8.0, max(2.0, 0.8 + 3.4 * down / across)))
    scale = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
    image = ax.imshow(heat, interpolation="none", **scale)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    bar = figure.colorbar(image, ax=ax, use_gridspec=False, label=_what_is_lost(explanation))
    bar.outline.set_visible(False)
    plain_numbers(bar.ax.yaxis)
    first = explanation.importances[0]
    return Picture(
        "importance",
        "Where the model looks",
        f"Map of {down}×{across} blocks of pixels by the {_what_is_lost(explanation)} when "
        f"they are shuffled among the rows, red for much. The most important: {first.column}.",
        figure,
        columns,
        f"Mean over {len(first.losses)} shuffles of {explanation.rows:,} {_rows_of(explanation)}.",
    )


def _rows_of(explanation: Explanation) -> str:
    return "rows" if explanation.split == "all" else f"{explanation.split} rows"


def dependence_pictures(explanation: Explanation) -> list[Picture]:
    """Return a picture of the dependence on each column that it was computed for."""
    return [
        _dependence(each, f"mean {explanation.answer}", number)
        for number, each in enumerate(explanation.dependences, 1)
    ]


def _dependence(found: Dependence, words: str, number: int) -> Picture:
    figure, ax = axes()
    is_line = found.kind not in ("text", "truth") and len(found.places) > 1
    drawn = slice(None) if is_line else slice(MOST_LEVELS)
    x = _on_axis(ax, found) if is_line else _levels(ax, found)
    spread = found.means.max(axis=0) - found.means.min(axis=0)
    chosen = np.sort(np.argsort(-spread, kind="stable")[:MOST_CURVES])
    shown = labels(found.curves)
    for place, curve in enumerate(chosen):
        style = {"color": COLOURS[place], "marker": MARKERS[place], "label": shown[curve]}
        dash = DASHES[place % len(DASHES)] if is_line else "none"
        ax.plot(x, found.means[drawn, curve], linestyle=dash, **style)
    ax.set(xlabel=label(found.column, number, 40), ylabel=words)
    _numbers(ax.yaxis, found.means[drawn][:, chosen])
    if len(found.curves) > 1:
        legend(ax)
    return _as_picture(found, figure, words, number)


def _as_picture(found: Dependence, figure: Any, words: str, number: int) -> Picture:
    name = printable(found.column, LONGEST_NAME)
    spread = found.means.max(axis=0) - found.means.min(axis=0)
    widest = int(np.argmax(spread))
    curve, ends = printable(found.curves[widest], LONGEST_NAME), found.means[:, widest]
    cut = []
    if len(found.curves) > MOST_CURVES:
        cut.append(f"The {MOST_CURVES} of {len(found.curves):,} curves that move most.")
    if found.kind == "text" and len(found.values) > MOST_LEVELS:
        cut.append(f"The first {MOST_LEVELS} of {len(found.values):,} values.")
    if cut:
        cut.append("The CSV has all.")
    return Picture(
        f"dependence-{number}",
        f"Dependence on {name}",
        f"The {words} if every row had the same {name}, at {counted(len(found.values), 'value')}. "
        f"It moves most for {curve}: between {ends.min():.4g} and {ends.max():.4g}.",
        figure,
        {"value": found.values, **dict(zip(_keys(found.curves), found.means.T, strict=True))},
        " ".join([f"The {words} if every row had this value.", *cut]),
    )


def _keys(curves: tuple[str, ...]) -> list[str]:
    """Return names as keys of a dict: two that are alike must not hide each other."""
    return [
        name if curves.count(name) == 1 and name != "value" else f"{name} ({number})"
        for number, name in enumerate(curves, 1)
    ]


def _levels(ax: Any, found: Dependence) -> np.ndarray:
    shown = labels(found.values[:MOST_LEVELS])
    places = np.arange(len(shown))
    upright = len(shown) * max(map(len, shown)) > LETTERS_IN_LINE
    ax.set_xticks(places, shown, rotation=90 if upright else 0)
    ax.set_xlim(-0.6, len(shown) - 0.4)
    return places


def _on_axis(ax: Any, found: Dependence) -> np.ndarray:
    """Return where values stand on the horizontal axis, which is set for their kind."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    if found.kind == "date":
        locator = AutoDateLocator(maxticks=6)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        places = found.places + date2num(np.datetime64("1970-01-01"))
        ax.set_xlim(places[0], places[-1])
        return places
    if found.kind in ("time", "duration"):
        kind = found.kind
        ax.xaxis.set_major_locator(MultipleLocator(_clock_step(np.ptp(found.places))))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: written([value], kind)[0]))
    else:
        _numbers(ax.xaxis, found.places)
    return found.places


def _clock_step(seconds: float) -> float:
    """Return a distance of ticks, as a clock or a calendar is divided."""
    steps = [step for step in CLOCK_STEPS if seconds <= MOST_TICKS * step]
    return steps[0] if steps else DAY * max(1.0, np.ceil(seconds / DAY / MOST_TICKS))


def _numbers(axis: Any, values: np.ndarray) -> None:
    """Write an axis's numbers so that they differ, however far they lie from zero."""
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    if np.ptp(values) >= NEAR * np.abs(values).max():
        plain_numbers(axis)
        return
    formatter = ScalarFormatter(useOffset=False)
    formatter.set_scientific(False)
    axis.set_major_locator(MaxNLocator(nbins=4))
    axis.set_major_formatter(formatter)
