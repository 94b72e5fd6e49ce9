"""Users' texts in pictures: short, on one line, only letters that a font at hand can draw."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache

BASE_FAMILY = "DejaVu Sans"  # comes with matplotlib
# Families with the scripts of East Asia, of which a machine has one or none.
WIDER_FAMILIES = (
    "Noto Sans CJK JP", "Noto Sans JP", "Source Han Sans", "IPAexGothic", "IPAGothic",
    "TakaoGothic", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Hiragino Sans", "Yu Gothic",
    "Microsoft YaHei", "Malgun Gothic", "Arial Unicode MS",
)  # fmt: skip
LONGEST = 16  # letters


@cache
def font_families() -> list[str]:
    """Return the families to draw with: the base and what is there of the wider ones."""
    from matplotlib.font_manager import fontManager

    present = {font.name for font in fontManager.ttflist}
    return [BASE_FAMILY, *(family for family in WIDER_FAMILIES if family in present)]


@cache
def _drawable() -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    files = (findfont(FontProperties(family=family)) for family in font_families())
    return frozenset(code for file in files for code in get_font(file).get_charmap())


def label(text: str, number: int, longest: int = LONGEST) -> str:
    """Return a text as a picture can show it.

    Parameters
    ----------
    text
        Of the user: of any length, in any script.
    number
        Stands in, as ``#3``, where a letter cannot be drawn or nothing would be seen.
    longest
        Letters that are kept; an ellipsis takes the place of the others.
    """
    line = " ".join(str(text).split())
    has_letters = _drawable().issuperset(map(ord, line))
    if not line or not has_letters or any(unicodedata.category(sign)[0] == "C" for sign in line):
        return f"#{number}"
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def labels(texts: Sequence[str], longest: int = LONGEST) -> list[str]:
    """Return texts that a picture can show, numbered from 1 where several became the same."""
    shown = [label(text, number, longest) for number, text in enumerate(texts, 1)]
    return [
        text if shown.count(text) == 1 else f"#{number}" for number, text in enumerate(shown, 1)
    ]
