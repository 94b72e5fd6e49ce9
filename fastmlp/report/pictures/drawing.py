"""One style for all pictures: colours for the colour-blind, SVG that follows light and dark."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.files.atomic import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The palette of Okabe and Ito. Each colour stands for itself on a light ground and for its partner
# on a dark one.
INK, SOFT, GRID, ON_FILL = "#1b1c20", "#5f616b", "#dcdde3", "#fefefe"
BLUE, ORANGE, GREEN = "#0072b2", "#e69f00", "#009e73"
VERMILLION, PURPLE, SKY = "#d55e00", "#cc79a7", "#56b4e9"
DARK = {
    INK: "#ececf1",
    SOFT: "#a9abb6",
    GRID: "#3b3d46",
    ON_FILL: "#0f1014",
    BLUE: "#4fb0ea",
    ORANGE: "#f0b429",
    GREEN: "#2fc296",
    VERMILLION: "#f0813a",
    PURPLE: "#e09cc2",
    SKY: "#8fd0f5",
}
COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, INK)
DASHES = ("-", (0, (5, 2)), (0, (1.2, 1.6)), (0, (6, 2, 1.2, 2)))
MARKERS = "osD^vPX*<>"
# Who is train, validation and test in every picture: colour, dash and marker.
OF_SPLIT = {
    "train": (BLUE, "-", "o"),
    "validation": (GREEN, (0, (1.5, 1.6)), "D"),
    "test": (VERMILLION, (0, (5, 2)), "s"),
}

WIDTH, HEIGHT = 4.8, 3.1  # inches: nine-point letters keep their size on a phone
DOTS = 200  # an inch of a PNG
MOST_MARKERS = 25  # on a line
_COLOUR_IN_STYLE = re.compile(r"(?<=: )#[0-9a-f]{6}\b")

STYLE = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "text.color": INK,
    "text.parse_math": False,  # a class may be called $x$
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "axes.formatter.use_mathtext": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.7,
    "lines.markersize": 4,
    "svg.fonttype": "path",
    "svg.hashsalt": "fastmlp",  # the same numbers give the same file
    "figure.dpi": 100,
}


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture with everything that a page needs to show it."""

    name: str  # stem of its files
    title: str  # its heading
    alt: str  # what is to be seen, for those who do not see it
    figure: Figure
    # the numbers that are drawn, by column of the CSV file; of one length
    columns: Mapping[str, Sequence[Any] | np.ndarray]
    caption: str = ""  # a sentence beneath it
    wide: bool = False  # whether it takes the page's whole width; a phone scrolls it sideways

    def __post_init__(self):
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        # Once, for both files: as the figure's own engine it would run, and draw everything, before
        # each.
        ConstrainedLayoutEngine().execute(self.figure)

    def svg(self) -> str:
        """Return the picture as SVG whose colours follow the reader's choice of light or dark."""
        buffer = io.StringIO()
        nothing = {"Date": None, "Creator": None}  # the same numbers give the same file
        self.figure.savefig(buffer, format="svg", dpi=DOTS, transparent=True, metadata=nothing)
        text = buffer.getvalue()
        text = _COLOUR_IN_STYLE.sub(
            lambda match: f"var(--c{match[0][1:]})" if match[0] in DARK else match[0], text
        )
        head, tag, rest = text[text.index("<svg") :].partition(">")
        return f"{head}{tag}{_STYLE_OF_SVG}{rest}"

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write the picture as PNG and its numbers as CSV into a folder; return both paths."""
        table = folder / f"{self.name}.csv"
        png = self.write_png(folder)
        write_atomically(table, self._write_csv)
        return png, table

    def write_png(self, folder: Path) -> Path:
        """Write the picture alone into a folder; return its path."""
        path = folder / f"{self.name}.png"
        style: dict[str, Any] = {"format": "png", "dpi": DOTS, "facecolor": "white"}
        write_atomically(path, lambda aside: self.figure.savefig(aside, **style))
        return path

    def _write_csv(self, path: Path) -> None:
        columns = [
            column.tolist() if isinstance(column, np.ndarray) else column
            for column in self.columns.values()
        ]
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.columns)
            writer.writerows(zip(*columns, strict=True))


def _svg_variables(colours: Mapping[str, str]) -> str:
    return "".join(f"--c{light[1:]}:{shown};" for light, shown in colours.items())


_STYLE_OF_SVG = (
    f"<style>svg{{{_svg_variables({colour: colour for colour in DARK})}}}"
    f"@media(prefers-color-scheme:dark){{svg{{{_svg_variables(DARK)}}}}}</style>"
)


@contextmanager
def drawing() -> Iterator[None]:
    """Draw inside this block; matplotlib's settings are then as they were."""
    import matplotlib

    from .glyphs import font_families

    settings: dict[Any, Any] = {**STYLE, "font.family": font_families()}
    with matplotlib.rc_context(settings):
        yield


def axes(
    width: float = WIDTH, height: float = HEIGHT, rows: int = 1, columns: int = 1
) -> tuple[Figure, Any]:
    """Return a figure (inches) with its axes, or an array of them, outside pyplot's state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns)


def plot(ax: Axes, split: str, x: Any, y: Any, joined: bool = True, **style: Any) -> None:
    """Plot a split's values in its own colour and marker, ``joined`` by a line in its dash."""
    colour, dash, marker = OF_SPLIT[split]
    style = {"marker": marker, "label": split} | style
    ax.plot(x, y, color=colour, linestyle=dash if joined else "none", **style)


def mark_best(ax: Axes, x: float, words: str) -> None:
    """Mark the best place on the horizontal axis by a dashed line."""
    ax.axvline(x, color=SOFT, linewidth=0.9, linestyle=(0, (2, 2)), zorder=0, label=words)


def size_for_bars(rows: int) -> tuple[float, float]:
    """Return width and height in inches of a chart with so many horizontal bars."""
    return WIDTH, max(HEIGHT, 0.9 + 0.17 * rows)


def plain_numbers(axis: Any, log: bool = False) -> None:
    """Write an axis's numbers as 0.001 rather than as powers of ten in mathematical type."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    if log:
        axis.set_major_locator(LogLocator(numticks=7))
        axis.set_minor_formatter(NullFormatter())
    elif axis.axis_name == "x":  # numbers beside each other need more room than above each other
        axis.set_major_locator(MaxNLocator(nbins=6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))


def whole_numbers(axis: Any) -> None:
    """Put ticks on whole numbers only: half an epoch is none."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=7, integer=True, min_n_ticks=1))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def percents(axis: Any) -> None:
    """Write shares as percent."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g} %"))


def short_number(value: float) -> str:
    """Return a number in few letters: ``0.001``, ``1e-05``, ``12,000``."""
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        text = f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
        return text.replace("-", "−")
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}").replace("-", "−")


def wants_log(values: np.ndarray) -> bool:
    """Return whether values spread so far that only a logarithmic axis shows them all."""
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values)]
    positive = values[values > 0]  # a zero among them is left out of the picture
    if 2 * positive.size <= values.size or values.min() < 0:
        return False
    return bool(positive.max() > 50 * positive.min())


def markers_every(points: int) -> int:
    """Return of how many points one gets a marker."""
    return max(1, -(-points // MOST_MARKERS))


def legend(ax: Axes, columns: int = 3) -> None:
    """Put the legend above the picture, where it hides nothing."""
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        lines = -(-len(handles) // columns)
        style = {"loc": "lower left", "borderaxespad": 0.2, "columnspacing": 1.4}
        ncols = -(-len(handles) // lines)
        ax.legend(handles, labels, bbox_to_anchor=(0, 1), ncols=ncols, **style)
