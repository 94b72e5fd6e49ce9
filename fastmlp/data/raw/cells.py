"""What a cell looks like, as far as finding a header and a separator needs it."""

from __future__ import annotations

import re

_DIGITS = r"(?:\d{1,3}(?:[,.'’ \u00a0\u202f]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d*)?|[.,]\d+)"
_SIGNS = r"[$€£¥]"
NUMBER = re.compile(
    rf"\(?[+\-−]?{_SIGNS}?\s?[+\-−]?"
    rf"(?:{_DIGITS}(?:[eE][+\-]?\d+)?\s?(?:%|‰|{_SIGNS})?|inf(?:inity)?)\)?",
    re.IGNORECASE | re.ASCII,
)
PLAIN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s?(?:[AaPp][Mm])?\s?(?:Z|[+\-]\d{2}:?\d{2})?"
_MONTH = r"(?:jan|feb|mar|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-zä]*\.?"
_DAY = (
    rf"(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:\d{{4}}|\d{{2}})"
    rf"|\d{{1,2}}[-. ]+{_MONTH}[-. ]+\d{{2,4}}|{_MONTH}\s\d{{1,2}},?\s\d{{4}})"
)
DATE = re.compile(rf"{_DAY}(?:[T ]\s?{_CLOCK})?|{_CLOCK}", re.IGNORECASE)
GAPS = frozenset(
    ["", "na", "n/a", "#n/a", "n.a.", "nan", "-nan", "null", "nil", "none", "?", "-", "--", ".",
     "..", "…", "\\n"]
)  # fmt: skip


def is_gap(text: str) -> bool:
    """Return whether a cell is empty or says that a value is missing."""
    return text.strip().lower() in GAPS


def is_number(text: str) -> bool:
    """Return whether a cell is a number: sign, decimal comma, thousands, per cent, currency."""
    return NUMBER.fullmatch(text.strip()) is not None


def is_value(text: str) -> bool:
    """Return whether a cell is a number, a date or a time: what is seldom the name of a column."""
    text = text.strip()
    if PLAIN.fullmatch(text):  # most cells are, and the other patterns take ten times as long
        return True
    return NUMBER.fullmatch(text) is not None or DATE.fullmatch(text) is not None


def is_name_like(text: str) -> bool:
    """Return whether a cell could be a name: it has a letter, unlike an odd number such as <1.0."""
    return any(sign.isalpha() for sign in text) and not is_gap(text)
