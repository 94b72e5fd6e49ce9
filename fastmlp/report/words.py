"""Numbers as words: shares, times, and numbers with four digits that count."""

from __future__ import annotations

from typing import Any


def share(value: float) -> str:
    """Return a share as percent: ``97.6 %``; 100 % is for all, and 0 % for none."""
    text = f"{100 * value:.1f}"
    if (text == "100.0" and value < 1) or (text == "0.0" and value > 0):
        text = f"{100 * value:.3g}" if value < 0.5 else f"{100 * value:.2f}"
    return f"{'99.99' if text == '100.00' and value < 1 else text} %"


def short(value: Any) -> str:
    """Return a number with four digits that count, anything else as a text."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.3e}"


def seconds(value: float) -> str:
    """Return a time for people."""
    if value < 1e-3:
        return f"{1e6 * value:.3g} µs"
    if value < 0.1:
        return f"{1000 * value:.3g} ms"
    if value < 1:
        return f"{value:.2f} s"
    if value < 120:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"


def times(count: int) -> str:
    """Return how often."""
    return "once" if count == 1 else f"{count:,} times"


def listed(names: list[str], most: int = 5) -> str:
    """Return names with commas between, the first few of many."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def with_capital(text: str) -> str:
    """Return a text whose first letter is a capital."""
    return text[:1].upper() + text[1:]
