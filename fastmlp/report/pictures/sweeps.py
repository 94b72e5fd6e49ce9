"""Pictures of a sweep: result against value, all curves together, the time of an epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastmlp.experiments.results import Sweep
from fastmlp.report.finished_run import FinishedRun
from fastmlp.report.outcomes import Outcome, best_of, metric_value, metric_words, train_metric
from fastmlp.report.words import seconds

from .curves import WORDS, numbers_of
from .drawing import (
    BLUE,
    COLOURS,
    DASHES,
    HEIGHT,
    INK,
    MARKERS,
    OF_SPLIT,
    SOFT,
    WIDTH,
    Picture,
    axes,
    legend,
    mark_best,
    markers_every,
    percents,
    plain_numbers,
    plot,
    short_number,
    size_for_bars,
    wants_log,
    whole_numbers,
)
from .glyphs import labels

EXPLODED = 10  # times the loss that the other runs begin or end with
MOST_IN_LEGEND = 24  # lines; with more a legend is longer than its picture


def result_picture(sweep: Sweep, found: list[Outcome]) -> Picture | None:
    """Return the metric against the swept value, or by variant where the values are no numbers."""
    if not found:
        return None
    numeric = all(
        isinstance(each.value, (int, float)) and not isinstance(each.value, bool) for each in found
    )
    draw = _against_value if numeric and len(found) > 1 else _by_variant
    return draw(sweep, found)


def _against_value(sweep: Sweep, found: list[Outcome]) -> Picture:
    found = sorted(found, key=lambda each: each.value)
    values = np.array([each.value for each in found], np.float64)
    figure, ax = axes(height=3.4)
    columns, split, words = _columns(found), _split(sweep), metric_words(sweep.metric)
    if sweep.metric != train_metric(sweep.metric):
        plot(ax, "train", values, columns["train"])
    plot(ax, split, values, columns["middle"], label=words)
    if np.nanmax(columns["highest"] - columns["lowest"], initial=0) > 0:
        colour = OF_SPLIT[split][0]
        ax.vlines(values, columns["lowest"], columns["highest"], color=colour, linewidth=1)
    _mark_failures(ax, values, found)
    best = best_of(found, sweep.metric)
    if best is not None:
        mark_best(ax, best.value, f"best, {short_number(best.value)}")
    log_x = sweep.log_axis and values.min() > 0
    ax.set_xscale("log" if log_x else "linear")
    if log_x:
        _ticks_at(ax, values)
    else:
        plain_numbers(ax.xaxis)
    ax.set_xlabel((sweep.setting or "value") + (" (logarithmic)" if log_x else ""))
    _finish_y(ax, sweep.metric, np.concatenate([columns["middle"], columns["train"]]))
    legend(ax)
    return Picture(
        f"{sweep.name}-result",
        f"{words.capitalize()} against {sweep.setting or 'value'}",
        f"Line chart of {words} against {sweep.setting or 'the swept value'} at {len(found)} "
        f"values: {_results(sweep, found)}",
        figure,
        {"variant": [each.name for each in found], "value": values, **columns},
        _caption(found),
    )


def _split(sweep: Sweep) -> str:
    """Return the split in whose colour the metric is drawn."""
    split = sweep.metric.partition("_")[0]
    return split if split in OF_SPLIT else "test"


def _ticks_at(ax: Any, values: np.ndarray) -> None:
    """Put ticks on the swept values themselves, as far as there is room between them."""
    from matplotlib.ticker import FixedLocator, NullLocator

    span = math.log(values.max() / values.min()) or 1.0
    kept: list[float] = []
    for value in values.tolist():
        if not kept or math.log(value / kept[-1]) > 0.13 * span:
            kept.append(value)
    ax.xaxis.set_major_locator(FixedLocator(kept))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(lambda value, _: short_number(value))


def _mark_failures(ax: Any, values: np.ndarray, found: list[Outcome]) -> None:
    place = ax.get_xaxis_transform()  # the height is a share of the picture's
    for status, marker in (("diverged", "X"), ("failed", "v")):
        there = values[[each.status == status for each in found]]
        if len(there):
            style = {"linestyle": "none", "marker": marker, "markersize": 8, "color": INK}
            height = np.full(len(there), 0.04)
            ax.plot(there, height, transform=place, clip_on=False, label=status, **style)


def _by_variant(sweep: Sweep, found: list[Outcome]) -> Picture:
    figure, ax = axes(*size_for_bars(len(found) + 2))
    columns, places = _columns(found), np.arange(len(found))
    split, words = _split(sweep), metric_words(sweep.metric)
    if sweep.metric != train_metric(sweep.metric):
        plot(ax, "train", columns["train"], places, joined=False, markersize=5)
        ax.hlines(places, columns["train"], columns["middle"], color=SOFT, linewidth=0.8, zorder=0)
    colour = OF_SPLIT[split][0]
    ax.hlines(places, columns["lowest"], columns["highest"], color=colour, linewidth=2)
    plot(ax, split, columns["middle"], places, joined=False, markersize=6, label=words)
    ax.set_yticks(places, labels([each.name for each in found], 22))
    ax.set_ylim(len(found) - 0.4, -0.6)
    ax.set_xlabel(words)
    _scale(ax, ax.xaxis, "x", sweep.metric, np.concatenate([columns["middle"], columns["train"]]))
    for place, each in zip(places, found, strict=True):
        if not math.isfinite(each.middle) or (each.middle == 0 and ax.get_xscale() == "log"):
            text = "0" if each.middle == 0 else each.status
            style = {"va": "center", "color": INK, "style": "italic"}
            ax.text(0.02, place, text, transform=ax.get_yaxis_transform(), **style)
    legend(ax)
    return Picture(
        f"{sweep.name}-result",
        f"{words.capitalize()} of each variant",
        f"Dot plot of {words} of {len(found)} variants: {_results(sweep, found)}",
        figure,
        {"variant": [each.name for each in found], "value": [each.value for each in found]}
        | columns,
        _caption(found),
    )


def _columns(found: list[Outcome]) -> dict[str, np.ndarray]:
    return {
        "lowest": np.array([each.low for each in found]),
        "middle": np.array([each.middle for each in found]),
        "highest": np.array([each.high for each in found]),
        "train": np.array([each.train for each in found]),
        "status": np.array([each.status for each in found]),
    }


def _results(sweep: Sweep, found: list[Outcome]) -> str:
    words = []
    for each in found[:20]:
        is_measured = math.isfinite(each.middle)
        result = metric_value(sweep.metric, each.middle) if is_measured else each.status
        words.append(f"{each.name} {result}")
    return ", ".join(words) + (f" and {len(found) - 20} more." if len(found) > 20 else ".")


def _caption(found: list[Outcome]) -> str:
    spread = any(each.high > each.low for each in found)
    return "Median over the seeds, with a line from the lowest to the highest." if spread else ""


def curves_picture(
    sweep: Sweep, finished: Mapping[str, list[FinishedRun]], word: str
) -> Picture | None:
    """Return one measure of every variant over the epochs, on the metric's split if it is there.

    Parameters
    ----------
    sweep
        Whose variants.
    finished
        The runs of each variant, one a seed.
    word
        ``"loss"``, ``"accuracy"``, ``"rmse"`` or ``"r2"``.
    """
    lines = [
        (name, number, *line)
        for name in sweep.variants
        for number, run in enumerate(finished.get(name, []))
        if (line := _line(run, sweep.metric, word)) is not None
    ]
    if not lines:
        return None
    split = lines[0][2]
    names = list(dict.fromkeys(name for name, *_ in lines))
    shown = dict(zip(names, labels(names, 22), strict=True))
    legend_rows = -(-min(len(names), MOST_IN_LEGEND) // 2)
    figure, ax = axes(WIDTH, HEIGHT + 0.3 + 0.17 * legend_rows)
    for name, number, _, epochs, values in lines:
        index = names.index(name)
        style = {
            "color": COLOURS[index % len(COLOURS)],
            "linestyle": DASHES[index // len(COLOURS) % len(DASHES)],
            "marker": MARKERS[index % len(MARKERS)],
            "markevery": 2 * markers_every(len(epochs)),
            "alpha": 1 if number == 0 else 0.45,
            "label": shown[name] if number == 0 and index < MOST_IN_LEGEND else None,
        }
        ax.plot(epochs, values, linewidth=1.3, markersize=3.5, **style)
    everything = np.concatenate([values for *_, values in lines])
    shown_values = _without_explosions(lines)
    ax.set_xlabel("epoch")
    whole_numbers(ax.xaxis)
    _finish_y(ax, f"{split}_{word}", shown_values)
    leaves = bool(np.nanmax(everything) > np.nanmax(shown_values))
    if leaves:
        ax.set_ylim(0.85 * np.nanmin(shown_values), 1.1 * np.nanmax(shown_values))
    legend(ax, columns=2)
    endings = [_ending(name, values, word) for name, number, *_, values in lines[:20] if not number]
    caption = []
    if not np.isfinite(everything).all():
        caption.append("A line ends where the loss became NaN or infinite.")
    if leaves:
        caption.append("Lines that explode leave the picture above.")
    return Picture(
        f"{sweep.name}-{word}",
        f"{split.capitalize()} {WORDS[word]} of all variants",
        f"Line chart of {split} {WORDS[word]} over the epochs of {len(names)} variants, which "
        f"end at: {', '.join(endings)}.",
        figure,
        {
            "variant": [name for name, *_, values in lines for _ in values],
            "run": [number + 1 for _, number, *_, values in lines for _ in values],
            "epoch": np.concatenate([epochs for *_, epochs, _ in lines]).astype(int),
            f"{split}_{word}": everything,
        },
        " ".join(caption),
    )


def _without_explosions(lines: list[tuple]) -> np.ndarray:
    """Return the values without those of runs that diverged, so that the others can be seen."""
    everything = np.concatenate([values for *_, values in lines])
    whole = [values for *_, values in lines if np.isfinite(values).all()]
    if not whole:
        return everything
    limit = EXPLODED * max(np.median([values[end] for values in whole]) for end in (0, -1))
    kept = everything[everything <= limit]  # NaN is not
    return kept if len(kept) else everything


def _line(run: FinishedRun, metric: str, word: str) -> tuple[str, np.ndarray, np.ndarray] | None:
    """Return split, epochs and values of a measure: on the metric's split if it is there."""
    for split in (metric.partition("_")[0], run.monitored, "train"):
        values = numbers_of(run.epochs, f"{split}_{word}")
        if np.isfinite(values).any():
            return split, numbers_of(run.epochs, "epoch"), values
    return None


