"""A card: what something is, in a few entries, a table of numbers and curves; as text and HTML."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .curves import curves
from .html import Html, element
from .texts import measured

WIDEST = 100  # columns of a line of text


@dataclass(frozen=True)
class Card:
    """What is shown of something.

    Attributes
    ----------
    title
        What it is.
    entries
        Names and what belongs to them.
    numbers
        By split, each measure.
    curves
        By measure, for each split a number an epoch.
    warning
        What must be known first; else empty.
    """

    title: str
    entries: Sequence[tuple[str, str]]
    numbers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    curves: Mapping[str, Mapping[str, Sequence[float | None]]] = field(default_factory=dict)
    warning: str = ""

    def as_text(self) -> str:
        """Return a few lines."""
        rows = list(self.entries)
        if self.warning:
            rows.append(("warning", self.warning))
        for split, values in self.numbers.items():
            rows.append((split, ", ".join(f"{name} {measured(v)}" for name, v in values.items())))
        width = max((len(name) for name, _ in rows), default=0)
        lines = [f"  {name:<{width}}  {text}".rstrip() for name, text in rows]
        cut = (line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…" for line in lines)
        return "\n".join([self.title, *cut])

    def as_html(self) -> Html:
        """Return markup that stands alone: no script, no style sheet, nothing from elsewhere."""
        pictures = [
            element(
                "figure",
                element("figcaption", name, style="font-size: 0.85em; opacity: 0.8"),
                picture,
                style="margin: 0",
            )
            for name, lines in self.curves.items()
            if (picture := curves(name, lines)) is not None
        ]
        warning = element("p", element("strong", "⚠ "), self.warning) if self.warning else None
        return element(
            "div",
            element("p", element("strong", self.title), style="margin: 0 0 0.4em"),
            warning,
            _entries(self.entries),
            _numbers(self.numbers) if self.numbers else None,
            element("div", pictures, style="display: flex; flex-wrap: wrap; gap: 1.2em")
            if pictures
            else None,
            class_="fastmlp-card",
            style="color: inherit; background: transparent; line-height: 1.45",
        )


def _cell(tag: str, content: Any, side: str = "left", scope: str | None = None) -> Html:
    style = (
        f"text-align: {side}; padding: 0.1em 1em 0.1em 0; vertical-align: top; "
        "background: transparent; color: inherit"
    )
    return element(tag, content, scope=scope, style=style)


def _table(rows: list[Html], head: Html | None = None) -> Html:
    body = element("tbody", rows)
    return element(
        "table",
        element("thead", head) if head is not None else None,
        body,
        style="border-collapse: collapse; margin: 0 0 0.6em; color: inherit",
    )


def _entries(entries: Sequence[tuple[str, str]]) -> Html:
    return _table(
        [element("tr", _cell("th", name, scope="row"), _cell("td", text)) for name, text in entries]
    )


def _numbers(numbers: Mapping[str, Mapping[str, Any]]) -> Html:
    names = list(dict.fromkeys(name for values in numbers.values() for name in values))
    head = element(
        "tr", _cell("th", "", scope="col"), [_cell("th", name, "right", "col") for name in names]
    )
    rows = [
        element(
            "tr",
            _cell("th", split, scope="row"),
            [
                _cell("td", measured(values[name]) if name in values else "", "right")
                for name in names
            ],
        )
        for split, values in numbers.items()
    ]
    return _table(rows, head)


class Shown(ABC):
    """Something that shows itself as a card."""

    @abstractmethod
    def card(self) -> Card:
        """Return what is to be seen of it."""

    def __repr__(self) -> str:
        return self.card().as_text()

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return str(self.card().as_html())
