"""Dataclasses from tables of JSON, each entry of its field's type: files may be a stranger's."""

from __future__ import annotations

import typing
from dataclasses import fields
from types import UnionType
from typing import Any


def built(kind: type, table: Any) -> Any:
    """Return a dataclass of the fields in a table, each of which must have the field's type."""
    checked(dict, kind.__name__.lower(), table)
    hints = typing.get_type_hints(kind)
    if unknown := set(table) - set(hints):
        raise ValueError(f"{kind.__name__.lower()} has no {min(unknown)!r}")
    for description in fields(kind):
        if description.name in table:
            checked(hints[description.name], description.name, table[description.name])
    return kind(**table)


def checked(hint: Any, name: str, value: Any) -> Any:
    """Return a value if it has the hinted type; the contents of lists and dicts are not checked."""
    options = typing.get_args(hint) if isinstance(hint, UnionType) else (hint,)
    kinds = tuple(typing.get_origin(option) or option for option in options)
    if float in kinds:
        kinds += (int,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ValueError(f"{name} is {value!r:.50}")
    return value
