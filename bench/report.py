"""How measurements are shown: cells of tables, and pictures of bars and lines."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .numbers import best_peer, speed_against
from .rounds import Measurement

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADER = ("contender", "run with", "median µs", "min–max µs", "× best peer", "memory", "compile")
MEMORY_COLUMN = 5
PEAK_COLUMN = 5  # where the share of the peak stands, in tables that have it


def micro(seconds: float) -> str:
    """Return a time in microseconds for people, three digits that count or more."""
    value = 1e6 * seconds
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table_rows(measurements: Sequence[Measurement], units: int = 1) -> list[list[str]]:
    """Return a row of texts for each contender under HEADER; on a GPU its memory is that of the
    GPU.

    Parameters
    ----------
    measurements
        Of one piece of work.
    units
        Into how many steps the time of a unit of work is divided.
    """
    peer = best_peer(measurements)
    return [
        [
            measured.contender,
            measured.variant,
            micro(measured.median / units),
            f"{micro(min(measured.seconds) / units)}–{micro(max(measured.seconds) / units)}",
            "-" if peer is None else f"{speed_against(measured, peer):.2f}",
            f"{(measured.device_bytes or measured.peak_bytes) / 1e6:,.0f} MB",
            f"{measured.compile_seconds:.1f} s",
        ]
        for measured in measurements
    ]


def draw_bars(
    groups: dict[str, dict[str, tuple[float, float, float]]], title: str, label: str
) -> Figure:
    """Draw bars with their spread, a group each, on a logarithmic axis.

    Parameters
    ----------
    groups
        By group and contender: (median, least, greatest).
    title, label
        Of the picture and of its axis.
    """
    from matplotlib.figure import Figure

    contenders = list(dict.fromkeys(name for group in groups.values() for name in group))
    figure = Figure(figsize=(2 + 1.6 * len(groups), 4.5), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / max(len(contenders), 1)
    for index, contender in enumerate(contenders):
        own = [
            (place, group[contender])
            for place, group in enumerate(groups.values())
            if contender in group
        ]
        places = [place + (index - (len(contenders) - 1) / 2) * width for place, _ in own]
        medians = [median for _, (median, _, _) in own]
        below = [median - least for _, (median, least, _) in own]
        above = [greatest - median for _, (median, _, greatest) in own]
        axes.bar(places, medians, width, yerr=[below, above], label=contender)
    axes.set_xticks(range(len(groups)), list(groups))
    axes.set(yscale="log", ylabel=label, title=title)
    axes.legend()
    return figure


def draw_lines(
    panels: dict[str, dict[str, tuple[list[float], list[float], float]]],
    labels: dict[str, str],
    title: str,
) -> Figure:
    """Draw a panel an axis of growth: times against sizes, both logarithmic, with the fitted
    exponents.

    Parameters
    ----------
    panels
        By axis and contender: (sizes, times, exponent).
    labels
        Of the times, by axis of growth.
    title
        Of the picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(panels), 4), layout="constrained")
    figure.suptitle(title)
    for place, (axis, lines) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), place)
        markers = itertools.cycle("osv^Dx")
        for (contender, (sizes, times, exponent)), marker in zip(
            lines.items(), markers, strict=False
        ):
            axes.plot(sizes, times, marker=marker, label=f"{contender}: {axis}^{exponent:.2f}")
        axes.set(xscale="log", yscale="log", xlabel=axis, ylabel=labels[axis])
        axes.legend()
    return figure


def spread(result: dict[str, Any], units: int = 1) -> tuple[float, float, float]:
    """Return (median, least, greatest) of a measurement's dict in microseconds a step."""
    return tuple(1e6 * result[key] / units for key in ("median", "min", "max"))
