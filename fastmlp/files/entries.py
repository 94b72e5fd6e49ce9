"""Checks for the entries of a run's JSON, since a checkpoint may come from a stranger."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LARGEST_COUNT = 2**53  # up to which a float counts exactly; no training gets there


@dataclass(frozen=True)
class Count:
    """A whole number from ``low`` on, no float and no truth value."""

    low: int = 0

    def accepts(self, value: Any) -> bool:
        """Return whether a value is one."""
        return type(value) is int and self.low <= value <= LARGEST_COUNT

    def __str__(self) -> str:
        return f"a whole number from {self.low} on"


@dataclass(frozen=True)
class Real:
    """A finite number from ``low`` to ``high``, not a truth value; null if ``optional``."""

    low: float = -math.inf
    high: float = math.inf
    optional: bool = False

    def accepts(self, value: Any) -> bool:
        """Return whether a value is one."""
        if value is None:
            return self.optional
        if type(value) not in (int, float):
            return False
        # Compared as it is: an integer may be larger than any float.
        return self.low <= value <= self.high and abs(value) <= sys.float_info.max

    def __str__(self) -> str:
        end = "on" if self.high == math.inf else f"to {self.high:g}"
        limits = "" if self.low == -math.inf else f" from {self.low:g} {end}"
        return f"a finite number{limits}{' or null' if self.optional else ''}"


Rules = Mapping[str, "Count | Real | Rules"]


def check_entries(stored: Any, rules: Rules, name: str) -> None:
    """Raise a ValueError unless ``stored`` has exactly the entries of the rules, as they say.

    Parameters
    ----------
    stored
        What JSON held.
    rules
        By the entries' names; a dict in place of a rule stands for a dict of entries.
    name
        What the message calls ``stored``: ``"position"``.
    """
    if not isinstance(stored, dict):
        raise unfit(name, "a table of entries", stored)
    if missing := rules.keys() - stored.keys():
        raise ValueError(f"{name} lacks {shown(sorted(missing))}")
    if unknown := stored.keys() - rules.keys():
        raise ValueError(f"{name} holds the unknown {shown(sorted(unknown))}")
    for key, rule in rules.items():
        if isinstance(rule, Mapping):
            check_entries(stored[key], rule, f"{name}.{key}")
        elif not rule.accepts(stored[key]):
            raise unfit(f"{name}.{key}", str(rule), stored[key])


def unfit(name: str, wanted: str, found: Any) -> ValueError:
    """Return the error for an entry that is not what it should be."""
    return ValueError(f"{name} should be {wanted}, it is {shown(found)}")


def shown(value: Any) -> str:
    """Return a value as a message may show it: in one line, and short."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
