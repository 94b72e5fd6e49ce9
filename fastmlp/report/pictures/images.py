"""Pictures of images: samples of each class, worst mistakes, the first layer's weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastmlp.data.mapped.rows import Matrix
from fastmlp.report.numbers import first_rows_of_classes, worst_mistakes
from fastmlp.report.words import share

from .drawing import INK, SOFT, VERMILLION, WIDTH, Picture, axes
from .glyphs import labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CLASSES_IN_ROWS, SAMPLES_A_CLASS = 12, 8
MOST_CLASSES = 120
MISTAKES = 12
MOST_UNITS = 64
GAP = 0.12  # between tiles, as a share of their width


def as_images(rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return pixels (rows, height, width, 3) from 0 to 1 of rows as they were read.

    Bytes are divided by 255; other numbers are brought to that range by their least and largest
    value.
    """
    pixels = np.asarray(rows)
    # The digits of scikit-learn go to 16.
    if pixels.dtype == np.uint8 and pixels.max(initial=0) > 16:
        values = pixels / 255.0
    else:
        values = pixels.astype(np.float64)
        low, high = values.min(initial=np.inf), values.max(initial=-np.inf)
        values = (values - low) / (high - low) if high > low else np.zeros_like(values)
    images = values.reshape(len(values), *shape)
    if images.ndim == 3:
        images = images[..., None]
    return np.repeat(images, 3, axis=3) if images.shape[3] == 1 else images[..., :3]


def class_samples(
    pixels: Matrix, encoded: np.ndarray, names: list[str], shape: tuple[int, ...]
) -> Picture:
    """Return samples of each class: a row of them for few classes, one each for many.

    Parameters
    ----------
    pixels
        (rows, columns) features as they were read, of which few are looked at.
    encoded
        (rows,) class numbers.
    names
        Of the classes.
    shape
        Of a row's picture.
    """
    in_rows = len(names) <= MOST_CLASSES_IN_ROWS
    chosen = first_rows_of_classes(encoded, len(names), SAMPLES_A_CLASS if in_rows else 1)
    is_short = in_rows or max(map(len, names)) <= 8
    shown, columns = labels(names, 10 if is_short else 14), SAMPLES_A_CLASS if is_short else 5
    tiles = []
    for number, rows in enumerate(chosen[:MOST_CLASSES]):
        for place, row in enumerate(rows):
            line_and_place = (number, place) if in_rows else divmod(number, columns)
            tiles.append((*line_and_place, row))
    rows = np.array([row for *_, row in tiles])
    grid = _Grid(shape, 1 + max(line for line, *_ in tiles), columns, room=0.0 if in_rows else 0.34)
    for (line, place, row), image in zip(tiles, as_images(pixels[rows], shape), strict=True):
        grid.put(image, line, place, "" if in_rows else shown[encoded[row]])
    if in_rows:
        grid.name_lines(shown)
    layout = "one of each class"
    if in_rows:
        layout = f"a line of up to {columns} for each of {len(names)} classes"
    return Picture(
        "class-samples",
        "Samples of each class",
        f"Grid of {len(tiles)} images from the training rows: {layout}.",
        grid.drawn(),
        {"row": rows + 1, "class": [names[number] for number in encoded[rows]]},
        "The first training rows of each class.",
    )


