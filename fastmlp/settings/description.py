"""How one setting is described: its type, range and help, and where it may change."""

from __future__ import annotations

import csv
import io
import math
import sys
import types
import typing
from dataclasses import Field, field
from enum import Flag
from functools import cache
from pathlib import Path
from typing import Any

from fastmlp.errors import UsageError, choose
from fastmlp.spec import Range

LONGEST_SHOWN = 60  # characters of a value that is refused
TYPE_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


class Role(Flag):
    """What a setting takes part in.

    Attributes
    ----------
    RESUME
        It may change when a run goes on: no array of the state and no split depends on it.
    PHASE
        It may change between the phases of a run, and when a run goes on.
    ROWS
        Which rows belong to a step depends on it: where it changes, the epoch begins anew.
    GRADIENT
        It has a part in a gradient, so that a gradient check takes it.
    PLACE
        It says where data lie or how many threads compute; with another value an experiment's run
        is the same run.
    """

    NONE = 0
    RESUME = 1
    PHASE = 2 | RESUME
    ROWS = 4
    GRADIENT = 8
    PLACE = 16


def option(
    group: str,
    default: Any,
    help_text: str,
    accepted: tuple[str, ...] | Range | None = None,
    role: Role = Role.NONE,
) -> Any:
    """Return the dataclass field of a setting.

    Parameters
    ----------
    group
        The section of the help that shows it.
    default
        None where fastmlp chooses.
    help_text
        What it means.
    accepted
        Its words, or the range of its numbers.
    role
        What it takes part in.
    """
    choices = accepted if isinstance(accepted, tuple) else ()
    limits = accepted if isinstance(accepted, Range) else None
    metadata = {"help": help_text, "group": group, "choices": choices, "range": limits}
    return field(default=default, metadata={**metadata, "role": role})


@cache
def _type_hints(table: type) -> dict[str, Any]:
    """Return the types of a table's fields: milliseconds of work, wanted thousands of times."""
    return typing.get_type_hints(table)


def field_type(table: type, name: str) -> tuple[type, bool]:
    """Return the plain type of a setting and whether None is accepted."""
    hint = _type_hints(table)[name]
    if isinstance(hint, types.UnionType):
        return next(part for part in typing.get_args(hint) if part is not type(None)), True
    return hint, False


def converted(kind: type, value: Any) -> Any:
    """Return [256, 128], 0.5, 4 or a path as the setting's type, where nothing is lost."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is str and isinstance(value, (list, tuple)):
        line = io.StringIO()  # a value that holds a comma itself stands in quotes
        csv.writer(line, lineterminator="").writerow([str(each) for each in value])
        return line.getvalue()
    if kind is str and (is_number or isinstance(value, Path)):
        return str(value)
    if kind is float and is_number:
        return float(value) if abs(value) <= sys.float_info.max else math.inf
    return value


def parted(text: str | None) -> tuple[str, ...]:
    """Return the values of a setting that holds several: ``a,b,"c, in mm"``."""
    if text is None:
        return ()
    return tuple(part.strip() for part in next(csv.reader([text], skipinitialspace=True), []))


def check(description: Field, kind: type, optional: bool, value: Any) -> None:
    """Check a value's type and range.

    Raises
    ------
    UsageError
        If it does not fit.
    """
    name, limits = description.name, description.metadata["range"]
    if optional and value is None:
        return
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        shown = " ".join(repr(value).split())  # of an array or a frame: one line, and not all of it
        shown = shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"
        raise UsageError(f"{name} must be {TYPE_WORDS[kind]}; got {shown}.")
    if description.metadata["choices"]:
        choose(name, value, description.metadata["choices"])
    if kind is int and abs(value) >= 2**63:
        raise UsageError(f"{name} must be less than 2^63; got {value}.")
    if kind in (int, float):
        (limits or Range()).check(name, value)
