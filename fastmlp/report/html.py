"""The parts of a report's page: tables, lists, pictures, and the page around them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterable, Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any

from fastmlp.display.html import Html, element
from fastmlp.report.pictures.drawing import Picture

from .words import short


def exact(value: Any, text: str | None = None) -> Html:
    """Return a measured number: short for people, in full for programs and in the tooltip."""
    if value is None or value != value:
        return element("span", "–", class_="missing", title="not measured, or not finite")
    return element(
        "data", short(value) if text is None else text, value=repr(value), title=repr(value)
    )


def percent(value: Any) -> Html:
    """Return a share as percent, in full for programs."""
    return exact(value) if value is None or value != value else exact(value, f"{100 * value:.2f} %")


def table(
    caption: str,
    header: Sequence[Any],
    rows: Iterable[Sequence[Any]],
    texts: int | Collection[int] = 1,
    class_: str = "",
) -> Html:
    """Return a table that can be moved sideways where it is too wide.

    Parameters
    ----------
    caption
        What it shows.
    header
        The columns' headings.
    rows
        Cells; the first of each is the row's heading.
    texts
        How many of the first columns hold texts, or which; they are flush left. The others are
        numbers, flush right.
    class_
        A class of the style sheet.
    """

    def cell(column: int, content: Any, scope: str | None) -> Html:
        side = _side(column, texts)
        return element("th" if scope else "td", content, scope=scope, class_=side)

    head = element("tr", [cell(column, content, "col") for column, content in enumerate(header)])
    body = [
        element(
            "tr",
            [
                cell(column, content, None if column else "row")
                for column, content in enumerate(row)
            ],
        )
        for row in rows
    ]
    parts = element("caption", caption), element("thead", head), element("tbody", body)
    return region(caption, element("table", *parts, class_=class_ or None))


def _side(column: int, texts: int | Collection[int]) -> str | None:
    return None if (column < texts if isinstance(texts, int) else column in texts) else "number"


def region(name: str, content: Html) -> Html:
    """Return content that scrolls sideways by finger and by keyboard where it is too wide."""
    return element("div", content, class_="scroll", role="region", aria_label=name, tabindex="0")


def pairs(items: Iterable[tuple[Any, Any]]) -> Html:
    """Return names and what belongs to them."""
    rows = [element("div", element("dt", name), element("dd", value)) for name, value in items]
    return element("dl", rows)


def bullets(items: Iterable[Any]) -> Html:
    """Return items as a list."""
    return element("ul", [element("li", item) for item in items])


def details(summary: Any, *content: Any) -> Html:
    """Return content that is shown on demand."""
    return element("details", element("summary", summary), *content)


def figure(picture: Picture, folder: str) -> Html:
    """Return a picture with heading, caption and the way to its files.

    Parameters
    ----------
    picture
        As drawn.
    folder
        Where its files are, relative to the page.
    """
    svg = b64encode(picture.svg().encode()).decode("ascii")
    width, height = (round(96 * inches) for inches in picture.figure.get_size_inches())
    source = f"data:image/svg+xml;base64,{svg}"
    image = element("img", src=source, alt=picture.alt, width=width, height=height)
    links = [
        element("a", word, href=f"{folder}/{picture.name}.{suffix}")
        for word, suffix in (("PNG", "png"), ("numbers as CSV", "csv"))
    ]
    files = element("span", links[0], " · ", links[1])
    return element(
        "figure",
        element("h3", picture.title),
        region(picture.title, image) if picture.wide else image,
        element("figcaption", picture.caption, " " if picture.caption else None, files),
        class_="wide" if picture.wide else None,
        id=f"picture-{picture.name}",
    )


def figures(pictures: Iterable[Picture | list[Picture]], folder: str) -> Html | None:
    """Return pictures side by side, those of a list below each other; None without any."""
    shown = [
        element("div", [figure(each, folder) for each in picture], class_="stack")
        if isinstance(picture, list)
        else figure(picture, folder)
        for picture in pictures
    ]
    return element("div", shown, class_="figures") if shown else None


def section(identifier: str, title: str, *content: Any) -> Html:
    """Return a section of the page with its heading."""
    return element("section", element("h2", title), *content, id=identifier)


def page(
    title: str, lead: Sequence[Any], sections: Sequence[tuple[str, str, Sequence[Any]]]
) -> str:
    """Return a whole page that needs nothing from elsewhere: no script, no font, no picture.

    Parameters
    ----------
    title
        Its heading.
    lead
        What stands above the table of contents.
    sections
        (identifier, heading, content) of each; those without content are left out.
    """
    style = files("fastmlp.report").joinpath("page.css").read_text(encoding="utf-8")
    style_hash = b64encode(sha256(style.encode()).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{style_hash}'; base-uri 'none'; "
        "form-action 'none'"
    )
    kept = [each for each in sections if _has_content(each[2])]
    links = bullets(element("a", heading, href=f"#{key}") for key, heading, _ in kept)
    contents = element("nav", element("p", "Contents"), links, aria_label="Contents")
    icon = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("link", rel="icon", href=icon),  # or the browser would look for one
        element("style", Html(style)),
    )
    shown = [section(key, heading, *content) for key, heading, content in kept]
    body = element(
        "body",
        element("a", "To the contents", href="#start", class_="skip"),
        element("header", element("h1", title), *lead),
        contents,
        element("main", shown, id="start"),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _has_content(content: Sequence[Any]) -> bool:
    return any(part is not None and part != [] and part != "" for part in content)