def mistakes(
    pixels: Matrix,
    encoded: np.ndarray,
    outputs: np.ndarray,
    decided: np.ndarray,
    names: list[str],
    shape: tuple[int, ...],
    places: list[str],
) -> Picture | None:
    """Return the worst mistakes as images with true class, prediction and confidence, if any."""
    rows = worst_mistakes(encoded, outputs, decided, MISTAKES)
    if not len(rows):
        return None
    columns, said_of, true_of = 4, labels(names, 9), labels(names, 18)
    grid = _Grid(shape, -(-len(rows) // columns), columns, room=0.36)
    for number, (row, image) in enumerate(zip(rows, as_images(pixels[rows], shape), strict=True)):
        said = f"→ {said_of[decided[row]]}, {share(float(outputs[row, decided[row]]))}"
        grid.put(image, *divmod(number, columns), true_of[encoded[row]], said)
    first = rows[0]
    return Picture(
        "worst-mistakes",
        "The worst mistakes",
        f"Grid of {len(rows)} images that were taken for another class, the worst first: "
        f"{names[encoded[first]]} taken for {names[decided[first]]} with "
        f"{share(float(outputs[first, decided[first]]))}.",
        grid.drawn(),
        {
            "found_at": [places[row] for row in rows],
            "true": [names[encoded[row]] for row in rows],
            "predicted": [names[decided[row]] for row in rows],
            "output_of_predicted": outputs[rows, decided[rows]],
            "output_of_true": outputs[rows, encoded[rows]],
        },
        "Below each image its true class, then → the predicted one and how sure the model was "
        "of it.",
    )


def first_layer(weights: np.ndarray, shape: tuple[int, ...]) -> Picture:
    """Return what each unit of the first layer looks for: its weights as an image.

    Parameters
    ----------
    weights
        (inputs, units).
    shape
        Of an input as a picture; the mean over the channels is shown.
    """
    from matplotlib import colormaps

    norms = np.linalg.norm(weights, axis=0)
    chosen = np.argsort(-norms, kind="stable")[:MOST_UNITS]
    images = weights[:, chosen].T.reshape(len(chosen), *shape[:2], -1).mean(axis=3)
    limit = float(np.quantile(np.abs(images), 0.998)) or 1.0
    columns = int(np.ceil(np.sqrt(len(chosen))))
    grid = _Grid(shape, -(-len(chosen) // columns), columns)
    colours = colormaps["RdBu_r"]
    for number, image in enumerate(images):
        shown = colours(np.clip(0.5 + image / (2 * limit), 0, 1))[..., :3]
        grid.put(shown, *divmod(number, columns))
    return Picture(
        "first-layer-weights",
        "What the first layer looks for",
        f"Grid of {len(chosen)} of {weights.shape[1]:,} units of the first layer, the "
        f"strongest first: each shows its weights as an image of {shape[0]}×{shape[1]}, from "
        f"−{limit:.3g} in blue over white to {limit:.3g} in red.",
        grid.drawn(),
        {"input": np.arange(1, len(weights) + 1)}
        | {f"unit_{unit + 1}": weights[:, unit] for unit in chosen},
        f"Weights of the {len(chosen)} strongest of {weights.shape[1]:,} units: red raises the "
        f"unit, blue lowers it, up to ±{limit:.3g}.",
    )


class _Grid:
    """Tiles in lines and columns with up to two lines of text below, drawn as one image.

    Lengths are in pixels of the tiles.
    """

    def __init__(self, shape: tuple[int, ...], lines: int, columns: int, room: float = 0.0):
        self.height, self.width = shape[:2]
        self.lines, gap = lines, max(1, round(GAP * self.width))
        self.pitch = self.width + gap
        self.line_height = self.height + math.ceil(room * self.width) + gap
        high, wide = lines * self.line_height - gap, columns * self.pitch - gap
        self.pixels = np.zeros((high, wide, 4))  # transparent
        self.frames: list[list[tuple[int, int]]] = []
        self.figure, self.ax = axes(WIDTH, min(60.0, WIDTH * high / wide + 0.1))
        self.ax.grid(False)
        self.ax.spines[:].set_visible(False)
        self.ax.set_xticks([])
        self.ax.set_yticks([])

    def put(
        self, image: np.ndarray, line: int, place: int, text: str = "", below: str = ""
    ) -> None:
        """Put an image (height, width, 3) into a place, with its text."""
        left, top = place * self.pitch, line * self.line_height
        right, bottom = left + self.width, top + self.height
        self.pixels[top:bottom, left:right, :3] = image
        self.pixels[top:bottom, left:right, 3] = 1
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        self.frames.append(corners)
        for words, offset, colour in ((text, 0.03, INK), (below, 0.18, VERMILLION)):
            if words:
                middle, height = left + self.width / 2, bottom + offset * self.width
                self.ax.text(middle, height, words, ha="center", va="top", size=7.5, color=colour)

    def drawn(self) -> Figure:
        """Draw what was put; return the figure."""
        from matplotlib.collections import LineCollection

        high, wide = self.pixels.shape[:2]
        self.ax.imshow(self.pixels, extent=(0, wide, high, 0), interpolation="none")
        frames = LineCollection(self.frames, colors=SOFT, linewidths=0.3)
        self.ax.add_collection(frames, autolim=False)
        margin = 0.02 * self.width
        self.ax.set(xlim=(-margin, wide + margin), ylim=(high + margin, -margin), aspect="equal")
        return self.figure

    def name_lines(self, names: list[str]) -> None:
        """Write a name at the left of each line."""
        middles = [line * self.line_height + self.height / 2 for line in range(self.lines)]
        self.ax.set_yticks(middles, names[: self.lines])
        self.ax.tick_params(length=0)
