"""A small picture of curves, as SVG that stands in a page and is legible on light and on dark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from .html import Html, element
from .texts import measured

WIDTH, HEIGHT = 300, 110
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 8, 18
# Colours in the middle, with a contrast above 3 to white and to black alike; and a dash, for those
# who do not see colours.
LINES = {"train": ("#1f86c9", None), "validation": ("#1d9a78", "2 3"), "test": ("#d9632a", "6 3")}
MOST_POINTS = 200


def curves(title: str, lines: Mapping[str, Sequence[float | None]]) -> Html | None:
    """Return a picture of numbers, epoch by epoch; None if no line has two of them.

    Parameters
    ----------
    title
        What is drawn.
    lines
        By the name of a split, a number each epoch; None and NaN leave a gap.
    """
    points = {name: _points(values) for name, values in lines.items()}
    points = {name: found for name, found in points.items() if len(found) > 1}
    if not points:
        return None
    heights = [y for found in points.values() for _, y in found]
    low, high = min(heights), max(heights)
    epochs = max(x for found in points.values() for x, _ in found)
    words = ", ".join(
        f"{name} from {measured(found[0][1])} to {measured(found[-1][1])}"
        for name, found in points.items()
    )
    drawn = [_line(name, found, epochs, low, high) for name, found in points.items()]
    return element(
        "svg",
        element("title", f"{title} by epoch: {words}"),
        _axes(epochs, low, high),
        drawn,
        _names(points),
        viewBox=f"0 0 {WIDTH} {HEIGHT + 16}",
        width=WIDTH,
        height=HEIGHT + 16,
        role="img",
        font_size="10",
        fill="currentColor",
        style="font-family: sans-serif; overflow: visible",
    )


def _points(values: Sequence[float | None]) -> list[tuple[int, float]]:
    found = [
        (epoch, float(value))
        for epoch, value in enumerate(values, 1)
        if value is not None and math.isfinite(value)
    ]
    step = math.ceil(len(found) / MOST_POINTS) or 1
    return (
        found[::step] if not found or (len(found) - 1) % step == 0 else [*found[::step], found[-1]]
    )


def _x(epoch: float, epochs: int) -> float:
    return round(LEFT + (epoch - 1) / max(epochs - 1, 1) * (WIDTH - LEFT - RIGHT), 1)


def _y(value: float, low: float, high: float) -> float:
    # Halves, since their difference may be too large for a float.
    share = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5
    return round(TOP + (1 - share) * (HEIGHT - TOP - BOTTOM), 1)


def _line(name: str, points: list[tuple[int, float]], epochs: int, low: float, high: float) -> Html:
    colour, dash = LINES.get(name, ("currentColor", None))
    places = " ".join(f"{_x(x, epochs):g},{_y(y, low, high):g}" for x, y in points)
    return element(
        "polyline", points=places, fill="none", stroke=colour, stroke_width="1.8",
        stroke_dasharray=dash,
    )  # fmt: skip


def _axes(epochs: int, low: float, high: float) -> list[Html]:
    bottom = HEIGHT - BOTTOM
    frame = element(
        "path", d=f"M{LEFT} {TOP}V{bottom}H{WIDTH - RIGHT}", fill="none", stroke="currentColor",
        stroke_opacity="0.4",
    )  # fmt: skip
    said = {"text_anchor": "end", "fill_opacity": "0.8"}
    top = element("text", measured(high), x=LEFT - 4, y=TOP + 8, **said)
    least = element("text", measured(low), x=LEFT - 4, y=bottom, **said)
    below = {"y": bottom + 12, "fill_opacity": "0.8"}
    first = element("text", "epoch 1", x=LEFT, **below)
    last = element("text", f"{epochs:,}", x=WIDTH - RIGHT, text_anchor="end", **below)
    return [frame, top, *([least] if high > low else []), first, last]


def _names(points: Mapping[str, object]) -> list[Html]:
    found, x, y = [], LEFT, HEIGHT + 8
    for name in points:
        colour, dash = LINES.get(name, ("currentColor", None))
        drawn = {"stroke": colour, "stroke_width": "1.8", "stroke_dasharray": dash, "fill": "none"}
        found += [element("path", d=f"M{x} {y - 3}h18", **drawn)]
        found += [element("text", name, x=x + 22, y=y)]
        x += 40 + 6 * len(name)
    return found
