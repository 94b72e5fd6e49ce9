"""The picture: how good contenders are against how long a fit takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fastmlp.files.atomic import write_atomically

from .contenders import is_own, label_of
from .scores import Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OWN_COLOUR, PEER_COLOUR = "#c0392b", "#44546a"
# The same file from the same numbers: no date, names of parts that do not depend on chance, text as
# text.
STYLE = {"svg.hashsalt": "fastmlp", "svg.fonttype": "none", "font.family": "sans-serif"}


def draw(summaries: Sequence[Summary]) -> Figure:
    """Draw the mean score against the processor's seconds of one fit of every table.

    Who was not measured on all tables is left out.
    """
    from matplotlib.figure import Figure

    most = max((each.tables for each in summaries), default=0)
    shown = [each for each in summaries if each.tables == most and each.score is not None]
    figure = Figure(figsize=(7.2, 4), layout="constrained")
    axes = figure.add_subplot()
    middle = _middle([each.processor_seconds for each in shown])
    for each in shown:
        is_right = each.processor_seconds > middle  # its name stands on the other side
        colour = OWN_COLOUR if is_own(each.contender) else PEER_COLOUR
        axes.scatter([each.processor_seconds], [each.score], color=colour, s=45, zorder=3)
        axes.annotate(
            label_of(each.contender),
            (each.processor_seconds, each.score),
            xytext=(-6 if is_right else 6, 6),
            horizontalalignment="right" if is_right else "left",
            textcoords="offset points",
            color=colour,
            weight="bold" if is_own(each.contender) else "normal",
        )
    axes.set(
        xscale="log",
        xlabel=f"seconds of CPU to fit all {most} tables, one thread",
        ylabel="mean normalised score",
        title="0: logistic regression or ridge; 1: the best other library on each table",
    )
    axes.title.set_fontsize(10)
    axes.margins(x=0.16, y=0.12)
    axes.grid(alpha=0.3)
    return figure


def _middle(seconds: Sequence[float]) -> float:
    """Return the middle of a logarithmic axis."""
    return (min(seconds) * max(seconds)) ** 0.5 if seconds else 1.0


def write_picture(path: Path, figure: Figure) -> None:
    """Write the picture in the format that the file's name tells."""
    import matplotlib

    kind = path.suffix.lower().removeprefix(".")
    metadata = {"Date": None} if kind == "svg" else None
    with matplotlib.rc_context(STYLE):
        write_atomically(path, lambda aside: figure.savefig(aside, format=kind, metadata=metadata))
