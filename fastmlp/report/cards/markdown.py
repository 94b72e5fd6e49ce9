"""Markdown and its front matter from texts: what is not made here is escaped."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastmlp.display.texts import plain

# Signs that mean something in Markdown, in HTML inside it, or in a table.
SIGNS = re.compile(
    r"([\\`*{}\[\]()#+!|~<>&$@]|(?<![a-z0-9])_|_(?![a-z0-9])|:(?=\S)|(?<=\bwww)\.)", re.IGNORECASE
)
LINE_STARTS = re.compile(r"^(\s*)(-(?=[\s-]|$)|=|\d+[.)](?=\s|$))")
PLAIN_KEY = re.compile(r"[a-z][a-z_-]*")


def escaped(text: Any, most: int = 200) -> str:
    """Return a text that Markdown shows as it is, on one line."""
    one_line = " ".join(plain(text, most).split())
    signs = SIGNS.sub(lambda found: f"&#{ord(found[1])};", one_line)

    def start(found: re.Match[str]) -> str:
        *digits, sign = found[2]
        return f"{found[1]}{''.join(digits)}&#{ord(sign)};"

    return LINE_STARTS.sub(start, signs)


def code(text: str, language: str = "") -> str:
    """Return lines of a program as they are, between more backticks than they hold."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], texts: int = 1) -> str:
    """Return a table; cells are escaped, and those after the first ``texts`` flush right."""
    sides = ["---" if column < texts else "---:" for column in range(len(header))]
    lines = [header, sides, *([escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(items: Iterable[str]) -> str:
    """Return items, each Markdown already, as a list."""
    return "\n".join(f"- {item}" for item in items)


def front_matter(values: Mapping[str, Any]) -> str:
    """Return values as the YAML that stands first in a page.

    Texts and numbers are written as JSON, which YAML reads alike; so no text can become anything
    else.
    """
    return "\n".join(["---", *_yaml(values, 0), "---"])


def _yaml(value: Any, depth: int) -> list[str]:
    space = "  " * depth
    lines = []
    if isinstance(value, Mapping):
        for key, inside in value.items():
            if not PLAIN_KEY.fullmatch(key):
                raise ValueError(f"{key!r} is no key of a model card.")
            lines += _entry(f"{space}{key}:", inside, depth)
        return lines
    for inside in value:
        if isinstance(inside, Mapping):
            first, *rest = _yaml(inside, depth + 1)
            lines += [f"{space}- {first.lstrip()}", *rest]
        else:
            lines.append(f"{space}- {_scalar(inside)}")
    return lines


def _entry(start: str, inside: Any, depth: int) -> list[str]:
    if isinstance(inside, (Mapping, list)):
        return [start, *_yaml(inside, depth + 1)]
    return [f"{start} {_scalar(inside)}"]


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False)
