"""What the tests of the report share: small data, and a reader of pages."""

import csv
from html.parser import HTMLParser

import numpy as np

HOSTILE_NAMES = (
    "<script>alert(1)</script>",
    "$\\frac{x$",
    "a" * 300,
    "\x1b[31mred",
    "&amp;\"'><img src=x onerror=alert(2)>",
    "かな",
)


def table(
    path, rows=120, names=("ash", "birch", "cedar"), columns=("width", "height", "age"), seed=0
):
    """Write a CSV file whose columns tell the class in the last one; classes differ in size."""
    generator = np.random.default_rng(seed)
    classes = np.sort(generator.integers(0, len(names), rows) * generator.integers(0, 2, rows))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "kind"])
        for number in generator.permutation(classes):
            writer.writerow(
                [*(generator.normal(size=len(columns)) + number).round(3), names[number]]
            )
    return path


def images(path, rows=120, classes=3, shape=(6, 5), seed=0):
    """Write an .npz file of images of which one line of pixels tells the class."""
    generator = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    pixels = generator.integers(0, 120, (rows, *shape)).astype(np.uint8)
    pixels[np.arange(rows), labels] += 100
    np.savez(path, X=pixels, y=labels)
    return path


class PageReader(HTMLParser):
    """Reads what a page holds: elements by their name, measured numbers, texts, identifiers.

    Attributes
    ----------
    elements
        (name, attributes) of each start tag.
    numbers
        The values of ``data`` elements.
    rows
        The cells of each row of each table, as texts.
    text
        All that is to be read.
    """

    def __init__(self, html):
        super().__init__()
        self.elements, self.numbers, self.rows, self.text = [], [], [], ""
        self._in_cell = self._in_style = False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.append((tag, attributes))
        if tag == "data":
            self.numbers.append(float(attributes["value"]))
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True
        elif tag == "style":
            self._in_style = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._in_cell = False
        elif tag == "style":
            self._in_style = False

    def handle_data(self, data):
        if self._in_cell:
            self.rows[-1][-1] += data
        if not self._in_style:
            self.text += data

    def attributes(self, tag):
        """Return the attributes of every element of a name."""
        return [attributes for name, attributes in self.elements if name == tag]

    def row(self, first):
        """Return the row whose first cell is so."""
        return next(row for row in self.rows if row and row[0] == first)


def read_page(path):
    return PageReader(path.read_text(encoding="utf-8"))


def read_table(path):
    """Return the columns of a CSV file, as texts."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return {name: [row[column] for row in rows] for column, name in enumerate(header)}
