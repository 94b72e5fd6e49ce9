"""What users write: words such as ``relu`` or ``step(10, 0.5)``, and the ranges of numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from .errors import UsageError, choose

_PATTERN = re.compile(r"\s*([A-Za-z][\w-]*)\s*(?:\(([^()]*)\))?\s*")


@dataclass(frozen=True)
class Range:
    """The finite numbers from ``low`` or above ``above``, up to ``high`` or below ``below``."""

    low: float = -math.inf
    above: float = -math.inf
    below: float = math.inf
    high: float = math.inf

    def __str__(self) -> str:
        words = {"at least": self.low, "greater than": self.above}
        words |= {"less than": self.below, "at most": self.high}
        return " and ".join(f"{word} {end:g}" for word, end in words.items() if math.isfinite(end))

    def check(self, name: str, value: float) -> float:
        """Return ``value`` if it is finite and in range, else raise a UsageError about ``name``."""
        finite = math.isfinite(value)
        if finite and self.low <= value <= self.high and self.above < value < self.below:
            return value
        words = ", ".join(filter(None, ["" if finite else "a finite number", str(self)]))
        raise UsageError(f"{name} must be {words}; got {value:g}.")


NOT_NEGATIVE, POSITIVE, AT_LEAST_1 = Range(low=0), Range(above=0), Range(low=1)
SHARE, INNER_SHARE = Range(low=0, below=1), Range(above=0, below=1)


@dataclass(frozen=True)
class Argument:
    """A number that a word may take, as ``leaky_relu(0.2)`` does.

    Attributes
    ----------
    name
        What an error message calls it: ``"the slope"``.
    default
        Where the word stands alone, if it may.
    range
        The numbers that are accepted.
    most
        How many of them, in ascending order, may be given.
    """

    name: str
    default: float
    range: Range
    most: int = 1


def parse_with_argument(
    what: str, text: str, table: Mapping[str, Any], aliases: Mapping[str, str] | None = None
) -> tuple[str, float]:
    """Return a name of a table and its number: the one given, its default, or 0 where it has none.

    See parse_with_arguments; of several numbers the first.
    """
    name, given = parse_with_arguments(what, text, table, aliases)
    return name, given[0] if given else 0.0


def parse_with_arguments(
    what: str, text: str, table: Mapping[str, Any], aliases: Mapping[str, str] | None = None
) -> tuple[str, tuple[float, ...]]:
    """Return a name of a table and its numbers: those given, its default, or none.

    The table's rows have an attribute ``argument``, an Argument or None; the other parameters are
    those of parse_spec.

    Raises
    ------
    UsageError
        As parse_spec, and for a number out of range, or numbers that do not ascend.
    """
    accepted = {name: (0, row.argument.most if row.argument else 0) for name, row in table.items()}
    name, arguments = parse_spec(what, text, accepted, aliases)
    argument = table[name].argument
    if argument is None:
        return name, ()
    given = numbers(what, text, arguments) if arguments else [argument.default]
    for value in given:
        argument.range.check(f"{what} {text!r}: {argument.name}", value)
    if any(second <= first for first, second in pairwise(given)):
        raise UsageError(f"{what} {text!r}: the numbers must ascend.")
    return name, tuple(given)


def split_outside_brackets(text: str) -> list[str]:
    """Return the parts of a text between commas; one inside brackets belongs to an argument:
    ``leaky_relu(0.1),tanh`` has two parts.
    """
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def per_layer(name: str, values, layers: int) -> list:
    """Return one value a hidden layer: one serves all, none is 0.0; else a UsageError."""
    if isinstance(values, str):
        values = split_outside_brackets(values)
    values = list(values) or [0.0]
    if len(values) == 1:
        return values * layers
    if len(values) != layers:
        raise UsageError(
            f"{name} has {len(values)} values for {layers} hidden layer(s); "
            "give one, or one a layer."
        )
    return values


def parse_specs(
    what: str, text: str, accepted: Mapping[str, Sequence[Argument]]
) -> dict[str, list[float]]:
    """Return the words of ``name(a, b),other(c)`` with their numbers, each of them checked.

    Parameters
    ----------
    what, text
        As for parse_spec.
    accepted
        For each name the numbers that it takes, none of which may be left out.

    Raises
    ------
    UsageError
        As parse_spec; for a number out of range, and a name that comes twice.
    """
    counts = {name: (len(taken), len(taken)) for name, taken in accepted.items()}
    found: dict[str, list[float]] = {}
    for part in split_outside_brackets(text):
        name, arguments = parse_spec(what, part.strip(), counts)
        if name in found:
            raise UsageError(f"{what} {text!r} has {name} twice; give it once.")
        values = zip(accepted[name], numbers(what, text, arguments), strict=True)
        found[name] = [
            taken.range.check(f"{what} {part.strip()!r}: {taken.name}", value)
            for taken, value in values
        ]
    return found


def parse_spec(
    what: str,
    text: str,
    accepted: Mapping[str, tuple[int, int]],
    aliases: Mapping[str, str] | None = None,
) -> tuple[str, list[float | str]]:
    """Split ``name(a, b)`` into its name and arguments.

    Parameters
    ----------
    what
        What the word stands for, as an error message should begin: ``"activation"``.
    text
        The user's word. Hyphens count as underscores.
    accepted
        For each name the least and the largest number of arguments.
    aliases
        Other words for some of these names.

    Returns
    -------
    name : str
    arguments : list of float or str
        Finite numbers, or words where an argument is not a number.

    Raises
    ------
    UsageError
        For another form, an unknown name, a wrong number of arguments, or a number that is not
        finite.
    """
    match = _PATTERN.fullmatch(str(text))
    if not match:
        raise UsageError(
            f"{what} {text!r} cannot be read. "
            f"Write a name, or name(number, …): {', '.join(accepted)}."
        )
    word = match[1].lower().replace("-", "_")
    name = choose(what, (aliases or {}).get(word, word), accepted)
    arguments = (
        [_argument(what, text, part) for part in match[2].split(",")]
        if (match[2] or "").strip()
        else []
    )
    least, largest = accepted[name]
    if not least <= len(arguments) <= largest:
        count = str(least) if least == largest else f"{least} to {largest}"
        raise UsageError(f"{what} {text!r} has {len(arguments)} argument(s); {name} takes {count}.")
    return name, arguments


def numbers(what: str, text: str, arguments: list[float | str]) -> list[float]:
    """Return the arguments if all of them are numbers, else raise a UsageError."""
    found = []
    for argument in arguments:
        if isinstance(argument, str):
            raise UsageError(f"{what} {text!r}: {argument!r} is not a number.")
        found.append(argument)
    return found


def _argument(what: str, text: str, part: str) -> float | str:
    part = part.strip()
    try:
        value = float(part)
    except ValueError:
        if re.fullmatch(r"[A-Za-z_]+", part):
            return part
        raise UsageError(f"{what} {text!r}: {part!r} is neither a number nor a word.") from None
    if not math.isfinite(value):
        raise UsageError(f"{what} {text!r}: {part} is not a finite number.")
    return value