def _ending(name: str, values: np.ndarray, word: str) -> str:
    finite = values[np.isfinite(values)]
    return f"{name} {metric_value(word, float(finite[-1]))}" if len(finite) else f"{name} nowhere"


def _finish_y(ax: Any, metric: str, values: np.ndarray) -> None:
    ax.set_ylabel(metric_words(metric))
    _scale(ax, ax.yaxis, "y", metric, values)


def _scale(ax: Any, axis: Any, which: str, metric: str, values: np.ndarray) -> None:
    if metric.endswith("accuracy"):
        percents(axis)
        return
    log = not metric.endswith("r2") and wants_log(values)
    if log:
        (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    plain_numbers(axis, log)


def time_picture(sweep: Sweep, finished: Mapping[str, list[FinishedRun]]) -> Picture | None:
    """Return how long an epoch's training took, by variant."""
    times = {}
    for name in sweep.variants:
        taken = [numbers_of(run.epochs, "seconds") for run in finished.get(name, [])]
        taken = np.concatenate(taken) if taken else np.array([])
        if np.isfinite(taken).any():
            times[name] = float(np.nanmedian(taken))
    if not times:
        return None
    names, values = list(times), np.array(list(times.values()))
    figure, ax = axes(*size_for_bars(len(names) + 2))
    unit, scale = ("milliseconds", 1000.0) if values.max() < 0.1 else ("seconds", 1.0)
    ax.barh(np.arange(len(names)), scale * values, 0.66, color=(BLUE, 0.75))
    for place, value in enumerate(values):
        ax.annotate(f" {seconds(value)}", (scale * value, place), va="center", size=8, color=INK)
    ax.set_yticks(np.arange(len(names)), labels(names, 22))
    ax.set(ylim=(len(names) - 0.4, -0.6), xlim=(0, 1.25 * scale * values.max()))
    ax.set_xlabel(f"{unit} an epoch, training alone")
    ax.grid(False, axis="y")
    plain_numbers(ax.xaxis)
    longest, shortest = names[int(values.argmax())], names[int(values.argmin())]
    return Picture(
        f"{sweep.name}-seconds",
        "Time of an epoch",
        "Bar chart of the median seconds that an epoch took, by variant: from "
        f"{seconds(values.min())} ({shortest}) to {seconds(values.max())} ({longest}).",
        figure,
        {"variant": names, "seconds_an_epoch": values},
        "Median over the epochs; other work on the machine counts in.",
    )
