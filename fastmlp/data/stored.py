"""Checked reading of a model file's data description: the file may come from a stranger."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, overload

import numpy as np

from fastmlp.errors import ModelFileError

MAXIMUM_LENGTH = 10_000_000


def entry(stored: Any, key: str, kind: type | tuple[type, ...]) -> Any:
    """Return ``stored[key]`` if it is of the type(s) ``kind``; booleans are no integers."""
    if not isinstance(stored, dict):
        raise damaged(key, "a table of entries around it", stored)
    value = stored.get(key)
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        names = ["null" if each is type(None) else each.__name__ for each in kinds]
        raise damaged(key, " or ".join(names), value)
    if isinstance(value, (str, list)) and len(value) > MAXIMUM_LENGTH:
        raise damaged(key, f"no longer than {MAXIMUM_LENGTH:,}", f"{len(value):,} long")
    return value


def word(stored: Any, key: str, accepted: Collection[str]) -> str:
    """Return the string under ``key``, one of ``accepted``."""
    value = entry(stored, key, str)
    if value not in accepted:
        raise damaged(key, " or ".join(accepted), value)
    return value


@overload
def texts(stored: Any, key: str) -> tuple[str, ...]: ...


@overload
def texts(stored: Any, key: str, *, optional: bool) -> tuple[str, ...] | None: ...


def texts(stored: Any, key: str, *, optional: bool = False) -> tuple[str, ...] | None:
    """Return the different strings under ``key`` as a tuple, or None if stored and allowed."""
    value = entry(stored, key, (list, type(None)) if optional else list)
    if value is None:
        return None
    if not all(isinstance(each, str) for each in value) or len(set(value)) != len(value):
        raise damaged(key, "a list of different texts", value)
    return tuple(value)


def number(stored: Any, key: str, *, minimum: float = -math.inf) -> float:
    """Return the finite number under ``key``."""
    return _finite(entry(stored, key, (int, float)), key, minimum)


def vector(
    stored: Any, key: str, length: int, *, optional: bool = False, positive: bool = False
) -> np.ndarray | None:
    """Return ``length`` finite float64 numbers under ``key``, or None if stored and allowed."""
    value = entry(stored, key, (list, type(None)) if optional else list)
    if value is None:
        return None
    if len(value) != length:
        raise damaged(key, f"{length:,} numbers", f"{len(value):,} of them")
    numbers = np.array([_finite(each, key) for each in value], np.float64)
    if positive and not (numbers > 0).all():
        raise damaged(key, "numbers over 0", value)
    return numbers


def shape(stored: Any, key: str) -> tuple[int, ...] | None:
    """Return the image shape under ``key``: None, (height, width) or (height, width, channels)."""
    value = entry(stored, key, (list, type(None)))
    if value is None:
        return None
    are_sizes = all(type(each) is int and 0 < each < 2**31 for each in value)
    if len(value) not in (2, 3) or not are_sizes:
        raise damaged(key, "two or three sizes", value)
    return tuple(value)


def _finite(value: Any, key: str, minimum: float = -math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise damaged(key, "a number", value)
    try:
        converted = float(value)
    except OverflowError:
        converted = math.inf
    if not math.isfinite(converted) or converted < minimum:
        wanted = "a finite number" if minimum == -math.inf else f"a number from {minimum:g} on"
        raise damaged(key, wanted, value)
    return converted


def damaged(key: str, wanted: str, found: Any) -> ModelFileError:
    """Return the error for an entry that is not what it should be."""
    shown = ascii(found)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return ModelFileError(
        f"the model's data description is damaged: {key!r} should be {wanted}, it is {shown}."
    )
