"""Which of a matrix's columns are numbers and which codes; the words for encodings of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastmlp.errors import UsageError
from fastmlp.kernels.constants import PERIODIC_OUTPUTS
from fastmlp.spec import Argument, Range, parse_with_argument

MOST_PARTS = 256  # bins or frequencies of one number


@dataclass(frozen=True)
class EncodingKind:
    """A number encoding's row of the table: the whole number that its word takes, if any."""

    argument: Argument | None = None


NUMBER_ENCODINGS = {
    "plain": EncodingKind(),
    "piecewise": EncodingKind(Argument("the number of bins", 16.0, Range(2, high=MOST_PARTS))),
    "periodic": EncodingKind(
        Argument("the number of frequencies", 16.0, Range(1, high=MOST_PARTS))
    ),
}


def parse_number_encoding(text: str) -> tuple[str, int]:
    """Return a number encoding's name and its count of bins or frequencies, 0 for plain.

    Raises
    ------
    UsageError
        For an unknown word, or a count that is not whole or out of range.
    """
    name, count = parse_with_argument("number encoding", text, NUMBER_ENCODINGS)
    if count != int(count):
        raise UsageError(
            f"number encoding {text!r}: the count must be a whole number; got {count:g}."
        )
    return name, int(count)


@dataclass(frozen=True)
class InputColumns:
    """What the columns of a network's input are; those that are in neither list pass as they are.

    Attributes
    ----------
    numbers
        Positions of numbers, ascending: what a number encoding encodes.
    codes
        Positions of columns of codes, ascending, each with the count of its codes.
    bins
        The components of each number's piecewise-linear encoding: 0, or at least 2.
    """

    numbers: tuple[int, ...]
    codes: tuple[tuple[int, int], ...] = ()
    bins: tuple[int, ...] = ()

    @classmethod
    def all_numbers(cls, inputs: int, number_encoding: str) -> InputColumns:
        """Return what is said of columns of which nothing is known: each is a number."""
        name, count = parse_number_encoding(number_encoding)
        return cls(tuple(range(inputs)), (), (count,) * inputs if name == "piecewise" else ())

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> InputColumns:
        """Return what ``dataclasses.asdict`` made of one, lists in place of tuples."""
        codes = tuple((position, count) for position, count in kept["codes"])
        return cls(tuple(kept["numbers"]), codes, tuple(kept["bins"]))

    def check(self, inputs: int, number_encoding: str) -> None:
        """Check that they fit an input of so many columns: kernels take positions on trust.

        Raises
        ------
        UsageError
            If a position or count is none, or stands where it cannot.
        """
        positions = [*self.numbers, *(position for position, _ in self.codes)]
        counts = [*self.bins, *(count for _, count in self.codes)]
        are_whole = all(type(each) is int for each in (*positions, *counts))
        inside = are_whole and all(0 <= each < inputs for each in positions)
        ascending = inside and all(
            sorted(set(each)) == list(each)
            for each in (self.numbers, [position for position, _ in self.codes])
        )
        if not ascending or len(set(positions)) != len(positions):
            raise UsageError(
                f"the input's columns must be different positions below {inputs}; got {self}."
            )
        name, _ = parse_number_encoding(number_encoding)
        fits = len(self.bins) == (len(self.numbers) if name == "piecewise" else 0)
        sizes = all(each == 0 or 2 <= each <= MOST_PARTS for each in self.bins)
        if not (fits and sizes and all(count >= 1 for _, count in self.codes)):
            raise UsageError(
                f"the input's columns need at least one code each, and for {number_encoding} bins "
                f"of each number alone; got {self}."
            )

    def names(
        self, given: Sequence[str], number_encoding: str, embedding_width: int
    ) -> tuple[str, ...]:
        """Return names of what the first layer behind encodings and embeddings reads."""
        name, _ = parse_number_encoding(number_encoding)
        counts = {"plain": [0] * len(self.numbers), "piecewise": self.bins}
        counts["periodic"] = [PERIODIC_OUTPUTS] * len(self.numbers)
        codes = [position for position, _ in self.codes]
        parts = [
            (position, 1, count) for position, count in zip(self.numbers, counts[name], strict=True)
        ]
        parts += [(position, 1, embedding_width) for position in codes]
        plain = (text for position, text in enumerate(given) if position not in codes)
        own = (f"{given[at]}[{i}]" for at, start, count in parts for i in range(start, count + 1))
        return (*plain, *own)

    def plain(self, inputs: int) -> np.ndarray:
        """Return the positions of all columns but those of codes, int64."""
        return np.setdiff1d(np.arange(inputs), [position for position, _ in self.codes])


@dataclass(frozen=True)
class InputSizes:
    """What encodings and embeddings add up to, before a network is made.

    Attributes
    ----------
    width
        Columns that the first layer behind them reads.
    parameters
        How many numbers of theirs are trained.
    """

    width: int
    parameters: int

    @classmethod
    def of(
        cls, inputs: int, columns: InputColumns | None, number_encoding: str, embedding_width: int
    ) -> InputSizes:
        """Return the sizes for an input of so many columns, all numbers where nothing is said.

        No list is made: the input may be far too wide for one.
        """
        name, count = parse_number_encoding(number_encoding)
        numbers, bins, codes = inputs, inputs * count, ()
        if columns is not None:
            numbers, bins, codes = len(columns.numbers), sum(columns.bins), columns.codes
        outputs = {"plain": 0, "piecewise": bins, "periodic": PERIODIC_OUTPUTS * numbers}[name]
        trained = numbers * (2 * count + PERIODIC_OUTPUTS * (count + 1)) * (name == "periodic")
        table = embedding_width * sum(rows for _, rows in codes)
        return cls(inputs + outputs + len(codes) * (embedding_width - 1), trained + table)
