"""HTML from texts: what is not made here is escaped, so that no user's name becomes markup."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

VOID = ("meta", "img", "br", "link")


class Html(str):
    """A text that is markup already."""

    __slots__ = ()


def element(tag: str, /, *content: Any, **attributes: Any) -> Html:
    """Return an element; ``class_`` is ``class``, ``data_x`` is ``data-x``, True needs no value."""
    words = [tag]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        words.append(key if value is True else f'{key}="{escape(str(value))}"')
    start = f"<{' '.join(words)}>"
    return Html(start if tag in VOID else f"{start}{joined(content)}</{tag}>")


def joined(content: Iterable[Any]) -> Html:
    """Return parts in a row: texts escaped, markup as it is, None left out, lists opened."""
    return Html("".join(_as_html(part) for part in content))


def _as_html(part: Any) -> str:
    if part is None:
        return ""
    if isinstance(part, Html):
        return part
    return (
        joined(part)
        if isinstance(part, (list, tuple))
        else escape(str(part)).replace(" %", "\N{NO-BREAK SPACE}%")
    )
