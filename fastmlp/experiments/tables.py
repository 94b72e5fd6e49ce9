"""Reads unchecked tables of a TOML file: each key has a type, and none is overlooked."""

from __future__ import annotations

import math
import re
from typing import Any

from fastmlp.errors import UsageError, did_you_mean

LONGEST_TEXT = 20_000  # characters
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number",
         dict: "a table", list: "a list"}  # fmt: skip


class Table:
    """A table whose keys are taken one by one; ``finish`` refuses what is left.

    Parameters
    ----------
    where
        What an error should call the table: ``"sweeps[2]"``.
    values
        The table as it was read.

    Raises
    ------
    UsageError
        If ``values`` is no table.
    """

    def __init__(self, where: str, values: Any):
        if not isinstance(values, dict):
            raise UsageError(f"{where} must be a table; got {values!r:.60}.")
        self.where, self.values = where, values
        self._left, self._known = dict(values), []

    def take(self, key: str, kind: type, default: Any = None) -> Any:
        """Return a value of the given type, or the default where the key is missing."""
        self._known.append(key)
        if key not in self._left:
            return default
        value = self._left.pop(key)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            raise self.error(key, f"must be {WORDS[kind]}; got {value!r:.60}")
        if isinstance(value, float) and not math.isfinite(value):
            raise self.error(key, f"must be a finite number; got {value}")
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise self.error(key, f"is longer than {LONGEST_TEXT:,} characters")
        return value.strip() if isinstance(value, str) else value

    def take_any(self, key: str) -> Any:
        """Return a value of any type, None where the key is missing."""
        self._known.append(key)
        return self._left.pop(key, None)

    def take_name(self, key: str, default: str | None = None) -> str:
        """Return a word that can be the name of a folder."""
        name = self.take(key, str, default)
        if name is None or not NAME.fullmatch(name):
            text = f"must be letters, digits, '.', '_' and '-', at most 80; got {name!r:.100}"
            raise self.error(key, text)
        return name

    def take_choice(self, key: str, accepted: tuple[str, ...], default: str) -> str:
        """Return one of the accepted words."""
        word = self.take(key, str, default)
        if word not in accepted:
            text = f"{word!r} is not known{did_you_mean(word, accepted)}"
            raise self.error(key, f"{text} Accepted: {', '.join(accepted)}")
        return word

    def take_tables(self, key: str, most: int) -> list[Table]:
        """Return a list of tables, empty where the key is missing."""
        tables = self.take(key, list, [])
        if len(tables) > most:
            raise self.error(key, f"holds {len(tables):,} tables; at most {most:,} are read")
        where = key if self.where == "the recipe" else f"{self.where}.{key}"
        return [Table(f"{where}[{number}]", values) for number, values in enumerate(tables, 1)]

    def finish(self) -> None:
        """Refuse keys that nobody has taken."""
        for key in self._left:
            text = f"{self.where} has no key {key!r}{did_you_mean(key, self._known)}"
            raise UsageError(f"{text} Keys: {', '.join(self._known)}.")

    def error(self, key: str, text: str) -> UsageError:
        """Return the error that says what is wrong with a key."""
        return UsageError(f"{self.where}: {key} {text}.")
